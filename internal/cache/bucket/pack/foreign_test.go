package pack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// readAll reads a pack as a stranger would: the table, then each record. It fails where anything does.
func readAll(b []byte) ([]content, error) {
	records, err := ReadTable(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	var all []content
	for _, rec := range records {
		payload, err := payloadOf(b, rec)
		if err != nil {
			return nil, err
		}
		all = append(all, content{rec.Kind, rec.Name, payload})
	}
	return all, nil
}

// isOurs reports whether an error is one of those that a caller is promised for broken bytes.
func isOurs(err error) bool { return errors.Is(err, ErrCorrupt) || errors.Is(err, ErrVersion) }

func TestEveryFlipOfAPack(t *testing.T) {
	b, _ := build(t, small)
	for i := range b {
		for bit := range 8 {
			b[i] ^= 1 << bit
			if _, err := readAll(b); !isOurs(err) {
				t.Errorf("with bit %d of byte %d flipped: %v, want an error", bit, i, err)
			}
			b[i] ^= 1 << bit
		}
	}
	if _, err := readAll(b); err != nil {
		t.Errorf("unchanged: %v", err)
	}
}

func TestEveryLengthOfAPack(t *testing.T) {
	b, _ := build(t, small)
	for n := range b {
		if _, err := readAll(b[:n]); !isOurs(err) {
			t.Errorf("cut to %d bytes: %v, want an error", n, err)
		}
		// As a download that ends early, of a size that is known.
		if _, err := ReadTable(bytes.NewReader(b[:n]), int64(len(b))); !isOurs(err) {
			t.Errorf("cut to %d of %d bytes: %v, want an error", n, len(b), err)
		}
	}
	if _, err := readAll(append(b, 0)); !isOurs(err) {
		t.Errorf("with a byte behind it: %v, want an error", err)
	}
}

func TestVersions(t *testing.T) {
	b, _ := build(t, small)
	index, profile := sampleIndex(t), sampleProfile(t)
	for _, x := range [][]byte{b, index, profile} {
		x[7] = 2
	}
	if _, err := ReadTable(bytes.NewReader(b), int64(len(b))); !errors.Is(err, ErrVersion) {
		t.Errorf("ReadTable of version 2: %v, want ErrVersion", err)
	}
	if _, err := Resume(&memFile{b: b}, int64(len(b))); !errors.Is(err, ErrVersion) {
		t.Errorf("Resume of version 2: %v, want ErrVersion", err)
	}
	if _, err := OpenIndex(index); !errors.Is(err, ErrVersion) {
		t.Errorf("OpenIndex of version 2: %v, want ErrVersion", err)
	}
	if _, err := ParseProfile(profile); !errors.Is(err, ErrVersion) {
		t.Errorf("ParseProfile of version 2: %v, want ErrVersion", err)
	}
}

// forge returns a record of any frame, with a header that is right in itself.
func forge(h header, stored []byte) (Record, []byte) {
	h.stored, h.crc = int64(len(stored)), checksum(0, stored)
	return h.record(magicSize), append(h.bytes(), stored...)
}

func frame(t *testing.T, b []byte, options ...zstd.EOption) []byte {
	t.Helper()
	var out bytes.Buffer
	e, err := zstd.NewWriter(&out, options...)
	if err != nil {
		t.Fatal(err)
	}
	e.Write(b)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestBombs(t *testing.T) {
	zeroes := make([]byte, 64<<20)
	big := frame(t, zeroes)
	page := bytes.Repeat([]byte("0123456789abcdef"), 64)
	sum := func(b []byte) digest.Key { return digest.KeyFromSum(digest.Of(b).Sum()) }
	skippable := append([]byte{0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0}, "skip"...)
	for _, c := range []struct {
		name   string
		size   int64
		sum    digest.Key
		stored []byte
		ok     bool
	}{
		{"an honest one", 1024, sum(page), frame(t, page), true},
		{"two frames", 2048, sum(append(page[:1024:1024], page...)), append(frame(t, page), frame(t, page)...), false},
		{"declared small, expands", 1000, sum(zeroes[:1000]), big, false},
		{"declared one byte less", 1023, sum(page[:1023]), frame(t, page), false},
		{"declared one byte more", 1025, sum(append(page, 0)), frame(t, page), false},
		{"declared as it is, 10,000-fold", int64(len(zeroes)), sum(zeroes), big, false},
		{"declared huge", MaxRecord, sum(zeroes), append(big, make([]byte, 6<<20)...), false},
		{"declared beyond the limit", MaxRecord + 1, sum(zeroes), big, false},
		{"declared 2^63-1", math.MaxInt64, sum(zeroes), big, false},
		{"declared negative", -1, sum(zeroes), big, false},
		{"wrong bytes", 1024, sum(zeroes[:1024]), frame(t, page), false},
		{"no frame", 1024, sum(page), []byte("this is no frame at all, and long enough"), false},
		{"nothing", 1024, sum(page), nil, false},
		{"a skippable frame first", 1024, sum(page), append(skippable, frame(t, page)...), false},
		{"bytes behind the frame", 1024, sum(page), append(frame(t, page), "more bytes"...), false},
		{"a small frame, then a bomb", 1024, sum(page), append(frame(t, page), big...), false},
		{"a frame cut", 1024, sum(page), frame(t, page)[:30], false},
	} {
		rec, b := forge(header{kind: Result, encoding: encodingZstd, name: keyOf("x"), sum: c.sum, size: c.size}, c.stored)
		r, err := Decode(rec, bytes.NewReader(b))
		var n int64
		if err == nil {
			n, err = io.Copy(io.Discard, r)
			r.Close()
		}
		if c.ok != (err == nil) || err != nil && !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v, want an error: %v", c.name, err, !c.ok)
		}
		if n > max(c.size, 0) {
			t.Errorf("%s: %d bytes came out, want at most %d", c.name, n, c.size)
		}
	}
}

// TestWindows makes frames whose header asks for much memory.
func TestWindows(t *testing.T) {
	payload := text(9 << 20)
	sum := digest.KeyFromSum(digest.Of(payload).Sum())
	for _, c := range []struct {
		window int
		ok     bool
	}{{1 << 10, true}, {8 << 20, true}, {16 << 20, false}, {512 << 20, false}} {
		stored := frame(t, payload, zstd.WithWindowSize(c.window))
		rec, b := forge(header{kind: Result, encoding: encodingZstd, name: keyOf("x"), sum: sum, size: int64(len(payload))}, stored)
		_, err := payloadOf(append(make([]byte, magicSize), b...), rec)
		if c.ok != (err == nil) {
			t.Errorf("window of %d bytes: %v, want an error: %v", c.window, err, !c.ok)
		}
	}
	// The first frame is modest, the second is not.
	stored := append(frame(t, []byte("modest")), frame(t, payload, zstd.WithWindowSize(64<<20))...)
	rec, b := forge(header{kind: Result, encoding: encodingZstd, name: keyOf("x"), sum: sum, size: int64(len(payload)) + 6}, stored)
	if _, err := payloadOf(append(make([]byte, magicSize), b...), rec); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a second frame with a window of 64 MiB: %v, want an error", err)
	}
}

func TestDecodeComparesTheHeader(t *testing.T) {
	b, records := build(t, small)
	for i, change := range []func(*Record){
		func(r *Record) { r.Kind = Note },
		func(r *Record) { r.Name = keyOf("another") },
		func(r *Record) { r.Sum = keyOf("another") },
		func(r *Record) { r.Size++ },
		func(r *Record) { r.Length-- },
		func(r *Record) { r.Length = headerSize },
		func(r *Record) { r.Length = 0 },
		func(r *Record) { r.Size = 1 << 62 },
	} {
		rec := records[1]
		change(&rec)
		if payload, err := payloadOf(b, rec); !errors.Is(err, ErrCorrupt) {
			t.Errorf("change %d: %q, %v; want an error", i, payload, err)
		}
	}
}

// TestDecodeOfAStream reads records from one stream, as a range that holds several comes.
func TestDecodeOfAStream(t *testing.T) {
	contents := append([]content{blob(text(600 << 10)), blob(noise(600 << 10))}, small...)
	b, records := build(t, contents)
	for _, stream := range []io.Reader{
		bytes.NewReader(b[magicSize:]), bytes.NewBuffer(b[magicSize:]), iotest.HalfReader(bytes.NewReader(b[magicSize:])),
		iotest.DataErrReader(bytes.NewReader(b[magicSize:])),
	} {
		for i, rec := range records {
			r, err := Decode(rec, stream)
			if err != nil {
				t.Fatal(err)
			}
			payload, err := io.ReadAll(iotest.OneByteReader(r))
			if err != nil || !bytes.Equal(payload, contents[i].payload) {
				t.Fatalf("record %d of a %T: %d bytes, %v; want %d", i, stream, len(payload), err, len(contents[i].payload))
			}
			if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Errorf("read behind the end: %d, %v; want io.EOF", n, err)
			}
			r.Close()
			if _, err := r.Read(make([]byte, 1)); err == nil || err == io.EOF {
				t.Errorf("read behind Close: %v, want an error", err)
			}
			r.Close()
		}
	}
}

// TestReaderErrorsStayThemselves cuts the source of each record after each byte with an error of its own, as a network does.
func TestReaderErrorsStayThemselves(t *testing.T) {
	b, records := build(t, small)
	reset := errors.New("connection reset")
	for _, rec := range records {
		for n := range rec.Length {
			r, err := Decode(rec, io.MultiReader(bytes.NewReader(b[rec.Offset:rec.Offset+n]), iotest.ErrReader(reset)))
			if err == nil {
				_, err = io.ReadAll(r)
				r.Close()
			}
			if !errors.Is(err, reset) || errors.Is(err, ErrCorrupt) {
				t.Fatalf("%s cut at %d: %v, want %v", rec.Name.Short(), n, err, reset)
			}
			r, err = Decode(rec, bytes.NewReader(b[rec.Offset:rec.Offset+n]))
			if err == nil {
				_, err = io.ReadAll(r)
				r.Close()
			}
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("%s ends at %d: %v, want ErrCorrupt", rec.Name.Short(), n, err)
			}
		}
	}
	if _, err := ReadTable(failingReaderAt{reset}, 1000); !errors.Is(err, reset) || errors.Is(err, ErrCorrupt) {
		t.Errorf("ReadTable of what cannot be read: %v, want %v", err, reset)
	}
}

type failingReaderAt struct{ err error }

func (f failingReaderAt) ReadAt([]byte, int64) (int, error) { return 0, f.err }

// TestTables makes packs whose tables are sealed well and lie.
func TestTables(t *testing.T) {
	rec := func(kind Kind, name string, size, length int64) Record {
		return Record{Kind: kind, Name: keyOf(name), Sum: keyOf(name), Size: size, Length: length}
	}
	for _, c := range []struct {
		name    string
		room    int64 // bytes of records
		records []Record
		want    string // in the error
	}{
		{"nothing", 0, nil, ""},
		{"honest", 300, []Record{rec(Blob, "a", 104, 200), rec(Result, "b", 4, 100)}, ""},
		{"of an unknown kind", 300, []Record{rec(Blob, "a", 104, 200), rec(99, "b", 4, 100)}, ""},
		{"the same twice", 400, []Record{rec(Blob, "a", 104, 200), rec(Blob, "a", 104, 200)}, ""},
		{"more than the pack has", 200, []Record{rec(Blob, "a", 104, 200), rec(Blob, "b", 104, 200)}, "more records"},
		{"less than the pack has", 300, []Record{rec(Blob, "a", 104, 200)}, "no record is in"},
		{"shorter than a header", 90, []Record{rec(Result, "b", 0, 90)}, "in a record of 90"},
		{"nothing stored", 96, []Record{rec(Result, "b", 10, 96)}, "in a record of 96"},
		{"stored larger than it is", 300, []Record{rec(Result, "b", 10, 300)}, "in a record of 300"},
		{"200-fold", 96 + 10000, []Record{rec(Result, "b", 2_000_000, 96+10000)}, "more than 200-fold"},
		{"not quite 200-fold", 96 + 10000, []Record{rec(Result, "b", 1_999_999, 96+10000)}, ""},
		{"small and 10,000-fold", 96 + 100, []Record{rec(Result, "b", 1<<20, 96+100)}, ""},
		{"kind 0", 200, []Record{rec(0, "b", 104, 200)}, "kind 0"},
		{"2^63", 200, []Record{rec(Result, "b", math.MinInt64, 200)}, "too large"},
		{"length of 2^63-1", 200, []Record{rec(Result, "b", 104, math.MaxInt64), rec(Result, "c", 104, 200)}, "too large"},
		{"size beyond the limit", 200, []Record{rec(Result, "b", MaxRecord+1, 200)}, "too large"},
	} {
		f := &memFile{b: append([]byte(packMagic), make([]byte, c.room)...)}
		table := appendTable(nil, c.records)
		f.b = append(append(f.b, table...), footer(magicSize+c.room, table)...)
		got, err := ReadTable(f, int64(len(f.b)))
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %+v, %v; want an error with %q", c.name, got, err, c.want)
		}
		for _, r := range got {
			if !r.Kind.known() {
				t.Errorf("%s: a record of kind %d was returned", c.name, r.Kind)
			}
		}
	}
}

// TestLyingSizes gives sizes that the bytes do not have: nothing may be allocated for them.
func TestLyingSizes(t *testing.T) {
	b, _ := build(t, small)
	for _, size := range []int64{math.MinInt64, -1, 0, 1, footerSize, magicSize + footerSize, MaxPack, MaxPack + 1, math.MaxInt64} {
		if _, err := ReadTable(bytes.NewReader(b), size); !errors.Is(err, ErrCorrupt) {
			t.Errorf("ReadTable of %d bytes: %v, want an error", size, err)
		}
	}
	// A footer that claims a table of 64 MiB before it, in a pack whose bytes are not to be had.
	const size = magicSize + 64<<20 + footerSize
	foot := footer(magicSize, nil)
	binary.BigEndian.PutUint64(foot[8:], 64<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := ReadTable(onlyEnds{[]byte(packMagic), foot, size}, size); !errors.Is(err, ErrCorrupt) {
		t.Errorf("ReadTable of a pack without its middle: %v, want an error", err)
	}
	runtime.ReadMemStats(&after)
	allocated := after.TotalAlloc - before.TotalAlloc
	if allocated > 1<<18 {
		t.Errorf("ReadTable allocated %d bytes for a table that is not there", allocated)
	}
}

// onlyEnds has the first and the last bytes of a file, and nothing between.
type onlyEnds struct {
	head, foot []byte
	size       int64
}

func (f onlyEnds) ReadAt(b []byte, at int64) (int, error) {
	if at >= f.size-int64(len(f.foot)) {
		return bytes.NewReader(f.foot).ReadAt(b, at-f.size+int64(len(f.foot)))
	}
	return bytes.NewReader(f.head).ReadAt(b, at)
}
