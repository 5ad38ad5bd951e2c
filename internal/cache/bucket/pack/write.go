package pack

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// File is where a pack is assembled; an *os.File that was opened for reading and writing, not for appending. Its position is not used.
type File interface {
	io.Writer
	io.WriterAt
	io.ReaderAt
	Truncate(size int64) error
}

// Writer appends records to a pack, for one goroutine at a time. What has been appended may be read from the file meanwhile.
type Writer struct {
	f       File
	size    int64    // of header and records
	records []Record // of all kinds
	table   int64    // at most so many bytes
	sealed  bool
	broken  error // the file could not be brought back to size
}

// smallSize is up to which size a payload is compressed in memory, so that it is written once in the form that is shorter.
const smallSize = 256 << 10

// Create writes a pack's header into an empty file.
func Create(f File) (*Writer, error) {
	if n, err := f.ReadAt(make([]byte, 1), 0); n > 0 || err != io.EOF {
		if err == nil || n > 0 {
			err = errors.New("it is not empty")
		}
		return nil, fmt.Errorf("create pack: %w", err)
	}
	if _, err := f.WriteAt([]byte(packMagic), 0); err != nil {
		return nil, fmt.Errorf("create pack: %w", errors.Join(err, f.Truncate(0)))
	}
	return &Writer{f: f, size: magicSize}, nil
}

// Size returns the bytes of header and records so far.
func (w *Writer) Size() int64 { return w.size }

// Records returns what lies in the pack, but for kinds that a newer program put there, in the order of offsets.
func (w *Writer) Records() []Record {
	return slices.DeleteFunc(slices.Clone(w.records), func(r Record) bool { return !r.Kind.known() })
}

// Append stores the size bytes of r as a record, compressed where that saves at least 5 %. A Blob must be the bytes that its name
// says. After an error the pack is as before, so another record may be tried; errors.Is and errors.As find what r failed with.
func (w *Writer) Append(kind Kind, name digest.Key, size int64, r io.Reader) (Record, error) {
	rec, err := w.append(kind, name, size, r)
	if err != nil {
		return Record{}, fmt.Errorf("append %s to a pack: %w", name.Short(), err)
	}
	return rec, nil
}

func (w *Writer) append(kind Kind, name digest.Key, size int64, r io.Reader) (Record, error) {
	switch {
	case w.broken != nil:
		return Record{}, w.broken
	case w.sealed:
		return Record{}, errSealed
	case !kind.known():
		return Record{}, fmt.Errorf("kind %d", kind)
	case size < 0 || size > MaxRecord:
		return Record{}, fmt.Errorf("%d bytes, at most %d are allowed", size, MaxRecord)
	case len(w.records) == MaxRecords:
		return Record{}, fmt.Errorf("the pack has %d records", MaxRecords)
	case w.size+headerSize+size+w.table+maxTableEntry+footerSize > MaxPack:
		return Record{}, fmt.Errorf("the pack has %d bytes", w.size)
	}
	h := header{kind: kind, name: name, size: size}
	in := &source{r: io.LimitReader(r, size+1), hash: digest.NewHasher(), want: size}
	err := w.store(&h, in)
	if err == nil {
		h.sum = digest.KeyFromSum(in.hash.Digest().Sum())
		if kind == Blob && h.sum != name {
			err = fmt.Errorf("its bytes are blob %s", h.sum.Short())
		}
	}
	if err == nil {
		// Last, so that what a killed process leaves has no header.
		_, err = w.f.WriteAt(h.bytes(), w.size)
	}
	if err != nil {
		return Record{}, w.undo(err)
	}
	rec := h.record(w.size)
	w.add(rec)
	return rec, nil
}

func (w *Writer) add(rec Record) {
	w.size += rec.Length
	w.table += maxTableEntry
	w.records = append(w.records, rec)
}

// undo takes away what lies behind the last record.
func (w *Writer) undo(err error) error {
	if failed := w.f.Truncate(w.size); failed != nil {
		w.broken = fmt.Errorf("the pack is not usable any more: %w", failed)
		return errors.Join(err, w.broken)
	}
	return err
}

// store writes the payload behind the place of the header, and says in h how.
func (w *Writer) store(h *header, in *source) error {
	if h.size <= smallSize {
		return w.storeSmall(h, in)
	}
	start := w.size + headerSize
	out := &sink{w: io.NewOffsetWriter(w.f, start)}
	err := compress(out, in, h.size)
	if in.err == nil && out.err == nil {
		err = cmp.Or(in.whole(), err)
	}
	if err != nil {
		return err
	}
	h.encoding, h.stored, h.crc = encodingZstd, out.size, out.crc
	if worthwhile(h.size, h.stored) {
		return nil
	}
	return w.storeRaw(h)
}

func (w *Writer) storeSmall(h *header, in *source) error {
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	payload := (*buffer)[:h.size]
	if _, err := io.ReadFull(in, payload); err == nil {
		// Is there more?
		io.ReadFull(in, make([]byte, 1))
	}
	if err := cmp.Or(in.err, in.whole()); err != nil {
		return err
	}
	stored := compressed(payload, (*buffer)[h.size:h.size])
	h.encoding = encodingZstd
	if !worthwhile(h.size, int64(len(stored))) {
		h.encoding, stored = encodingRaw, payload
	}
	h.stored, h.crc = int64(len(stored)), checksum(0, stored)
	_, err := w.f.WriteAt(stored, w.size+headerSize)
	return err
}

// storeRaw replaces a frame that was not worth it by the payload: written behind the frame, then moved to the front. That is rare and
// costs less than to keep every large payload in memory until it is known.
func (w *Writer) storeRaw(h *header) error {
	start := w.size + headerSize
	plain := open(h.record(w.size), *h, io.NewSectionReader(w.f, start, h.stored))
	defer plain.Close()
	// The sum in h is not known yet, so this reader can only be asked for as many bytes as there are.
	if _, err := io.CopyN(io.NewOffsetWriter(w.f, start+h.stored), plain.r, h.size); err != nil {
		return err
	}
	out := &sink{w: io.NewOffsetWriter(w.f, start)}
	if _, err := io.Copy(out, io.NewSectionReader(w.f, start+h.stored, h.size)); err != nil {
		return err
	}
	h.encoding, h.stored, h.crc = encodingRaw, out.size, out.crc
	return w.f.Truncate(start + h.size)
}

// worthwhile says whether a payload of size bytes is to be kept in its compressed form.
func worthwhile(size, stored int64) bool {
	return stored <= size-size/20 && stored > 0 && (size <= freeSize || size/maxRatio < stored)
}

// source hashes what is read, and knows whether it was what was promised.
type source struct {
	r    io.Reader
	hash *digest.Hasher
	want int64
	err  error // of r, but for its end
}

func (s *source) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	s.hash.Write(b[:n])
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

func (s *source) whole() error {
	switch got := s.hash.Digest().Size(); {
	case got > s.want:
		return fmt.Errorf("it has more than %d bytes", s.want)
	case got < s.want:
		return fmt.Errorf("it has %d bytes, want %d: %w", got, s.want, io.ErrUnexpectedEOF)
	}
	return nil
}

// sink counts and checksums what is written.
type sink struct {
	w    io.Writer
	size int64
	crc  uint32
	err  error // of w
}

func (s *sink) Write(b []byte) (int, error) {
	n, err := s.w.Write(b)
	s.err = cmp.Or(s.err, err)
	s.size += int64(n)
	s.crc = checksum(s.crc, b[:n])
	return n, err
}

var errSealed = errors.New("the pack is sealed")

// Seal writes table and footer, and returns the SHA-256 of the whole file, which is the pack's name, and its size. Nothing can be
// appended afterwards. After an error the pack is as before.
func (w *Writer) Seal() (sum digest.Key, size int64, err error) {
	if sum, size, err = w.seal(); err != nil {
		return digest.Key{}, 0, fmt.Errorf("seal pack: %w", err)
	}
	return sum, size, nil
}

func (w *Writer) seal() (digest.Key, int64, error) {
	if w.broken != nil {
		return digest.Key{}, 0, w.broken
	}
	if w.sealed {
		return digest.Key{}, 0, errSealed
	}
	table := appendTable(nil, w.records)
	end := append(table, footer(w.size, table)...)
	size := w.size + int64(len(end))
	if size > MaxPack {
		return digest.Key{}, 0, fmt.Errorf("it has %d bytes, at most %d are allowed", size, int64(MaxPack))
	}
	_, err := w.f.WriteAt(end, w.size)
	var sum digest.Key
	if err == nil {
		// What the file holds is what will be uploaded, so it is what the name is made of.
		sum, err = sumOf(w.f, size)
	}
	if err != nil {
		return digest.Key{}, 0, w.undo(err)
	}
	w.sealed = true
	return sum, size, nil
}
