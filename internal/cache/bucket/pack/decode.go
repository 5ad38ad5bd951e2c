package pack

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// Decode returns the payload of a record. r yields the record's Length bytes, its header included; not one byte more is read, and
// once the payload has ended with io.EOF all of them have been, so r may be a longer stream. The header must say of kind, name, sum
// and size what rec says. The reader ends with io.EOF only where the payload has rec.Size bytes with the SHA-256 rec.Sum, else with an
// error: ErrCorrupt, or what r failed with. It tells the digest of what it gave (cache.Hashed), is for one goroutine, and must be closed, which
// does not close r.
func Decode(rec Record, r io.Reader) (io.ReadCloser, error) {
	p, err := decode(rec, r)
	if err != nil {
		return nil, fmt.Errorf("decode record %s: %w", rec.Name.Short(), err)
	}
	return p, nil
}

func decode(rec Record, r io.Reader) (*payload, error) {
	if err := checkSizes(rec.Kind, rec.Name, rec.Sum, rec.Size, rec.Length); err != nil {
		return nil, err
	}
	head := make([]byte, headerSize)
	if n, err := io.ReadFull(r, head); err != nil {
		return nil, ended(int64(n), rec.Length, err)
	}
	h, err := parseHeader(head)
	if err != nil {
		return nil, err
	}
	if h.record(rec.Offset) != rec {
		return nil, corrupt("its header is that of %s, size %d, sum %s, %d bytes", h.name.Short(), h.size, h.sum.Short(), h.stored)
	}
	return open(rec, h, r), nil
}

// open returns the payload behind a header that was read from r.
func open(rec Record, h header, r io.Reader) *payload {
	p := &payload{rec: rec, crc: h.crc, stored: stored{r: r, left: h.stored}, hash: sha256.New(), left: h.size}
	if h.encoding == encodingRaw {
		p.r = &p.stored
		return p
	}
	p.decoder = decoders.Get().(*zstd.Decoder)
	p.r = p.decoder
	if err := p.reset(); err != nil {
		p.err = p.failure(err)
	}
	return p
}

// stored reads the bytes behind a header, and keeps count.
type stored struct {
	r    io.Reader
	left int64
	crc  uint32
	err  error // of r; what the decoder makes of it may hide it
}

func (s *stored) Read(b []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	if s.left == 0 {
		return 0, io.EOF
	}
	n, err := s.r.Read(b[:min(int64(len(b)), s.left)])
	s.left -= int64(n)
	s.crc = checksum(s.crc, b[:n])
	if err != nil && s.left > 0 {
		s.err = ended(0, s.left, err)
		return n, s.err
	}
	return n, nil
}

// ended is the error of a record that stops n bytes into want.
func ended(n, want int64, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return corrupt("it ends %d bytes early: %w", want-n, io.ErrUnexpectedEOF)
	}
	return err
}

// payload is what Decode returns.
type payload struct {
	rec     Record
	crc     uint32
	stored  stored
	r       io.Reader
	decoder *zstd.Decoder // nil of a raw record, and once closed
	hash    hash.Hash
	left    int64 // of the payload
	err     error // once there was one
}

// reset looks at the frame's header before the decoder makes room for what it claims.
func (p *payload) reset() error {
	front := bufio.NewReaderSize(&p.stored, 64)
	b, err := front.Peek(int(min(zstd.HeaderMaxSize, p.stored.left)))
	if err != nil {
		return err
	}
	var h zstd.Header
	if err := h.Decode(b); err != nil {
		return err
	}
	if h.Skippable || h.DictionaryID != 0 || h.WindowSize > maxWindow || h.HasFCS && h.FrameContentSize != uint64(p.rec.Size) {
		return errors.New("a frame that no record of this size has")
	}
	return p.decoder.Reset(front)
}

func (p *payload) Read(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	if len(b) == 0 {
		return 0, nil
	}
	// One byte more than is due would betray a payload that is longer than it says.
	n := 0
	var err error
	if p.left > 0 {
		n, err = p.r.Read(b[:min(int64(len(b)), p.left)])
		p.hash.Write(b[:n])
		p.left -= int64(n)
		if err == io.EOF && p.left > 0 {
			err = corrupt("the payload ends %d bytes early", p.left)
		}
	}
	if p.left == 0 && (err == nil || err == io.EOF) {
		if err = p.finish(); err == nil {
			err = io.EOF
		}
	}
	if err != nil && err != io.EOF {
		err = p.failure(err)
	}
	p.err = err
	return n, err
}

// finish checks what can be said once the whole payload is there.
func (p *payload) finish() error {
	var more [1]byte
	for {
		n, err := p.r.Read(more[:])
		if n > 0 {
			return corrupt("the payload is longer than its %d bytes", p.rec.Size)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if p.stored.left != 0 {
		return corrupt("%d bytes behind the payload", p.stored.left)
	}
	if p.stored.crc != p.crc {
		return corrupt("checksum of the stored bytes")
	}
	if digest.KeyFromSum([keySize]byte(p.hash.Sum(nil))) != p.rec.Sum {
		return corrupt("the payload is not what its sum names")
	}
	return nil
}

// Digest implements cache.Hashed.
func (p *payload) Digest() (d digest.Digest, ok bool) {
	if p.err != io.EOF {
		return digest.Digest{}, false
	}
	return digest.FromSum(p.rec.Sum.Sum(), p.rec.Size), true
}

// failure says whose an error is: what r failed with stays itself, what the decoder says is a matter of the bytes.
func (p *payload) failure(err error) error {
	switch {
	case p.stored.err != nil:
		err = p.stored.err
	case !errors.Is(err, ErrCorrupt):
		err = corrupt("%w", err)
	}
	return fmt.Errorf("decode record %s: %w", p.rec.Name.Short(), err)
}

// errClosed is the answer to a read after Close.
var errClosed = errors.New("read of a closed record")

func (p *payload) Close() error {
	p.err = errClosed
	if d := p.decoder; d != nil {
		p.decoder, p.r = nil, nil
		if d.Reset(nil) == nil {
			decoders.Put(d)
		}
	}
	return nil
}
