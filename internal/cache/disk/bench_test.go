package disk

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

func BenchmarkResultWarm(b *testing.B) {
	s := open(b, b.TempDir())
	must(b, s.PutResult(b.Context(), key("k"), result("r")))
	backdate(b, s.classPath(0))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Result(b.Context(), key("k")); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInputSetsWarm(b *testing.B) {
	s := open(b, b.TempDir())
	big := &compile.InputSet{}
	for i := range 450 {
		big.Paths = append(big.Paths, fmt.Sprintf("/usr/include/c++/12/bits/header%d.h", i))
	}
	must(b, s.AddInputSet(b.Context(), key("c"), big))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.InputSets(b.Context(), key("c")); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPutBlob32K(b *testing.B) {
	s := open(b, b.TempDir())
	content := make([]byte, 32<<10)
	n := 0
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		n++
		copy(content, fmt.Sprintf("%16d", n))
		if err := s.Put(b.Context(), digest.Of(content), func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(content)), nil
		}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenFile(b *testing.B) {
	s := open(b, b.TempDir())
	d := putBlob(b, s, string(make([]byte, 32<<10)))
	b.ReportAllocs()
	for b.Loop() {
		f, err := s.OpenFile(b.Context(), d)
		if err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
}
