package disk

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/cache/cachetest"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

func TestOpenFile(t *testing.T) {
	s := open(t, t.TempDir())
	d := putBlob(t, s, "hello")
	f, err := s.OpenFile(t.Context(), d)
	must(t, err)
	defer f.Close()
	if b, err := io.ReadAll(f); string(b) != "hello" || err != nil {
		t.Errorf("read %q, %v; want hello", b, err)
	}
	if _, err := f.(*os.File).Write([]byte("x")); err == nil {
		t.Error("the file can be written, want it read-only")
	}
	other, err := digest.Parse(d.Hex() + "/4")
	must(t, err)
	if _, err := s.OpenFile(t.Context(), other); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("OpenFile of the hash with another size = %v, want ErrNotFound", err)
	}
	if got, err := cachetest.ReadBlob(t.Context(), s, d); got != "hello" || err != nil {
		t.Errorf("after that, Open = %q, %v; want hello", got, err)
	}
}

// hashedReader says of what it gave that it is d, once it has given all where it is honest.
type hashedReader struct {
	io.Reader
	d    digest.Digest
	done bool
}

func (r *hashedReader) Digest() (digest.Digest, bool) { return r.d, r.done }

func (r *hashedReader) Close() error { return nil }

// What a reader hashed is not hashed again, and what it says is still compared.
func TestPutHashed(t *testing.T) {
	s := open(t, t.TempDir())
	const content = "what was decoded"
	for _, c := range []struct {
		what string
		name string // the content that the put names
		said string // the content that the reader says it gave
		done bool
		ok   bool
	}{
		{"the reader says what is named", content, content, true, true},
		{"the reader gives less than it says", content + ".", content + ".", true, false},
		{"the reader says something else", content + "?", content, true, false},
		{"the reader had not come to the end", content + "!", content + "!", false, false},
	} {
		d := digest.Of([]byte(c.name))
		err := s.Put(t.Context(), d, func() (io.ReadCloser, error) {
			return &hashedReader{strings.NewReader(content), digest.Of([]byte(c.said)), c.done}, nil
		})
		if (err == nil) != c.ok || s.Missing(d) == c.ok {
			t.Errorf("%s: Put = %v, missing %t, want it stored: %t", c.what, err, s.Missing(d), c.ok)
		}
	}
}
