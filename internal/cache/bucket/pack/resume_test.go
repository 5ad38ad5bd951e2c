package pack

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestResumeAtEveryLength cuts a pack at each byte, as a killed process leaves it, and goes on where the last whole record ends.
func TestResumeAtEveryLength(t *testing.T) {
	whole, records := build(t, small)
	for n := range len(whole) + 1 {
		f := &memFile{b: bytes.Clone(whole[:n])}
		w, err := Resume(f, int64(n))
		if n < magicSize {
			if err == nil {
				t.Errorf("Resume of %d bytes is no error", n)
			}
			continue
		}
		if err != nil {
			t.Fatalf("Resume of %d bytes: %v", n, err)
		}
		kept := 0
		for kept < len(records) && records[kept].Offset+records[kept].Length <= int64(n) {
			kept++
		}
		if diff := cmp.Diff(w.Records(), records[:kept], comparable); diff != "" {
			t.Fatalf("Resume of %d bytes (-got +want):\n%s", n, diff)
		}
		if w.Size() != int64(len(f.b)) {
			t.Errorf("Resume of %d bytes: the file has %d, Size says %d", n, len(f.b), w.Size())
		}
		fill(t, w, small[kept:])
		if _, _, err := w.Seal(); err != nil || !bytes.Equal(f.b, whole) {
			t.Errorf("Resume of %d bytes, then the rest: another pack than without, %v", n, err)
		}
	}
}

// TestResumeWithoutAHeader leaves what a process leaves that was killed between payload and header.
func TestResumeWithoutAHeader(t *testing.T) {
	whole, records := build(t, small)
	for i, rec := range records {
		end := rec.Offset + rec.Length
		f := &memFile{b: bytes.Clone(whole[:end])}
		clear(f.b[rec.Offset : rec.Offset+headerSize])
		w, err := Resume(f, end)
		if err != nil || len(w.Records()) != i || int64(len(f.b)) != rec.Offset {
			t.Errorf("record %d without a header: %d records, %d bytes, %v; want %d, %d", i, len(w.Records()), len(f.b), err, i, rec.Offset)
		}
	}
}

// TestResumeVerifies flips each bit: no record is kept that readers would refuse.
func TestResumeVerifies(t *testing.T) {
	whole, records := build(t, small)
	end := records[len(records)-1]
	for i := range end.Offset + end.Length {
		f := &memFile{b: bytes.Clone(whole)}
		f.b[i] ^= 0x10
		w, err := Resume(f, int64(len(f.b)))
		if i < magicSize {
			if !isOurs(err) || len(f.b) != len(whole) {
				t.Errorf("byte %d: %v with %d bytes left, want an error and the file as it was", i, err, len(f.b))
			}
			continue
		}
		if err != nil {
			t.Fatalf("byte %d: %v", i, err)
		}
		if n := len(w.Records()); i >= records[n].Offset+records[n].Length || i < records[n].Offset {
			t.Errorf("byte %d: %d records were kept, want those before it", i, n)
		}
	}
}

func TestResumeKeepsUnknownKinds(t *testing.T) {
	_, forged := forge(header{kind: 77, name: keyOf("x"), sum: keyOf("hello"), size: 5}, []byte("hello"))
	f := &memFile{b: append([]byte(packMagic), forged...)}
	w, err := Resume(f, int64(len(f.b)))
	if err != nil {
		t.Fatal(err)
	}
	fill(t, w, small)
	if got := len(w.Records()); got != len(small) {
		t.Errorf("%d records, want the %d of known kinds", got, len(small))
	}
	_, size, err := w.Seal()
	if err != nil {
		t.Fatal(err)
	}
	records, err := ReadTable(f, size)
	if err != nil || len(records) != len(small) || records[0].Offset != int64(magicSize+len(forged)) {
		t.Errorf("ReadTable = %+v, %v; want the %d of known kinds", records, err, len(small))
	}
}

func TestResumeOfWhatCannotBeRead(t *testing.T) {
	whole, records := build(t, small)
	f := &unreadable{memFile{b: bytes.Clone(whole)}, records[2].Offset + 100}
	if w, err := Resume(f, int64(len(whole))); err == nil || !errors.Is(err, errBadSector) || len(f.b) != len(whole) {
		t.Errorf("Resume = %v, %v with %d bytes left; want %v and all %d bytes", w, err, len(f.b), errBadSector, len(whole))
	}
}

var errBadSector = errors.New("bad sector")

// unreadable fails where a byte is asked for.
type unreadable struct {
	memFile
	bad int64
}

func (f *unreadable) ReadAt(b []byte, at int64) (int, error) {
	if at <= f.bad && f.bad < at+int64(len(b)) {
		n, _ := f.memFile.ReadAt(b[:f.bad-at], at)
		return n, errBadSector
	}
	return f.memFile.ReadAt(b, at)
}
