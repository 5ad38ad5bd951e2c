package pack

import (
	"errors"
	"fmt"
	"io"
)

// Resume takes up a pack of size bytes that a process which is no more left behind. It keeps the records from the first to the last
// whole one, each of which it decodes, and truncates the rest: a record that was cut, or the table of a pack that was sealed. Bytes that
// are no pack or one of another version are an error and stay as they are, and so does a file that cannot be read.
func Resume(f File, size int64) (*Writer, error) {
	w, err := resume(f, size)
	if err != nil {
		return nil, fmt.Errorf("resume pack: %w", err)
	}
	return w, nil
}

func resume(f File, size int64) (*Writer, error) {
	if size < magicSize || size > MaxPack {
		return nil, corrupt("a pack of %d bytes", size)
	}
	head, err := readRange(f, 0, magicSize)
	if err != nil {
		return nil, err
	}
	if err := checkMagic(head, packMagic); err != nil {
		return nil, err
	}
	w := &Writer{f: f, size: magicSize}
	for len(w.records) < MaxRecords {
		rec, err := recordAt(f, w.size, size)
		if errors.Is(err, ErrCorrupt) {
			break
		}
		if err != nil {
			return nil, err
		}
		w.add(rec)
	}
	return w, f.Truncate(w.size)
}

// recordAt returns the record at offset in a file of size bytes, having decoded it.
func recordAt(f File, offset, size int64) (Record, error) {
	head := make([]byte, headerSize)
	if n, err := f.ReadAt(head, offset); n < headerSize {
		return Record{}, ended(int64(n), headerSize, err)
	}
	h, err := parseHeader(head)
	if err != nil {
		return Record{}, err
	}
	rec := h.record(offset)
	if rec.Length > size-offset {
		return Record{}, corrupt("the record is cut")
	}
	payload := open(rec, h, io.NewSectionReader(f, offset+headerSize, h.stored))
	defer payload.Close()
	_, err = io.Copy(io.Discard, payload)
	return rec, err
}
