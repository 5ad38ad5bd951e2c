package pack

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// ErrVersion is the answer to bytes of another version of the format: nothing is wrong with them, but this program cannot read them.
var ErrVersion = errors.New("another version of the format")

// ErrCorrupt is the answer to bytes that are not what they should be.
var ErrCorrupt = errors.New("corrupt")

// Limits. A reader refuses what exceeds them, so they are part of the format.
const (
	MaxRecord  = 1 << 30   // bytes of a payload; larger blobs are not put into a bucket
	MaxPack    = 1<<32 - 1 // bytes of a pack: offsets take 4 bytes in an index
	MaxRecords = 1 << 20   // records of a pack
	MaxIndex   = 256 << 20 // bytes of an index
	MaxProfile = 16 << 20  // bytes of a profile
	MaxPacks   = 1 << 16   // packs of an index or a profile
	MaxScope   = 200       // bytes of a scope
	MaxAge     = 1 << 20   // of an item of a profile

	// maxRatio bounds how far a record may expand. Object files shrink by 3 to 10; what shrinks further is mostly zeroes, and is
	// stored raw. Below freeSize any ratio is allowed: expanding costs nothing worth a refusal.
	maxRatio = 200
	freeSize = 1 << 20

	// maxWindow bounds the memory of a decoder.
	maxWindow = 8 << 20

	maxProvenance = 16 << 10 // bytes of the JSON
)

// Each magic is seven letters and the version, so that a reader can tell another version from something else.
const (
	version      = 1
	packMagic    = "cc-pack\x01"
	footMagic    = "cc-foot\x01"
	indexMagic   = "cc-indx\x01"
	profileMagic = "cc-prof\x01"
	magicSize    = 8
)

// checkMagic says whether b begins with the magic want.
func checkMagic(b []byte, want string) error {
	switch {
	case len(b) < magicSize || string(b[:magicSize-1]) != want[:magicSize-1]:
		return corrupt("it does not begin with %q", want[:magicSize-1])
	case b[magicSize-1] != want[magicSize-1]:
		return fmt.Errorf("%s version %d: %w", want[:magicSize-1], b[magicSize-1], ErrVersion)
	}
	return nil
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrCorrupt}, args...)...)
}

// The header in front of each record:
//
//	 0  4  "ccrd"
//	 4  1  kind
//	 5  1  encoding: 0 raw, 1 zstd
//	 6  2  zero
//	 8 32  name
//	40 32  SHA-256 of the payload
//	72  8  size of the payload
//	80  8  bytes that follow the header
//	88  4  CRC-32C of the bytes that follow
//	92  4  CRC-32C of the 92 bytes before
//
// Numbers are big-endian, here and everywhere.
const (
	recordMagic = "ccrd"
	headerSize  = 96
)

// Encodings of a payload.
const (
	encodingRaw  = 0
	encodingZstd = 1
)

// header is a record's header.
type header struct {
	kind     Kind
	encoding uint8
	name     digest.Key
	sum      digest.Key
	size     int64
	stored   int64
	crc      uint32 // of the stored bytes
}

func (h header) bytes() []byte {
	b := make([]byte, 0, headerSize)
	b = append(b, recordMagic...)
	b = append(b, byte(h.kind), h.encoding, 0, 0)
	b = appendKey(b, h.name)
	b = appendKey(b, h.sum)
	b = binary.BigEndian.AppendUint64(b, uint64(h.size))
	b = binary.BigEndian.AppendUint64(b, uint64(h.stored))
	b = binary.BigEndian.AppendUint32(b, h.crc)
	return binary.BigEndian.AppendUint32(b, checksum(0, b))
}

// parseHeader reads a header, all of whose fields are then within the limits.
func parseHeader(b []byte) (header, error) {
	if len(b) != headerSize || string(b[:4]) != recordMagic {
		return header{}, corrupt("no record header")
	}
	if checksum(0, b[:headerSize-4]) != binary.BigEndian.Uint32(b[headerSize-4:]) {
		return header{}, corrupt("checksum of a record header")
	}
	h := header{
		kind:     Kind(b[4]),
		encoding: b[5],
		name:     keyAt(b[8:]),
		sum:      keyAt(b[40:]),
		size:     int64(binary.BigEndian.Uint64(b[72:])),
		stored:   int64(binary.BigEndian.Uint64(b[80:])),
		crc:      binary.BigEndian.Uint32(b[88:]),
	}
	if b[6] != 0 || b[7] != 0 || h.encoding != encodingRaw && h.encoding != encodingZstd {
		return header{}, corrupt("record of an unknown encoding")
	}
	if h.encoding == encodingRaw && h.stored != h.size {
		return header{}, corrupt("raw record of %d bytes in %d", h.size, h.stored)
	}
	if h.stored < 0 || h.stored > MaxRecord {
		return header{}, corrupt("record of %d bytes", h.stored)
	}
	return h, checkSizes(h.kind, h.name, h.sum, h.size, h.stored+headerSize)
}

// record returns the record that h heads at offset.
func (h header) record(offset int64) Record {
	return Record{Kind: h.kind, Name: h.name, Sum: h.sum, Size: h.size, Offset: offset, Length: h.stored + headerSize}
}

// checkSizes holds a record to the limits, wherever it is told of.
func checkSizes(kind Kind, name, sum digest.Key, size, length int64) error {
	if kind == 0 {
		return corrupt("record of kind 0")
	}
	if kind == Blob && name != sum {
		return corrupt("blob %s with the sum %s", name.Short(), sum.Short())
	}
	if size < 0 || size > MaxRecord {
		return corrupt("payload of %d bytes, at most %d are allowed", size, MaxRecord)
	}
	// What does not shrink is stored raw, so nothing is stored in more bytes than it has.
	if length < headerSize || length > headerSize+size || length == headerSize && size != 0 {
		return corrupt("payload of %d bytes in a record of %d", size, length)
	}
	if size > freeSize && size/maxRatio >= length-headerSize {
		return corrupt("payload of %d bytes in a record of %d: more than %d-fold", size, length, maxRatio)
	}
	return nil
}

// checkPlace says whether a record lies between the header and the footer of a pack of packSize bytes.
func checkPlace(r Record, packSize int64) error {
	if r.Offset < magicSize || r.Offset > packSize || r.Length > packSize-footerSize-r.Offset {
		return corrupt("record at %d of %d bytes in a pack of %d", r.Offset, r.Length, packSize)
	}
	return nil
}

func (k Kind) known() bool { return k >= Blob && k <= Note }

const keySize = sha256.Size

func appendKey(b []byte, k digest.Key) []byte {
	sum := k.Sum()
	return append(b, sum[:]...)
}

// keyAt returns the key that b begins with.
func keyAt(b []byte) digest.Key { return digest.KeyFromSum([keySize]byte(b[:keySize])) }
