package pack

import (
	"bytes"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// memFile is a File in memory, which fails after some bytes where left is set.
type memFile struct {
	b    []byte
	fail error
	left int // bytes that may still be written before fail
}

func (f *memFile) Write([]byte) (int, error) { panic("the position of a file is not used") }

func (f *memFile) WriteAt(b []byte, at int64) (int, error) {
	if f.fail != nil {
		if f.left < len(b) {
			return 0, f.fail
		}
		f.left -= len(b)
	}
	if end := int(at) + len(b); end > len(f.b) {
		f.b = append(f.b, make([]byte, end-len(f.b))...)
	}
	return copy(f.b[at:], b), nil
}

func (f *memFile) ReadAt(b []byte, at int64) (int, error) { return bytes.NewReader(f.b).ReadAt(b, at) }

func (f *memFile) Truncate(size int64) error {
	f.b = append([]byte(nil), f.b...)[:size]
	return nil
}

func keyOf(s string) digest.Key { return digest.KeyOf([]byte(s)) }

// noise are bytes that do not compress, text bytes that do.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8(sha256.Sum256([]byte{byte(n)})).Read(b)
	return b
}

func text(n int) []byte {
	var b bytes.Buffer
	r := rand.New(rand.NewPCG(1, uint64(n)))
	words := []string{"mov", "add", "eax", "ebx", "section", "symbol", "relocation", "\x00\x00", "0x"}
	for b.Len() < n {
		b.WriteString(words[r.IntN(len(words))])
		b.WriteByte(byte(r.IntN(256)))
	}
	return b.Bytes()[:n]
}

// content is one record to be.
type content struct {
	kind    Kind
	name    digest.Key
	payload []byte
}

func blob(b []byte) content { return content{Blob, digest.KeyFromSum(sha256.Sum256(b)), b} }

// small is a pack of each kind and encoding: 6 records of some hundred bytes.
var small = []content{
	blob(noise(50)),
	{Result, keyOf("a key"), text(300)},
	{InputSet, keyOf("a compilation"), []byte("the first set")},
	{InputSet, keyOf("a compilation"), []byte("the second set")},
	{Note, keyOf("a unit"), bytes.Repeat([]byte("note "), 40)},
	blob(nil),
}

// build returns a sealed pack and its records.
func build(t testing.TB, contents []content) ([]byte, []Record) {
	t.Helper()
	f := &memFile{}
	w, err := Create(f)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, w, contents)
	records := w.Records()
	sum, size, err := w.Seal()
	if err != nil {
		t.Fatal(err)
	}
	if want := sha256.Sum256(f.b); sum != digest.KeyFromSum(want) || size != int64(len(f.b)) {
		t.Fatalf("Seal() = %v, %d, want %x, %d", sum, size, want, len(f.b))
	}
	return f.b, records
}

func fill(t testing.TB, w *Writer, contents []content) {
	t.Helper()
	for _, c := range contents {
		rec, err := w.Append(c.kind, c.name, int64(len(c.payload)), bytes.NewReader(c.payload))
		if err != nil {
			t.Fatal(err)
		}
		want := Record{c.kind, c.name, digest.KeyFromSum(sha256.Sum256(c.payload)), int64(len(c.payload)), w.Size() - rec.Length, rec.Length}
		if rec != want {
			t.Fatalf("Append = %+v, want %+v", rec, want)
		}
	}
}

// payloadOf decodes a record of a pack.
func payloadOf(pack []byte, rec Record) ([]byte, error) {
	r, err := Decode(rec, io.NewSectionReader(bytes.NewReader(pack), rec.Offset, rec.Length))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}
