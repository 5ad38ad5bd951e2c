package pack

import (
	"bytes"
	"encoding/binary"
	"flag"
	"io"
	"os"
	"sync"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

var object = flag.String("object", "", "file whose bytes the benchmarks compress; text of our own where empty")

// million is a checkpoint of a million records, half of them blobs.
var million = sync.OnceValue(func() []byte {
	const packs, each = 100, 10_000
	x := &Index{Records: make([]Located, 0, packs*each)}
	for p := range packs {
		r := ref("trusted/main", p, int64(p))
		r.Size = 1 << 30
		x.Packs = append(x.Packs, r)
		for i := range each {
			l := Located{Record{Blob, benchKey(p*each + i), benchKey(p*each + i), 20_000, int64(magicSize + 6000*i), 6000}, p}
			if i%2 == 1 {
				l.Kind = Result
			}
			x.Records = append(x.Records, l)
		}
	}
	b, err := EncodeIndex(x)
	if err != nil {
		panic(err)
	}
	return b
})

func benchKey(i int) digest.Key { return digest.KeyOf(binary.BigEndian.AppendUint32(nil, uint32(i))) }

func BenchmarkOpenIndexOfAMillion(b *testing.B) {
	index := million()
	b.SetBytes(int64(len(index)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := OpenIndex(index); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFindInAMillion(b *testing.B) {
	table, err := OpenIndex(million())
	if err != nil {
		b.Fatal(err)
	}
	names := make([]digest.Key, 4096)
	for i := range names {
		names[i] = benchKey(i * 244)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if i++; len(table.Find(Blob, names[i%len(names)])) != 1 {
			b.Fatal("not found")
		}
	}
}

func BenchmarkFindNothingInAMillion(b *testing.B) {
	table, err := OpenIndex(million())
	if err != nil {
		b.Fatal(err)
	}
	name := keyOf("unheard of")
	b.ReportAllocs()
	for b.Loop() {
		table.Find(Result, name)
	}
}

func benchPayload(b *testing.B) content {
	if *object == "" {
		return blob(text(1 << 20))
	}
	payload, err := os.ReadFile(*object)
	if err != nil {
		b.Fatal(err)
	}
	return blob(payload)
}

func BenchmarkAppend(b *testing.B) {
	c := benchPayload(b)
	f := &memFile{}
	w, err := Create(f)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(c.payload)))
	b.ReportAllocs()
	for b.Loop() {
		rec, err := w.Append(c.kind, c.name, int64(len(c.payload)), bytes.NewReader(c.payload))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(rec.Size)/float64(rec.Length), "x")
		if w.Size() > 64<<20 {
			f.b = f.b[:0]
			if w, err = Create(f); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkDecode(b *testing.B) { benchDecode(b, benchPayload(b)) }

// BenchmarkDecodeSmall is the bulk of a prefetch: results, input sets, dependency files.
func BenchmarkDecodeSmall(b *testing.B) { benchDecode(b, blob(text(3000))) }

func benchDecode(b *testing.B, c content) {
	pack, records := build(b, []content{c})
	b.SetBytes(int64(len(c.payload)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := Decode(records[0], bytes.NewReader(pack[records[0].Offset:]))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}
