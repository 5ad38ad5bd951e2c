package engine

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// readerOnly is a source that is no file.
type readerOnly struct{ io.Reader }

// A blob of any size arrives whole, from a file and from a stream; one whose source has another size is refused.
func TestFill(t *testing.T) {
	dir := t.TempDir()
	for _, size := range []int{0, 1, cloneFrom - 1, cloneFrom, cloneFrom + 1, 5*cloneFrom + 7} {
		want := bytes.Repeat([]byte("0123456"), size/7+1)[:size]
		for _, off := range []int{-1, 0, 1} {
			if size+off < 0 {
				continue
			}
			stored := compile.StoredOutput{Role: "link", Blob: digest.Of(append(bytes.Clone(want), "more"...)[:size+off])}
			for _, stream := range []bool{false, true} {
				source := filepath.Join(dir, "source")
				if err := os.WriteFile(source, want, 0o600); err != nil {
					t.Fatal(err)
				}
				from, err := os.Open(source)
				if err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(dir, "output")
				_ = os.Remove(path)
				to, err := createFile(path)
				if err != nil {
					t.Fatal(err)
				}
				var reader io.Reader = from
				if stream {
					reader = readerOnly{from}
				}
				err = new(call).fill(to, stored, reader)
				from.Close()
				if cerr := to.Close(); cerr != nil {
					t.Fatal(cerr)
				}
				got, rerr := os.ReadFile(path)
				if rerr != nil {
					t.Fatal(rerr)
				}
				if off == 0 && (err != nil || !bytes.Equal(got, want)) {
					t.Errorf("fill of %d bytes, stream %v: %v, %d bytes", size, stream, err, len(got))
				}
				if off != 0 && err == nil {
					t.Errorf("fill of %d bytes from %d, stream %v: no error", size+off, size, stream)
				}
			}
		}
	}
}
