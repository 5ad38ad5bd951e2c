package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/cache/cachetest"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// open opens a store that is closed when the test ends. It is the local class unless change says otherwise.
func open(t testing.TB, dir string, change ...func(*Options)) *Store {
	t.Helper()
	opts := Options{Dir: dir, Class: "local", Now: time.Now}
	for _, c := range change {
		c(&opts)
	}
	s, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return s
}

func class(c string) func(*Options) { return func(o *Options) { o.Class = c } }

func key(word string) digest.Key { return digest.KeyOf([]byte(word)) }

func result(word string) *compile.Result { return &compile.Result{Stderr: []byte(word)} }

func set(word string) *compile.InputSet { return &compile.InputSet{Paths: []string{word}} }

func putBlob(t testing.TB, s *Store, content string) digest.Digest {
	t.Helper()
	d := digest.Of([]byte(content))
	if err := s.Put(t.Context(), d, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil }); err != nil {
		t.Fatalf("Put = %v", err)
	}
	return d
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// backdate makes a file an hour old: what is written next has other times, however coarse the clock is.
func backdate(t testing.TB, path string) {
	t.Helper()
	old := time.Now().Add(-time.Hour)
	must(t, os.Chtimes(path, old, old))
}

func TestStore(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"pr reads trusted": class("pr"),
		"little memory":    func(o *Options) { o.MemoryBytes = 1 },
		"clock behind":     func(o *Options) { o.Now = func() time.Time { return time.Unix(1, 0) } },
	} {
		t.Run(name, func(t *testing.T) {
			cachetest.Run(t, func(t *testing.T) cache.Store { return open(t, t.TempDir(), change) })
		})
	}
}

// The layout is a format that other programs and later releases read.
func TestLayout(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, func(o *Options) {
		o.Now = func() time.Time { return time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC) }
	})
	d := putBlob(t, s, "hello")
	must(t, s.PutResult(t.Context(), key("k"), result("r")), s.AddInputSet(t.Context(), key("c"), set("a.c")),
		s.PutNote(t.Context(), key("n"), []byte("note\n")), s.Close(t.Context()))
	_, err := s.Trim(t.Context())
	must(t, err)
	const (
		c = "2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6" // SHA-256 of "c", and so on
		k = "8254c329a92850f6d539dd376f4816ee2764517da5e0235514af433164480d7a"
		n = "1b16b1df538ba12dc3f97edbb85caa7050d46c148134290feba80f8236c83db9"
		a = "ad49f351ed56da26cf97658d10d20cdc9657e5849b9493d5dda74a4942d89a50" // of the set's stored form
	)
	want := map[string]string{
		"cas/2c/" + d.Hex(): "0400 hello",
		"local/result/82/" + k: "0600 compile-cache result 1\nstatus 0\nwall 0\ncpu 0\nmade-time 0001-01-01T00:00:00Z\nstderr r\n" +
			"record result " + k + "\nsha256 e75b23a7ba389a8af7fbad233f8350d725fce40a078fabe050486002d75b1d33\n",
		"local/set/2e/" + c + "/" + a: "0600 compile-cache input set 1\npath a.c\n" +
			"record set " + c + "/" + a + "\nsha256 a6947dcba42f0a862e0ce82c7734678f1f78f7dee4f56c8e6dfbf0ef3e57e7dd\n",
		"local/note/1b/" + n: "0600 note\nrecord note " + n + "\nsha256 d3ce0d1bc5285d1f14e22afdbdc6cee7e8ef34fa825cf0915a6d4188917ec887\n",
		"size":               "0600 compile-cache size 1\nbytes 20480\nblobs 1\nresults 1\nsets 1\nnotes 1\ncounted 1795305600\n",
		"trim.lock":          "0600 \n",
	}
	got := map[string]string{}
	root := filepath.Join(dir, "store/v1")
	must(t, filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		must(t, err)
		if e.IsDir() {
			if info.Mode().Perm() != 0o700 {
				t.Errorf("%s has mode %v, want 0700", path, info.Mode())
			}
			return nil
		}
		b, err := os.ReadFile(path)
		must(t, err)
		rel, _ := filepath.Rel(root, path)
		got[rel] = fmt.Sprintf("%04o %s", info.Mode().Perm(), b)
		return nil
	}))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestClasses(t *testing.T) {
	dir := t.TempDir()
	trusted, pr, local := open(t, dir, class("trusted")), open(t, dir, class("pr")), open(t, dir)
	ctx := t.Context()
	must(t, trusted.PutResult(ctx, key("k"), result("trusted")), trusted.AddInputSet(ctx, key("c"), set("trusted")),
		trusted.PutNote(ctx, key("n"), []byte("trusted")))
	if r, err := pr.Result(ctx, key("k")); err != nil || string(r.Stderr) != "trusted" {
		t.Errorf("pr's Result = %v, %v; want the trusted one", r, err)
	}
	must(t, pr.PutResult(ctx, key("k"), result("pr")), pr.PutResult(ctx, key("l"), result("pr")), pr.AddInputSet(ctx, key("c"), set("pr")),
		pr.AddInputSet(ctx, key("c"), set("trusted")), pr.PutNote(ctx, key("n"), []byte("pr")))
	if r, err := pr.Result(ctx, key("k")); err != nil || string(r.Stderr) != "pr" {
		t.Errorf("pr's Result = %v, %v; want its own", r, err)
	}
	for _, c := range []struct {
		store         *Store
		k, l, c, note string
	}{{trusted, "trusted", "", "trusted", "trusted"}, {pr, "pr", "pr", "trusted pr", "pr"}, {local, "", "", "", ""}} {
		name := c.store.opts.Class
		for k, want := range map[string]string{"k": c.k, "l": c.l} {
			r, err := c.store.Result(ctx, key(k))
			if want == "" && !errors.Is(err, cache.ErrNotFound) || want != "" && (err != nil || string(r.Stderr) != want) {
				t.Errorf("%s: Result(%s) = %v, %v; want %q", name, k, r, err, want)
			}
		}
		sets, err := c.store.InputSets(ctx, key("c"))
		var got []string
		for _, s := range sets {
			got = append(got, s.Paths...)
		}
		if err != nil || strings.Join(got, " ") != c.c {
			t.Errorf("%s: InputSets = %q, %v; want %q", name, got, err, c.c)
		}
		if note, err := c.store.Note(ctx, key("n")); string(note) != c.note {
			t.Errorf("%s: Note = %q, %v; want %q", name, note, err, c.note)
		}
	}
	d := putBlob(t, pr, "shared")
	if got, err := cachetest.ReadBlob(ctx, trusted, d); err != nil || got != "shared" {
		t.Errorf("trusted's Open of pr's blob = %q, %v; want it", got, err)
	}
}

// Two stores on one directory see what the other does.
func TestTwoStores(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	a, b := open(t, dir), open(t, dir)
	var want string
	for i := range 20 {
		word := fmt.Sprint("s", i)
		must(t, a.AddInputSet(ctx, key("c"), set(word)))
		want = strings.TrimSpace(word + " " + want)
		for range 2 {
			sets, err := b.InputSets(ctx, key("c"))
			var got []string
			for _, s := range sets {
				got = append(got, s.Paths...)
			}
			if w := strings.Fields(want); err != nil || !cmp.Equal(got, w[:min(len(w), cache.MaxInputSets)]) {
				t.Fatalf("after %d adds, InputSets = %q, %v; want %q", i+1, got, err, want)
			}
		}
	}
	must(t, a.PutResult(ctx, key("k"), result("r")))
	if r, err := b.Result(ctx, key("k")); err != nil || string(r.Stderr) != "r" {
		t.Errorf("Result = %v, %v; want the other's", r, err)
	}
}

func TestSetsAreFewInADirectory(t *testing.T) {
	s := open(t, t.TempDir())
	dir := s.path(name{kind: kindSets, sum: key("c").Sum()})
	for i := range 100 {
		must(t, s.AddInputSet(t.Context(), key("c"), set(fmt.Sprint(i))))
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > maxSets {
			t.Fatalf("after %d adds the directory holds %d, %v; want at most %d", i+1, len(entries), err, maxSets)
		}
	}
}

func TestDeletedWhileRunning(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	s := open(t, dir)
	d := putBlob(t, s, "hello")
	must(t, s.PutResult(ctx, key("k"), result("r")), s.AddInputSet(ctx, key("c"), set("s")))
	// The store's own goroutine may write the size while the tree is removed.
	for os.RemoveAll(filepath.Join(dir, "store")) != nil {
	}
	if _, err := s.Result(ctx, key("k")); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("Result = %v, want ErrNotFound", err)
	}
	if sets, err := s.InputSets(ctx, key("c")); err != nil || len(sets) != 0 {
		t.Errorf("InputSets = %v, %v; want none", sets, err)
	}
	if _, err := s.Open(ctx, d); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("Open = %v, want ErrNotFound", err)
	}
	putBlob(t, s, "hello")
	must(t, s.PutResult(ctx, key("k"), result("r")), s.AddInputSet(ctx, key("c"), set("s")))
	if got, err := cachetest.ReadBlob(ctx, s, d); err != nil || got != "hello" {
		t.Errorf("Open after a new put = %q, %v; want hello", got, err)
	}
}

func TestUsage(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	if got, err := Usage(ctx, filepath.Join(dir, "absent")); err != nil || got != (Sizes{}) {
		t.Errorf("Usage of an absent store = %+v, %v; want nothing", got, err)
	}
	a, b := open(t, dir), open(t, dir)
	putBlob(t, a, strings.Repeat("x", 5000))
	must(t, b.PutResult(ctx, key("k"), result("r")), b.PutResult(ctx, key("k"), result("r")),
		b.AddInputSet(ctx, key("c"), set("s")), b.AddInputSet(ctx, key("c"), set("t")), a.PutNote(ctx, key("n"), nil))
	want := Sizes{Bytes: 2*4096 + 4096 + 3*4096 + 4096, Blobs: 1, Results: 1, InputSets: 2, Notes: 1}
	must(t, a.Close(ctx), b.Close(ctx))
	_, err := a.Trim(ctx)
	must(t, err)
	if got, err := Usage(ctx, dir); err != nil || got != want {
		t.Errorf("Usage by the size file = %+v, %v; want %+v", got, err, want)
	}
	must(t, os.Remove(a.sizePath()))
	if got, err := Usage(ctx, dir); err != nil || got != want {
		t.Errorf("Usage by walking = %+v, %v; want %+v", got, err, want)
	}
}

// Two stores that put without a trim between them add up.
func TestSizeAddsUp(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	first := open(t, dir)
	must(t, first.Close(ctx))
	_, err := first.Trim(ctx)
	must(t, err)
	for i := range 3 {
		s := open(t, dir)
		putBlob(t, s, fmt.Sprint(i))
		must(t, s.Close(ctx))
	}
	if got, err := Usage(ctx, dir); err != nil || got.Blobs != 3 || got.Bytes != 3*4096 {
		t.Errorf("Usage = %+v, %v; want 3 blobs of one block", got, err)
	}
}

func TestRecordNames(t *testing.T) {
	s := open(t, t.TempDir())
	must(t, s.PutResult(t.Context(), key("k"), result("r")))
	from, to := s.path(name{kind: kindResult, sum: key("k").Sum()}), s.path(name{kind: kindResult, sum: key("l").Sum()})
	must(t, os.MkdirAll(filepath.Dir(to), 0o700), os.Rename(from, to))
	var corrupt *cache.CorruptError
	if r, err := s.Result(t.Context(), key("l")); !errors.As(err, &corrupt) {
		t.Errorf("Result of a record under another name = %v, %v; want a CorruptError", r, err)
	}
}

func FuzzUnseal(f *testing.F) {
	f.Add(seal([]byte("payload\n"), "result k"))
	f.Add(seal(nil, "note n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		payload, err := unseal(b, "result k")
		if err == nil && !bytes.Equal(seal(payload, "result k"), b) {
			t.Errorf("unseal(%q) = %q, which seals as other bytes", b, payload)
		}
	})
}
