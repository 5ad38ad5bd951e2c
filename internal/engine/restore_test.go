package engine_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"strconv"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/cache/cachetest"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// A result of which one blob is gone, be it the first or the last, is a miss that stores the blob again.
func TestOneBlobOfSeveralIsGone(t *testing.T) {
	args := []string{"-c", "-g", "-MD", "a.c", "-o", "a.o"}
	for lost := range 2 {
		t.Run(strconv.Itoa(lost), func(t *testing.T) {
			p := newProject(t, map[string]string{"a.c": "#include \"a.h\"\n", "a.h": "int a;\n"})
			faulty := &cachetest.Faulty{Store: &cachetest.Memory{}, Plan: func(method string, n int) cachetest.Fault {
				if method == "Open" && n == lost {
					return cachetest.Fault{Kind: cachetest.Fail, Err: cache.ErrNotFound}
				}
				return cachetest.Fault{}
			}}
			p.engine.Store = faulty
			p.want(compile.Miss, compile.ReasonNew, args...)
			object := read(t, p.path("a.o"))
			p.want(compile.Miss, compile.ReasonEvicted, args...)
			p.want(compile.Hit, "", args...)
			if got := read(t, p.path("a.o")); !bytes.Equal(got, object) {
				t.Error("the object differs")
			}
			if n := faulty.Calls("Open"); n != 4 {
				t.Errorf("%d blobs were opened, want 2 in each of 2 lookups", n)
			}
		})
	}
}

// observed is a store whose blobs call reading when they are first read.
type observed struct {
	cache.Store
	reading func()
}

func (o observed) Open(ctx context.Context, d digest.Digest) (io.ReadCloser, error) {
	r, err := o.Store.Open(ctx, d)
	return &observedBlob{r, o.reading}, err
}

type observedBlob struct {
	io.ReadCloser
	reading func()
}

func (b *observedBlob) Read(p []byte) (int, error) {
	b.reading()
	return b.ReadCloser.Read(p)
}

// A daemon that is killed while it writes an output leaves a file that the compiler, run after all, may keep: with the mode that is
// the compiler's.
func TestModeOfAHalfWrittenOutput(t *testing.T) {
	p := newProject(t, map[string]string{"a.c": "int a;\n"})
	reads := 0
	p.engine.Store = observed{&cachetest.Memory{}, func() {
		reads++
		for _, name := range []string{"a.o", "a.d"} {
			if fi, err := os.Lstat(p.path(name)); err == nil && fi.Mode() != 0o644 {
				t.Errorf("%s has mode %v while outputs are written, want -rw-r--r--", name, fi.Mode())
			}
		}
	}}
	args := []string{"-c", "-MD", "a.c", "-o", "a.o"}
	p.want(compile.Miss, compile.ReasonNew, args...)
	for _, name := range []string{"a.o", "a.d"} {
		if err := os.Remove(p.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	p.want(compile.Hit, "", args...)
	if reads == 0 {
		t.Error("no blob was read")
	}
}

// An output that nobody may write to is left to the compiler: rustc fails there, whoever calls it.
func TestReadOnlyOutputIsLeftToTheCompiler(t *testing.T) {
	p := newProject(t, map[string]string{"a.c": "int a;\n"})
	args := []string{"-c", "a.c", "-o", "a.o"}
	p.want(compile.Miss, compile.ReasonNew, args...)
	if err := os.Chmod(p.path("a.o"), 0o444); err != nil {
		t.Fatal(err)
	}
	// What gcc makes of it, and so what becomes of the result, is another for root.
	if a, e := p.compile(args...); a.Replay != nil || e.Outcome == compile.Hit {
		t.Errorf("%s, want the compiler to run", e.Outcome)
	}
}
