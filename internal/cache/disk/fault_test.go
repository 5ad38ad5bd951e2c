//go:build unix

package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/cache/cachetest"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

func littleMemory(o *Options) { o.MemoryBytes = 1 }

// spoil puts other bytes in the place of a file, as a failing disk does.
func spoil(t *testing.T, path string, b []byte) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	must(t, os.WriteFile(path, b, 0o400))
	backdate(t, path)
}

// stored is one of each kind: where it lies and how it is read.
type stored struct {
	kind string
	path string
	step int // bytes between two corruptions
	read func() (string, error)
}

func storeAll(t *testing.T, s *Store) []stored {
	ctx := t.Context()
	content := strings.Repeat("0123456789abcdef", 256)
	d := putBlob(t, s, content)
	must(t, s.PutResult(ctx, key("k"), result("stderr of k")), s.AddInputSet(ctx, key("c"), set("a.c")), s.PutNote(ctx, key("n"), []byte("a note")))
	sets := s.path(name{kind: kindSets, sum: key("c").Sum()})
	entries, err := os.ReadDir(sets)
	must(t, err)
	return []stored{
		{"blob", s.path(blobName(d)), 64, func() (string, error) { return cachetest.ReadBlob(ctx, s, d) }},
		{"result", s.path(name{kind: kindResult, sum: key("k").Sum()}), 1, func() (string, error) {
			r, err := s.Result(ctx, key("k"))
			if err != nil {
				return "", err
			}
			return string(r.Stderr), nil
		}},
		{"set", sets + "/" + entries[0].Name(), 1, func() (string, error) {
			sets, err := s.InputSets(ctx, key("c"))
			if err == nil && len(sets) == 0 {
				err = cache.ErrNotFound
			}
			if err != nil {
				return "", err
			}
			return sets[0].Paths[0], nil
		}},
		{"note", s.path(name{kind: kindNote, sum: key("n").Sum()}), 1, func() (string, error) {
			b, err := s.Note(ctx, key("n"))
			return string(b), err
		}},
	}
}

// Whatever becomes of a file's bytes, a reader gets an error that says so once, and nothing afterwards.
func TestCorruption(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, littleMemory)
	for _, f := range storeAll(t, s) {
		right, err := os.ReadFile(f.path)
		must(t, err)
		want, err := f.read()
		must(t, err)
		check := func(what string, b []byte) {
			t.Helper()
			spoil(t, f.path, b)
			var corrupt *cache.CorruptError
			if got, err := f.read(); !errors.As(err, &corrupt) {
				t.Fatalf("%s with %s = %q, %v; want a CorruptError", f.kind, what, got, err)
			}
			if got, err := f.read(); !errors.Is(err, cache.ErrNotFound) {
				t.Fatalf("%s with %s, again = %q, %v; want ErrNotFound", f.kind, what, got, err)
			}
		}
		for i := 0; i < len(right); i += f.step {
			b := bytes.Clone(right)
			b[i] ^= 1 << (i % 8)
			check(fmt.Sprintf("byte %d changed", i), b)
			check(fmt.Sprintf("the first %d bytes only", i), right[:i])
		}
		check("a byte more", append(bytes.Clone(right), 0))
		spoil(t, f.path, right)
		if got, err := f.read(); err != nil || got != want {
			t.Errorf("%s put back = %q, %v; want %q", f.kind, got, err, want)
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, "quarantine"))
	if err != nil || len(entries) != 4 {
		t.Errorf("quarantine holds %d files, %v; want one of each kind", len(entries), err)
	}
}

// A link or a directory in a file's place is wrong like other bytes.
func TestWrongType(t *testing.T) {
	s := open(t, t.TempDir(), littleMemory)
	for _, f := range storeAll(t, s)[:2] {
		for what, replace := range map[string]func() error{
			"link":      func() error { return os.Symlink("/etc/passwd", f.path) },
			"directory": func() error { return os.Mkdir(f.path, 0o700) },
			"FIFO":      func() error { return syscall.Mkfifo(f.path, 0o600) },
		} {
			if err := os.RemoveAll(f.path); err != nil {
				t.Fatal(err)
			}
			must(t, replace())
			var corrupt *cache.CorruptError
			if got, err := f.read(); !errors.As(err, &corrupt) {
				t.Errorf("%s that is a %s = %q, %v; want a CorruptError", f.kind, what, got, err)
			}
			if got, err := f.read(); !errors.Is(err, cache.ErrNotFound) {
				t.Errorf("%s that is a %s, again = %q, %v; want ErrNotFound", f.kind, what, got, err)
			}
		}
	}
}

func TestQuarantineIsBounded(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, littleMemory)
	for i := range 2 * maxQuarantineFiles {
		d := putBlob(t, s, fmt.Sprint(i))
		spoil(t, s.path(blobName(d)), []byte("other"))
		if _, err := s.Open(t.Context(), d); err == nil {
			t.Fatal("a corrupt blob was opened")
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, "quarantine"))
	if err != nil || len(entries) != maxQuarantineFiles {
		t.Errorf("quarantine holds %d files, %v; want %d", len(entries), err, maxQuarantineFiles)
	}
}

// Where nothing can be put aside, the answer is the same, and the bytes are gone.
func TestQuarantineFails(t *testing.T) {
	var failing atomic.Bool
	s := open(t, t.TempDir(), littleMemory, func(o *Options) {
		o.Before = func(op Op, path string) error {
			if failing.Load() && strings.Contains(path, "quarantine") {
				return syscall.ENOSPC
			}
			return nil
		}
	})
	d := putBlob(t, s, "hello")
	spoil(t, s.path(blobName(d)), []byte("hallo"))
	failing.Store(true)
	var corrupt *cache.CorruptError
	if _, err := s.Open(t.Context(), d); !errors.As(err, &corrupt) {
		t.Errorf("Open = %v, want a CorruptError", err)
	}
	if _, err := s.Open(t.Context(), d); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("Open again = %v, want ErrNotFound", err)
	}
}

// Each operation of a series of puts fails once, for each of several causes: what was put can be read or is absent, and
// nothing is left behind. When the cause is gone, everything works.
func TestFaultSweep(t *testing.T) {
	for _, cause := range []error{syscall.ENOSPC, syscall.EROFS} {
		t.Run(cause.Error(), func(t *testing.T) {
			for n := int64(0); sweep(t, cause, n); n++ {
				if n > 100 {
					t.Fatal("the sweep does not end")
				}
			}
		})
	}
}

// sweep fails the nth operation, and reports whether there were so many.
func sweep(t *testing.T, cause error, n int64) bool {
	dir, ctx := t.TempDir(), t.Context()
	first := open(t, dir) // so that the second need not count
	must(t, first.Close(ctx))
	_, err := first.Trim(ctx)
	must(t, err)

	var armed atomic.Bool
	var left, clock atomic.Int64
	left.Store(n)
	clock.Store(time.Now().UnixNano())
	s := open(t, dir, littleMemory, func(o *Options) {
		o.Now = func() time.Time { return time.Unix(0, clock.Load()) }
		o.Before = func(op Op, path string) error {
			if armed.Load() && !slices.Contains([]Op{OpOpen, OpReadDir, OpRemove}, op) && left.Add(-1) == -1 {
				return cause
			}
			return nil
		}
	})
	d := digest.Of([]byte("hello"))
	put := func() []error {
		return []error{
			s.Put(ctx, d, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("hello")), nil }),
			s.PutResult(ctx, key("k"), result("r")), s.AddInputSet(ctx, key("c"), set("s")), s.PutNote(ctx, key("n"), []byte("note")),
		}
	}
	read := func() []string {
		blob, blobErr := cachetest.ReadBlob(ctx, s, d)
		var word, path string
		r, resultErr := s.Result(ctx, key("k"))
		if resultErr == nil {
			word = string(r.Stderr)
		}
		sets, setsErr := s.InputSets(ctx, key("c"))
		for _, s := range sets {
			path += s.Paths[0]
		}
		note, noteErr := s.Note(ctx, key("n"))
		for i, err := range []error{blobErr, resultErr, setsErr, noteErr} {
			if err != nil && !errors.Is(err, cache.ErrNotFound) {
				t.Errorf("fault %d: read %d = %v, want ErrNotFound or no error", n, i, err)
			}
		}
		return []string{blob, word, path, string(note)}
	}
	want := []string{"hello", "r", "s", "note"}

	armed.Store(true)
	errs := put()
	armed.Store(false)
	for i, got := range read() {
		switch err := errs[i]; {
		case err == nil && got != want[i]:
			t.Errorf("fault %d: put %d succeeded, but read gives %q", n, i, got)
		case err != nil && got != "":
			t.Errorf("fault %d: put %d failed (%v), but read gives %q", n, i, err, got)
		case err != nil && !errors.Is(err, cause) && !(errors.Is(cause, syscall.ENOSPC) && errors.Is(err, cache.ErrReadOnly)):
			t.Errorf("fault %d: put %d = %v, want %v", n, i, err, cause)
		}
	}
	if entries, err := os.ReadDir(s.tmpPath()); err != nil && !errors.Is(err, fs.ErrNotExist) || len(entries) > 0 {
		t.Errorf("fault %d: tmp holds %v, %v; want nothing", n, entries, err)
	}
	failed := slices.IndexFunc(errs, func(err error) bool { return err != nil })
	if failed >= 0 && errors.Is(cause, syscall.ENOSPC) {
		// A full disk costs one failing write, not one in each compile.
		if err := s.PutNote(ctx, key("n"), nil); !errors.Is(err, cache.ErrReadOnly) {
			t.Errorf("fault %d: put on a disk that was just full = %v, want ErrReadOnly", n, err)
		}
		clock.Add(int64(fullPause) + 1)
	}
	must(t, errors.Join(put()...))
	if got := read(); !slices.Equal(got, want) {
		t.Errorf("fault %d: after the fault, read %q, want %q", n, got, want)
	}
	must(t, s.Close(context.Background()))
	return left.Load() < 0
}

// What a killed process leaves is invisible, and goes when it is an hour old.
func TestKilled(t *testing.T) {
	s := open(t, t.TempDir())
	putBlob(t, s, "hello")
	must(t, s.Close(t.Context())) // its own goroutine may be counting
	young, old := s.tmpPath()+"/put-1", s.tmpPath()+"/put-2"
	tree := s.tmpPath() + "/" + clearedPrefix + "3"
	must(t, os.WriteFile(young, []byte("half"), 0o600), os.WriteFile(old, []byte("half"), 0o600), os.MkdirAll(tree+"/cas/00", 0o700))
	past := time.Now().Add(-2 * maxTemporaryAge)
	must(t, os.Chtimes(old, past, past), os.Chtimes(tree, past, past))
	_, err := s.Trim(t.Context())
	must(t, err)
	entries, err := os.ReadDir(s.tmpPath())
	if err != nil || len(entries) != 1 || entries[0].Name() != "put-1" {
		t.Errorf("tmp holds %v, %v; want put-1 only", entries, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"open to others":  func(dir string) error { return os.Chmod(dir+"/store/v1", 0o750) },
		"store to others": func(dir string) error { return os.Chmod(dir+"/store", 0o701) },
		"a file": func(dir string) error {
			return errors.Join(os.RemoveAll(dir+"/store"), os.WriteFile(dir+"/store", nil, 0o700))
		},
		"a link": func(dir string) error {
			return errors.Join(os.Rename(dir+"/store", dir+"/s"), os.Symlink(dir+"/s", dir+"/store"))
		},
		"a link to another": func(dir string) error {
			return errors.Join(os.RemoveAll(dir+"/store/v1"), os.Symlink(t.TempDir(), dir+"/store/v1"))
		},
		"another's": func(dir string) error {
			if os.Geteuid() != 0 {
				t.Log("owner not tested: only root can give a directory away")
				return os.Chmod(dir+"/store", 0o770)
			}
			return os.Chown(dir+"/store", 12345, -1)
		},
	} {
		dir := t.TempDir()
		must(t, open(t, dir).Close(t.Context()), spoil(dir))
		if s, err := Open(Options{Dir: dir, Class: "local", Now: time.Now}); err == nil {
			s.Close(t.Context())
			t.Errorf("%s: Open succeeded, want an error", name)
		}
	}
	for _, c := range []string{"", "cas", "../x", "Local"} {
		if s, err := Open(Options{Dir: t.TempDir(), Class: c, Now: time.Now}); err == nil {
			s.Close(t.Context())
			t.Errorf("Open with class %q succeeded, want an error", c)
		}
	}
}
