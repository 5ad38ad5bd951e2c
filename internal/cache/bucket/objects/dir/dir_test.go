package dir

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects/objectstest"
)

func open(t *testing.T, path string, o Options) *Store {
	t.Helper()
	s, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// kindOf is the kind of an *objects.Error, or what else err is.
func kindOf(err error) string {
	var e *objects.Error
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, objects.ErrNotFound):
		return "not found"
	case errors.As(err, &e):
		return string(e.Kind)
	}
	return err.Error()
}

// files are the names of all that lies below a directory, but for directories.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			var name string
			name, err = filepath.Rel(dir, path)
			names = append(names, filepath.ToSlash(name))
		}
		return err
	}))
	return names
}

func TestConformance(t *testing.T) {
	unsupported := func(*os.Root, string, string) error { return errors.ErrUnsupported }
	for name, change := range map[string]func(s *Store){
		"links":    func(*Store) {},
		"no links": func(s *Store) { s.link = unsupported },
	} {
		t.Run(name, func(t *testing.T) {
			objectstest.Run(t, func(t *testing.T) objects.Store {
				path := filepath.Join(t.TempDir(), "made")
				s := open(t, path, Options{})
				change(s)
				t.Cleanup(func() {
					for _, name := range files(t, path) {
						if objects.CheckName(name) != nil {
							t.Errorf("%s is left", name)
						}
					}
				})
				return s
			})
		})
	}
}

// Without links and without a rename that replaces nothing, what exists still stays.
func TestPlainRename(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	renames := 0
	s.link = func(*os.Root, string, string) error { return errors.ErrUnsupported }
	s.exclude = func(*os.Root, string, string, string) error { renames++; return errors.ErrUnsupported }
	for i, want := range []bool{false, true} {
		if stored, err := objectstest.Put(t.Context(), s, "v1/a", "first"[i:]); err != nil || stored.Existed != want {
			t.Errorf("Put %d = %+v, %v; want existed %v", i, stored, err, want)
		}
	}
	if got, err := objectstest.Read(t.Context(), s, "v1/a", 0, -1); err != nil || got != "first" {
		t.Errorf("Get = %q, %v; want first", got, err)
	}
	if renames != 1 {
		t.Errorf("%d renames were tried, want 1", renames)
	}
}

// NFS repeats a link whose answer was lost: the name is then taken by the file itself.
func TestLinkAnswerLost(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	s.link = func(root *os.Root, old, new string) error {
		must(t, root.Link(old, new))
		return &os.LinkError{Op: "link", Old: old, New: new, Err: fs.ErrExist}
	}
	if stored, err := objectstest.Put(t.Context(), s, "a", "a"); err != nil || stored.Existed {
		t.Errorf("Put = %+v, %v; want a new object", stored, err)
	}
}

func TestTimeIsOfToday(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	stored, err := objectstest.Put(t.Context(), s, "v1/a", "a")
	must(t, err)
	l, err := s.List(t.Context(), "v1/", "", 1)
	must(t, err)
	for what, at := range map[string]time.Time{"put": stored.Time, "list": l.Time} {
		if time.Since(at).Abs() > time.Hour {
			t.Errorf("time of a %s = %v, want about now", what, at)
		}
	}
}

// Who may only read knows the time of the last change, and leaves nothing.
func TestReadOnly(t *testing.T) {
	path := t.TempDir()
	writer, reader := open(t, path, Options{}), open(t, path, Options{ReadOnly: true})
	_, err := objectstest.Put(t.Context(), writer, "v1/x/a", "a")
	must(t, err)
	changed := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for _, d := range []string{"v1/x", "v1", "."} {
		must(t, os.Chtimes(filepath.Join(path, d), changed, changed))
		changed = changed.Add(-time.Hour)
	}
	l, err := reader.List(t.Context(), "v1/x/", "", 10)
	if want := changed.Add(3 * time.Hour); err != nil || !l.Time.Equal(want) || len(l.Objects) != 1 {
		t.Errorf("List = %+v, %v; want one object and %v", l, err, want)
	}
	if _, err := objectstest.Put(t.Context(), reader, "v1/x/b", "b"); kindOf(err) != "denied" {
		t.Errorf("Put = %v, want denied", err)
	}
	if info, err := os.Stat(path); err != nil || !info.ModTime().Equal(changed.Add(time.Hour)) {
		t.Errorf("the directory was changed: %v, %v", info, err)
	}
}

func TestMissingRoot(t *testing.T) {
	parent := t.TempDir()
	if _, err := Open("relative", Options{}); kindOf(err) != "unexpected" {
		t.Errorf("Open(relative) = %v, want unexpected", err)
	}
	for _, c := range []struct {
		path     string
		readOnly bool
		want     string // of Get, List and Put
	}{
		{"made", false, "not found, ok, ok"},
		{"a/b", false, "absent, absent, absent"},
		{"not-made", true, "absent, absent, denied"},
	} {
		s := open(t, filepath.Join(parent, c.path), Options{ReadOnly: c.readOnly})
		_, getErr := s.Get(t.Context(), "x", 0, -1)
		_, listErr := s.List(t.Context(), "", "", 1)
		_, putErr := objectstest.Put(t.Context(), s, "x", "x")
		if got := kindOf(getErr) + ", " + kindOf(listErr) + ", " + kindOf(putErr); got != c.want {
			t.Errorf("%s: get, list, put = %s; want %s", c.path, got, c.want)
		}
		if c.want[:3] == "abs" && !strings.Contains(getErr.Error(), s.path) {
			t.Errorf("Get = %v, want the path in it", getErr)
		}
	}
	must(t, os.WriteFile(filepath.Join(parent, "file"), nil, 0o600))
	if _, err := open(t, filepath.Join(parent, "file"), Options{}).List(t.Context(), "", "", 1); kindOf(err) != "unexpected" {
		t.Errorf("List of a file = %v, want unexpected", err)
	}
}

// Leftovers of killed writers are never objects, and go when they are a day old, by the clock of the file system.
func TestLeftovers(t *testing.T) {
	path := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(path, "v1"), 0o777))
	for name, age := range map[string]time.Duration{"~put-OLD": 25 * time.Hour, "~put-YOUNG": time.Hour, "~other": 1000 * time.Hour} {
		name = filepath.Join(path, "v1", name)
		must(t, os.WriteFile(name, []byte("half"), 0o666))
		must(t, os.Chtimes(name, time.Time{}, time.Now().Add(-age)))
	}
	s := open(t, path, Options{})
	if l, err := s.List(t.Context(), "", "", 10); err != nil || len(l.Objects) != 0 {
		t.Errorf("List = %+v, %v; want nothing", l, err)
	}
	_, err := objectstest.Put(t.Context(), s, "v1/a", "a")
	must(t, err)
	if got, want := strings.Join(files(t, path), " "), "v1/a v1/~other v1/~put-YOUNG"; got != want {
		t.Errorf("files after a put = %s, want %s", got, want)
	}
}

// A call whose kernel does not answer ends with its context, what it had open is closed, and the rest goes on.
func TestHangingFileSystem(t *testing.T) {
	path := t.TempDir()
	s := open(t, path, Options{})
	entered, answer := make(chan struct{}), make(chan struct{})
	s.link = func(root *os.Root, old, new string) error {
		entered <- struct{}{}
		<-answer
		return root.Link(old, new)
	}
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		_, err := objectstest.Put(ctx, s, "v1/a", "a")
		result <- err
	}()
	<-entered
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("Put = %v, want context.Canceled", err)
	}
	if _, err := s.Get(t.Context(), "v1/a", 0, -1); !errors.Is(err, objects.ErrNotFound) {
		t.Errorf("Get meanwhile = %v, want ErrNotFound", err)
	}
	close(answer)
	for range cap(s.slots) { // all are free once the last call has left the kernel
		s.slots <- struct{}{}
	}
	if got := strings.Join(files(t, path), " "); got != "v1/a" {
		t.Errorf("files = %s, want the object and no leftover", got)
	}
	// With every goroutine stuck, a call waits for its context only.
	ended, cancel := context.WithCancel(t.Context())
	go cancel()
	if _, err := s.List(ended, "", "", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("List with no goroutine free = %v, want context.Canceled", err)
	}
	for range cap(s.slots) {
		<-s.slots
	}
}

// A body's own failure is not the store's.
func TestBodyFails(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for _, broken := range []error{fs.ErrNotExist, fs.ErrPermission, io.ErrUnexpectedEOF} {
		body := struct {
			io.Reader
			io.Seeker
		}{failing{broken}, bytes.NewReader(nil)}
		_, err := s.Put(t.Context(), "a", body, 1, [32]byte{})
		var e *objects.Error
		if !errors.Is(err, broken) || errors.As(err, &e) {
			t.Errorf("Put = %v, want the body's error, and no error of the store", err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// A file that is cut while it is read is noticed.
func TestCutFile(t *testing.T) {
	path := t.TempDir()
	s := open(t, path, Options{})
	_, err := objectstest.Put(t.Context(), s, "a", strings.Repeat("a", 3*chunk))
	must(t, err)
	r, err := s.Get(t.Context(), "a", 0, -1)
	must(t, err)
	defer r.Close()
	must(t, os.Truncate(filepath.Join(path, "a"), chunk+10))
	if n, err := io.Copy(io.Discard, r); kindOf(err) != "unexpected" || n > chunk+10 {
		t.Errorf("reading = %d bytes, %v; want unexpected", n, err)
	}
}
