package pack

import (
	"bytes"
	"crypto/sha256"
	"io"
	"reflect"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// FuzzDecode gives the bytes of a record, put right where a forger would: what comes out is what the record says or an error, and
// never more than that.
func FuzzDecode(f *testing.F) {
	b, records := build(f, append([]content{blob(text(10_000)), blob(bytes.Repeat([]byte("a"), 5000))}, small...))
	for _, rec := range records {
		f.Add(b[rec.Offset:rec.Offset+rec.Length], false)
		f.Add(b[rec.Offset:rec.Offset+rec.Length], true)
	}
	f.Fuzz(func(t *testing.T, b []byte, right bool) {
		if right && len(b) > headerSize {
			b = forged(b)
		}
		h, err := parseHeader(b[:min(len(b), headerSize)])
		if err != nil {
			h = header{kind: Result, size: 10, stored: 10}
		}
		rec := h.record(0)
		r, err := Decode(rec, bytes.NewReader(b))
		if err != nil {
			if !isOurs(err) {
				t.Errorf("Decode: %v, want ErrCorrupt", err)
			}
			return
		}
		defer r.Close()
		payload, err := io.ReadAll(r)
		if int64(len(payload)) > rec.Size {
			t.Errorf("%d bytes came out, want at most %d", len(payload), rec.Size)
		}
		if err == nil && (int64(len(payload)) != rec.Size || digest.KeyFromSum(sha256.Sum256(payload)) != rec.Sum) {
			t.Errorf("%d bytes with a wrong sum came out of %+v without an error", len(payload), rec)
		}
		if err != nil && !isOurs(err) {
			t.Errorf("Read: %v, want ErrCorrupt", err)
		}
	})
}

// forged returns b with a header that is right in all that can be made right, so that the fuzzer reaches the decoder.
func forged(b []byte) []byte {
	stored := b[headerSize:]
	h := header{kind: max(Kind(b[4]), 1), encoding: b[5] & 1, stored: int64(len(stored)), crc: checksum(0, stored)}
	plain := stored
	if h.encoding == encodingZstd {
		d, err := zstd.NewReader(bytes.NewReader(stored), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return b
		}
		defer d.Close()
		plain, _ = io.ReadAll(io.LimitReader(d, freeSize))
	}
	h.size = int64(len(plain))
	h.sum = digest.KeyFromSum(sha256.Sum256(plain))
	h.name = h.sum
	return append(h.bytes(), stored...)
}

// FuzzOpenIndex seals what it is given: what opens finds all that it yields, and is encoded to the same bytes.
func FuzzOpenIndex(f *testing.F) {
	f.Add(sampleIndex(f))
	empty, err := EncodeIndex(&Index{Checkpoint: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(empty)
	f.Fuzz(func(t *testing.T, b []byte) {
		table, err := OpenIndex(sealed(b))
		if err != nil {
			if !isOurs(err) {
				t.Errorf("OpenIndex: %v, want ErrCorrupt or ErrVersion", err)
			}
			return
		}
		x := indexOf(table)
		if len(x.Records) != table.Len() {
			t.Errorf("All yields %d records, Len is %d", len(x.Records), table.Len())
		}
		if !slices.IsSortedFunc(x.Records, compareLocated) {
			t.Error("All yields records out of order")
		}
		for _, l := range x.Records {
			if found := table.Find(l.Kind, l.Name); !slices.Contains(found, l) && len(found) < MaxFound {
				t.Errorf("Find does not find %+v", l)
			}
			if l.Offset < magicSize || l.Offset+l.Length+footerSize > table.Packs()[l.Pack].Size {
				t.Errorf("%+v does not lie in its pack", l)
			}
		}
		again, err := EncodeIndex(x)
		if err != nil {
			t.Fatalf("what opened is not encoded: %v", err)
		}
		if table, err := OpenIndex(again); err != nil || !reflect.DeepEqual(indexOf(table).Records, x.Records) {
			t.Errorf("encoded again it has other records, or an error: %v", err)
		}
		// A provenance may be written in other ways, and unknown kinds are not kept: else the bytes are the same.
		if len(again) == len(b) && !bytes.Equal(again, sealed(b)) && sameProvenance(b, again, indexHeader) {
			t.Errorf("encoded again it has other bytes")
		}
	})
}

// sameProvenance reports whether the provenances of two tables are equal to the byte.
func sameProvenance(a, b []byte, at int) bool {
	p, q := parser{b: a[at:]}, parser{b: b[at:]}
	return bytes.Equal(p.take(p.uvarint()), q.take(q.uvarint()))
}

// FuzzParseProfile seals what it is given: what parses is encoded to the same bytes.
func FuzzParseProfile(f *testing.F) {
	f.Add(sampleProfile(f))
	empty, err := EncodeProfile(&Profile{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(empty)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParseProfile(sealed(b))
		if err != nil {
			if !isOurs(err) {
				t.Errorf("ParseProfile: %v, want ErrCorrupt or ErrVersion", err)
			}
			return
		}
		for _, i := range p.Items {
			if i.Offset < magicSize || i.Offset+i.Length+footerSize > p.Packs[i.Pack].Size || i.Age < 0 {
				t.Errorf("%+v does not lie in its pack", i)
			}
		}
		again, err := EncodeProfile(p)
		if err != nil {
			t.Fatalf("what was parsed is not encoded: %v", err)
		}
		if len(again) == len(b) && !bytes.Equal(again, sealed(b)) && sameProvenance(b, again, magicSize) {
			t.Errorf("encoded again it has other bytes")
		}
	})
}

// FuzzReadTable puts any table into a pack that is right otherwise, or gives any bytes as a pack.
func FuzzReadTable(f *testing.F) {
	b, records := build(f, small)
	f.Add(b, false)
	f.Add(appendTable(nil, records), true)
	f.Add([]byte{}, true)
	f.Fuzz(func(t *testing.T, b []byte, tableOnly bool) {
		if tableOnly {
			room := int64(0)
			for p := (parser{b: b}); len(p.b) > 0; {
				if p.byte() != byte(Blob) {
					p.key()
				}
				p.key()
				p.uvarint()
				room += p.number(1 << 16)
			}
			pack := append([]byte(packMagic), make([]byte, room)...)
			b = append(append(pack, b...), footer(magicSize+room, b)...)
		}
		records, err := ReadTable(bytes.NewReader(b), int64(len(b)))
		if err != nil && !isOurs(err) {
			t.Errorf("ReadTable: %v, want ErrCorrupt or ErrVersion", err)
		}
		end := int64(magicSize)
		for _, r := range records {
			if r.Offset < end || r.Length < headerSize || r.Offset+r.Length > int64(len(b)) || !r.Kind.known() {
				t.Errorf("record %+v behind %d in a pack of %d bytes", r, end, len(b))
			}
			end = r.Offset + r.Length
			payloadOf(b, r)
		}
	})
}

// FuzzResume takes up any bytes behind a pack's header: what is kept can be read, sealed, and taken up again.
func FuzzResume(f *testing.F) {
	b, records := build(f, small)
	f.Add(b[magicSize:])
	f.Add(b[magicSize : records[3].Offset+50])
	_, forged := forge(header{kind: 77, name: keyOf("x"), sum: keyOf("hello"), size: 5}, []byte("hello"))
	f.Add(forged)
	f.Fuzz(func(t *testing.T, b []byte) {
		file := &memFile{b: append([]byte(packMagic), b...)}
		w, err := Resume(file, int64(len(file.b)))
		if err != nil {
			t.Fatalf("Resume: %v", err)
		}
		if w.Size() > int64(magicSize+len(b)) || w.Size() != int64(len(file.b)) || !bytes.Equal(file.b[magicSize:], b[:w.Size()-magicSize]) {
			t.Errorf("%d bytes were kept of %d, the file has %d", w.Size(), magicSize+len(b), len(file.b))
		}
		again, err := Resume(&memFile{b: bytes.Clone(file.b)}, w.Size())
		if err != nil || !slices.Equal(again.Records(), w.Records()) {
			t.Errorf("taken up again it has %d records, want %d: %v", len(again.Records()), len(w.Records()), err)
		}
		fill(t, w, small[:2])
		if _, _, err := w.Seal(); err != nil {
			t.Fatal(err)
		}
		if all, err := readAll(file.b); err != nil || len(all) != len(w.Records()) {
			t.Errorf("sealed it has %d records, %v; want %d", len(all), err, len(w.Records()))
		}
	})
}
