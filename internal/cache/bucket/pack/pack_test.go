package pack

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// comparable compares values that hold digests.
var comparable = cmp.Options{cmp.Comparer(func(a, b digest.Key) bool { return a == b }), cmpopts.EquateEmpty()}

func TestRoundTrip(t *testing.T) {
	contents := append([]content{
		blob(text(smallSize)), blob(text(smallSize + 1)), blob(text(3 << 20)),
		blob(noise(smallSize)), blob(noise(smallSize + 1)), blob(noise(2 << 20)),
		blob(make([]byte, 100)), blob(make([]byte, freeSize)), blob(make([]byte, 3<<20)),
		blob(append(noise(smallSize), text(2<<20)...)),
	}, small...)
	b, records := build(t, contents)
	got, err := ReadTable(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, records, comparable); diff != "" {
		t.Fatalf("ReadTable and Records differ (-got +want):\n%s", diff)
	}
	for i, rec := range got {
		payload, err := payloadOf(b, rec)
		if err != nil || !bytes.Equal(payload, contents[i].payload) {
			t.Errorf("record %d: %d bytes, %v; want the %d bytes that were appended", i, len(payload), err, len(contents[i].payload))
		}
		stored, size := rec.Length-headerSize, rec.Size
		isRaw := b[rec.Offset+5] == encodingRaw
		if isRaw != (stored == size) || !isRaw && stored > size-size/20 {
			t.Errorf("record %d: %d bytes stored in %d, raw: %v", i, size, stored, isRaw)
		}
	}
	// Those of noise, of nothing and of too many zeroes are raw; those of text are not.
	var raws []int
	for i, rec := range got {
		if b[rec.Offset+5] == encodingRaw {
			raws = append(raws, i)
		}
	}
	if want := []int{3, 4, 5, 8, 10, 12, 13, 15}; !cmp.Equal(raws, want) {
		t.Errorf("raw records are %v, want %v", raws, want)
	}
}

func TestFileOfTheSystem(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "pack"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := Create(f)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, w, small)
	if _, err := w.Append(Result, keyOf("x"), 10, strings.NewReader("short")); err == nil {
		t.Error("Append of 5 bytes instead of 10 is no error")
	}
	fill(t, w, []content{blob(noise(600 << 10)), blob(text(600 << 10))})
	_, size, err := w.Seal()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadTable(f, size)
	if diff := cmp.Diff(got, w.Records(), comparable); err != nil || diff != "" {
		t.Errorf("ReadTable: %v (-got +want):\n%s", err, diff)
	}
	if info, err := f.Stat(); err != nil || info.Size() != size {
		t.Errorf("the file has %d bytes, %v; Seal said %d", info.Size(), err, size)
	}
	if _, err := Create(f); err == nil {
		t.Error("Create in a file that is not empty is no error")
	}
}

func TestAppendRefuses(t *testing.T) {
	broken := errors.New("broken reader")
	big := noise(smallSize + 100)
	for _, c := range []struct {
		name string
		kind Kind
		key  digest.Key
		size int64
		r    io.Reader
		want error
	}{
		{"kind 0", 0, keyOf(""), 0, strings.NewReader(""), nil},
		{"unknown kind", 9, keyOf(""), 0, strings.NewReader(""), nil},
		{"negative size", Result, keyOf(""), -1, strings.NewReader(""), nil},
		{"too large", Result, keyOf(""), MaxRecord + 1, strings.NewReader(""), nil},
		{"size of 2^63-1", Result, keyOf(""), 1<<63 - 1, strings.NewReader(""), nil},
		{"short", Result, keyOf(""), 5, strings.NewReader("four"), io.ErrUnexpectedEOF},
		{"long", Result, keyOf(""), 3, strings.NewReader("four"), nil},
		{"long, one by one", Result, keyOf(""), 3, iotest.OneByteReader(strings.NewReader("four")), nil},
		{"large and short", Result, keyOf(""), smallSize + 101, bytes.NewReader(big), io.ErrUnexpectedEOF},
		{"large and long", Result, keyOf(""), smallSize + 99, bytes.NewReader(big), nil},
		{"not the blob", Blob, keyOf("other"), 4, strings.NewReader("four"), nil},
		{"not the large blob", Blob, keyOf("other"), int64(len(big)), bytes.NewReader(big), nil},
		{"failing", Result, keyOf(""), 5, io.MultiReader(strings.NewReader("fou"), iotest.ErrReader(broken)), broken},
		{"failing at the end", Result, keyOf(""), 4, io.MultiReader(strings.NewReader("four"), iotest.ErrReader(broken)), broken},
		{"large and failing", Result, keyOf(""), 2 << 20, io.MultiReader(bytes.NewReader(big), iotest.ErrReader(broken)), broken},
		{"large and failing at the end", Result, keyOf(""), int64(len(big)), io.MultiReader(bytes.NewReader(big), iotest.ErrReader(broken)), broken},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &memFile{}
			w, err := Create(f)
			if err != nil {
				t.Fatal(err)
			}
			fill(t, w, small)
			before := bytes.Clone(f.b)
			if rec, err := w.Append(c.kind, c.key, c.size, c.r); err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("Append = %+v, %v, want an error with %v", rec, err, c.want)
			}
			if !bytes.Equal(f.b, before) || w.Size() != int64(len(before)) || len(w.Records()) != len(small) {
				t.Errorf("the pack has %d bytes, %d records; want %d, %d as before", len(f.b), len(w.Records()), len(before), len(small))
			}
			fill(t, w, small)
		})
	}
}

// TestFullDisk fails each write of a pack in turn.
func TestFullDisk(t *testing.T) {
	full := errors.New("no space")
	contents := append([]content{blob(noise(smallSize + 1)), blob(text(smallSize + 1))}, small...)
	whole, _ := build(t, contents)
	for left := 0; left < len(whole)+smallSize*2; left += 50021 {
		f := &memFile{fail: full, left: left}
		w, err := Create(f)
		for i := 0; err == nil && i < len(contents); i++ {
			c := contents[i]
			_, err = w.Append(c.kind, c.name, int64(len(c.payload)), bytes.NewReader(c.payload))
		}
		if err == nil {
			_, _, err = w.Seal()
		}
		if err == nil {
			continue
		}
		if !errors.Is(err, full) {
			t.Fatalf("with %d bytes left: %v, want %v", left, err, full)
		}
		if w == nil {
			continue
		}
		f.fail = nil
		fill(t, w, contents[len(w.Records()):])
		if _, _, err := w.Seal(); err != nil || !bytes.Equal(f.b, whole) {
			t.Fatalf("with %d bytes left at first: %v, want the same pack as without an error", left, err)
		}
	}
}

func TestSealedIsSealed(t *testing.T) {
	w, err := Create(&memFile{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Seal(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Append(Result, keyOf(""), 0, strings.NewReader("")); err == nil {
		t.Error("Append to a sealed pack is no error")
	}
	if _, _, err := w.Seal(); err == nil {
		t.Error("a second Seal is no error")
	}
}

// TestGoldenPack holds the format: a pack that was written once is read, whatever the compressor does today; and one of raw records
// only is written to the byte.
func TestGoldenPack(t *testing.T) {
	b, _ := build(t, small)
	file := filepath.Join("testdata", "small.pack.hex")
	if *update {
		writeHex(t, file, b)
	}
	golden := readHex(t, file)
	records, err := ReadTable(bytes.NewReader(golden), int64(len(golden)))
	if err != nil || len(records) != len(small) {
		t.Fatalf("ReadTable = %d records, %v; want %d", len(records), err, len(small))
	}
	for i, rec := range records {
		payload, err := payloadOf(golden, rec)
		if err != nil || !bytes.Equal(payload, small[i].payload) || rec.Kind != small[i].kind || rec.Name != small[i].name {
			t.Errorf("record %d is %+v with %q, %v; want that of %q", i, rec, payload, err, small[i].payload)
		}
	}

	plain, _ := build(t, []content{small[0], small[2], small[5]})
	file = filepath.Join("testdata", "raw.pack.hex")
	if *update {
		writeHex(t, file, plain)
	}
	if want := readHex(t, file); !bytes.Equal(plain, want) {
		t.Errorf("pack = %x, want %x", plain, want)
	}
}

func writeHex(t *testing.T, file string, b []byte) {
	t.Helper()
	if err := os.MkdirAll("testdata", 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(hex.Dump(b)), 0o666); err != nil {
		t.Fatal(err)
	}
}

// readHex reads what hex.Dump wrote.
func readHex(t *testing.T, file string) []byte {
	t.Helper()
	dump, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for line := range strings.Lines(string(dump)) {
		digits := strings.ReplaceAll(line[10:58], " ", "")
		part, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, part...)
	}
	return b
}
