package pack

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// The table of a pack, behind its last record: for each record in the order of the pack
//
//	kind, name, SHA-256 of the payload (not of a Blob, whose name it is), uvarint size, uvarint length
//
// Records lie side by side from the pack's header to its table, so their offsets follow from their lengths. The footer is
//
//	 0  8  offset of the table
//	 8  8  length of the table
//	16 32  SHA-256 of the table
//	48  8  "cc-foot" and the version
const (
	footerSize    = 56
	maxTableEntry = 1 + 2*keySize + 2*5 // sizes are below 2^35
)

func appendTable(b []byte, records []Record) []byte {
	for _, r := range records {
		b = append(b, byte(r.Kind))
		b = appendKey(b, r.Name)
		if r.Kind != Blob {
			b = appendKey(b, r.Sum)
		}
		b = binary.AppendUvarint(b, uint64(r.Size))
		b = binary.AppendUvarint(b, uint64(r.Length))
	}
	return b
}

func footer(offset int64, table []byte) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, footerSize), uint64(offset))
	b = binary.BigEndian.AppendUint64(b, uint64(len(table)))
	sum := sha256.Sum256(table)
	b = append(b, sum[:]...)
	return append(b, footMagic...)
}

// ReadTable returns the records of a sealed pack of size bytes in the order of their offsets, but for those of unknown kinds. It
// reads the pack's header, footer and table; that the records are what the table says, Decode finds out. Its errors are ErrVersion,
// ErrCorrupt or what r failed with.
func ReadTable(r io.ReaderAt, size int64) ([]Record, error) {
	records, err := readTable(r, size)
	if err != nil {
		return nil, fmt.Errorf("read table of a pack: %w", err)
	}
	return records, nil
}

func readTable(r io.ReaderAt, size int64) ([]Record, error) {
	if size < magicSize+footerSize || size > MaxPack {
		return nil, corrupt("a pack of %d bytes", size)
	}
	head, err := readRange(r, 0, magicSize)
	if err != nil {
		return nil, err
	}
	if err := checkMagic(head, packMagic); err != nil {
		return nil, err
	}
	foot, err := readRange(r, size-footerSize, footerSize)
	if err != nil {
		return nil, err
	}
	if string(foot[48:]) != footMagic {
		return nil, corrupt("no footer")
	}
	offset, length := binary.BigEndian.Uint64(foot), binary.BigEndian.Uint64(foot[8:])
	room := uint64(size - footerSize)
	if offset < magicSize || offset > room || length != room-offset || length > MaxRecords*maxTableEntry {
		return nil, corrupt("a table at %d of %d bytes in a pack of %d", offset, length, size)
	}
	table, err := readRange(r, int64(offset), int64(length))
	if err != nil {
		return nil, err
	}
	if sha256.Sum256(table) != [sha256.Size]byte(foot[16:48]) {
		return nil, corrupt("checksum of the table")
	}
	return parseTable(table, int64(offset))
}

// parseTable returns the records of the known kinds. end is the table's own offset.
func parseTable(table []byte, end int64) ([]Record, error) {
	var records []Record
	p := parser{b: table}
	at := int64(magicSize)
	for count := 0; len(p.b) > 0; count++ {
		r := Record{Kind: Kind(p.byte()), Name: p.key(), Offset: at}
		r.Sum = r.Name
		if r.Kind != Blob {
			r.Sum = p.key()
		}
		r.Size, r.Length = p.number(MaxRecord), p.number(MaxRecord+headerSize)
		if p.err != nil {
			return nil, p.err
		}
		if err := checkSizes(r.Kind, r.Name, r.Sum, r.Size, r.Length); err != nil {
			return nil, err
		}
		if at += r.Length; at > end || count == MaxRecords {
			return nil, corrupt("more records than the pack holds")
		}
		if r.Kind.known() {
			records = append(records, r)
		}
	}
	if p.err != nil {
		return nil, p.err
	}
	if at != end {
		return nil, corrupt("%d bytes before the table that no record is in", end-at)
	}
	return records, nil
}

// readRange reads exactly n bytes. It allocates as bytes arrive, so a length that only a footer claims costs nothing.
func readRange(r io.ReaderAt, offset, n int64) ([]byte, error) {
	b, err := io.ReadAll(io.NewSectionReader(r, offset, n))
	if err == nil && int64(len(b)) < n {
		err = corrupt("%d bytes at %d, want %d: %w", len(b), offset, n, io.ErrUnexpectedEOF)
	}
	return b, err
}

// sumOf returns the SHA-256 of a file's first size bytes.
func sumOf(f io.ReaderAt, size int64) (digest.Key, error) {
	h := digest.NewHasher()
	n, err := io.Copy(h, io.NewSectionReader(f, 0, size))
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	return digest.KeyFromSum(h.Digest().Sum()), err
}
