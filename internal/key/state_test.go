package key

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// age moves both times of what lies at path into the past as far as a test can: mtime by utimes; ctime is now, so the
// state's clock is moved ahead instead.
func newState(t *testing.T) (*State, Clock) {
	t.Helper()
	s := NewState(func() time.Time { return time.Now().Add(time.Hour) })
	c := Clock{Path: filepath.Join(t.TempDir(), "clock")}
	s.Fine = c.TestTimes()
	return s, c
}

func mustDigest(t *testing.T, s *State, path string) digest.Digest {
	t.Helper()
	d, err := s.Digest(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDigestFollowsContent(t *testing.T) {
	s, _ := newState(t)
	p := filepath.Join(t.TempDir(), "a.h")
	write(t, p, "one")
	if got := mustDigest(t, s, p); got != digest.Of([]byte("one")) {
		t.Fatalf("Digest = %v", got)
	}
	// The same size, and mtime set back: ctime tells.
	fi, err := os.Stat(p)
	if err != nil {
		t.Fatal(err)
	}
	write(t, p, "two")
	if err := os.Chtimes(p, fi.ModTime(), fi.ModTime()); err != nil {
		t.Fatal(err)
	}
	if got := mustDigest(t, s, p); got != digest.Of([]byte("two")) {
		t.Errorf("Digest after a rewrite with mtime set back = %v", got)
	}
	if _, err := s.Digest(filepath.Dir(p)); err == nil {
		t.Error("Digest of a directory succeeds")
	}
	if _, err := s.Digest(p + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Digest of a missing file: %v", err)
	}
}

// Two writes within one tick of a coarse clock bear one time. A digest may be remembered only when the file is older than
// a tick; times are truncated here, because fine kernels hide the bug.
func TestYoungFilesAreHashedAgain(t *testing.T) {
	now := time.Now()
	s := NewState(func() time.Time { return now })
	tick := int64(10 * time.Millisecond)
	base := now.Add(-time.Millisecond).UnixNano() / tick * tick
	s.Adjust = func(fi frontend.FileInfo) frontend.FileInfo {
		fi.Mtime, fi.Ctime = base+1, base+1 // sub-second digits, all alike
		return fi
	}
	p := filepath.Join(t.TempDir(), "a.h")
	write(t, p, "one")
	mustDigest(t, s, p)
	write(t, p, "two")
	if got := mustDigest(t, s, p); got != digest.Of([]byte("two")) {
		t.Errorf("a write within the tick is not seen: Digest = %v", got)
	}
	// Once the file is old its digest is remembered: then the truncated times hide a write, which is why the rule is there.
	now = now.Add(time.Second)
	mustDigest(t, s, p)
	write(t, p, "six")
	if got := mustDigest(t, s, p); got != digest.Of([]byte("two")) {
		t.Errorf("an old file is hashed again: Digest = %v, want it remembered", got)
	}
}

func TestExistsAndNames(t *testing.T) {
	s, _ := newState(t)
	dir := t.TempDir()
	for range 2 { // the second time from memory
		if s.Exists(dir, "a.h") || s.Exists(filepath.Join(dir, "none"), "a.h") {
			t.Error("Exists of an absent name")
		}
		if _, err := s.Names(dir); err != nil {
			t.Error(err)
		}
	}
	write(t, filepath.Join(dir, "a.h"), "")
	if err := os.Symlink("nowhere", filepath.Join(dir, "b.h")); err != nil {
		t.Fatal(err)
	}
	if !s.Exists(dir, "a.h") || !s.Exists(dir, "b.h") {
		t.Error("Exists misses a name that appeared")
	}
	if names, err := s.Names(dir); err != nil || len(names) != 2 {
		t.Errorf("Names = %q, %v", names, err)
	}
}

// watched makes a project of one source and one header and begins to watch it.
func watched(t *testing.T) (s *State, root string, w *Watch, in *frontend.Inputs) {
	t.Helper()
	s, clock := newState(t)
	root = t.TempDir()
	write(t, filepath.Join(root, "src", "a.c"), "int a;")
	write(t, filepath.Join(root, "inc", "a.h"), "int b;")
	comp := &compile.Compilation{
		Invocation: &compile.Invocation{Dir: root},
		Inputs:     []string{filepath.Join(root, "src", "a.c")},
		Dirs:       []string{filepath.Join(root, "inc")},
	}
	in = &frontend.Inputs{
		Paths:  []string{filepath.Join(root, "src", "a.c"), filepath.Join(root, "inc", "a.h")},
		Absent: []compile.AbsentNames{{Dirs: []string{filepath.Join(root, "src")}, Names: []string{"a.h"}}},
		Dirs:   []string{filepath.Join(root, "inc")},
	}
	for _, p := range in.Paths {
		if _, _, err := s.current(p); err != nil {
			t.Fatal(err)
		}
	}
	w, err := s.NewWatch(clock, comp)
	if err != nil {
		t.Fatal(err)
	}
	return s, root, w, in
}

func TestUnchanged(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		what   string
		change func(s *State, root string)
		ok     bool
	}{
		{"nothing", func(*State, string) {}, true},
		{"header edited", func(_ *State, root string) { write(t, root+"/inc/a.h", "int c;") }, false},
		{"header edited and seen by another compile", func(s *State, root string) {
			write(t, root+"/inc/a.h", "int c;")
			_, _, err := s.current(root + "/inc/a.h")
			must(err)
		}, false},
		// Equal content is no proof that the compiler read it.
		{"header edited and edited back", func(_ *State, root string) {
			write(t, root+"/inc/a.h", "int c;")
			write(t, root+"/inc/a.h", "int b;")
		}, false},
		{"header moved away and back", func(_ *State, root string) {
			must(os.Rename(root+"/inc/a.h", root+"/inc/old"))
			write(t, root+"/inc/a.h", "int c;")
			must(os.Rename(root+"/inc/old", root+"/inc/a.h"))
		}, false},
		{"header got a new link", func(_ *State, root string) { must(os.Link(root+"/inc/a.h", root+"/other.h")) }, true},
		{"header's mode changed", func(_ *State, root string) { must(os.Chmod(root+"/inc/a.h", 0o600)) }, true},
		{"header removed", func(_ *State, root string) { must(os.Remove(root + "/inc/a.h")) }, false},
		{"object written beside the source", func(_ *State, root string) { write(t, root+"/src/a.o", "x") }, true},
		{"absent name appeared", func(_ *State, root string) { write(t, root+"/src/a.h", "x") }, false},
		{"directory swapped", func(_ *State, root string) {
			must(os.Rename(root+"/inc", root+"/inc.old"))
			write(t, root+"/new/a.h", "int b;")
			must(os.Rename(root+"/new", root+"/inc"))
		}, false},
		{"directory replaced by a link", func(_ *State, root string) {
			must(os.Rename(root+"/inc", root+"/inc.old"))
			must(os.Symlink("inc.old", root+"/inc"))
		}, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			s, root, w, in := watched(t)
			c.change(s, root)
			_, err := w.Unchanged(in)
			var d *compile.Decline
			if c.ok && err != nil || !c.ok && !errors.As(err, &d) {
				t.Errorf("Unchanged = %v, want ok %v", err, c.ok)
			}
		})
	}
}

// Who looks for what changes an input in vain is told that its time is the cause.
func TestTimeInTheFuture(t *testing.T) {
	s, clock := newState(t)
	dir := t.TempDir()
	source := filepath.Join(dir, "a.c")
	write(t, source, "int a;")
	if err := os.Chtimes(source, time.Time{}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	w, err := s.NewWatch(clock, &compile.Compilation{Invocation: &compile.Invocation{Dir: dir}, Inputs: []string{source}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Unchanged(&frontend.Inputs{Paths: []string{source}})
	var d *compile.Decline
	if want := source + " bears a time in the future"; !errors.As(err, &d) || d.Detail != want {
		t.Errorf("Unchanged = %v, want the detail %q", err, want)
	}
}

// A directory swapped for one made earlier keeps old times in it; only its own ctime, or its inode, tells.
func TestUnchangedSwapForOlderDirectory(t *testing.T) {
	s, clock := newState(t)
	root := t.TempDir()
	write(t, root+"/inc/a.h", "int b;")
	write(t, root+"/new/a.h", "int c;")
	comp := &compile.Compilation{Invocation: &compile.Invocation{Dir: root}}
	w, err := s.NewWatch(clock, comp)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range [][2]string{{"/inc", "/old"}, {"/new", "/inc"}} {
		if err := os.Rename(root+r[0], root+r[1]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Unchanged(&frontend.Inputs{Paths: []string{root + "/inc/a.h"}}); err == nil {
		t.Error("Unchanged does not see that the directory was swapped")
	}
}

// A file system without sub-second digits notes what is written after the start with a time before it.
func TestUnchangedInWholeSeconds(t *testing.T) {
	s, clock := newState(t)
	root := t.TempDir()
	write(t, root+"/a.c", "int a;")
	source, err := stat(root + "/a.c")
	if err != nil {
		t.Fatal(err)
	}
	bears := source.Mtime - int64(10*time.Second)
	s.Adjust = func(fi frontend.FileInfo) frontend.FileInfo {
		if fi.Ino == source.Ino {
			fi.Mtime, fi.Ctime = bears-bears%int64(time.Second), bears-bears%int64(time.Second)
		}
		return fi
	}
	comp := &compile.Compilation{Invocation: &compile.Invocation{Dir: root}}
	for _, edited := range []bool{false, true} {
		w, err := s.NewWatch(clock, comp)
		if err != nil {
			t.Fatal(err)
		}
		if edited {
			bears = w.start
		}
		if _, err := w.Unchanged(&frontend.Inputs{Paths: []string{root + "/a.c"}}); (err != nil) != edited {
			t.Errorf("edited %t: Unchanged = %v", edited, err)
		}
	}
}

func TestClockStart(t *testing.T) {
	_, clock := newState(t)
	dir := t.TempDir()
	for range 200 {
		before := filepath.Join(dir, "before")
		write(t, before, "x")
		start, err := clock.Start()
		if err != nil {
			t.Fatal(err)
		}
		after := filepath.Join(dir, "after")
		write(t, after, "x")
		b, err := stat(before)
		if err != nil {
			t.Fatal(err)
		}
		a, err := stat(after)
		if err != nil {
			t.Fatal(err)
		}
		if b.Mtime >= start && clock.TestTimes() {
			t.Errorf("a file written before bears %d, the start is %d", b.Mtime, start)
		}
		if a.Mtime < start {
			t.Errorf("a file written after bears %d, the start is %d", a.Mtime, start)
		}
	}
}

func TestIsKnown(t *testing.T) {
	s, _ := newState(t)
	p := filepath.Join(t.TempDir(), "lib.so")
	if s.IsKnown(p) {
		t.Error("IsKnown of a file that is not there = true")
	}
	write(t, p, "one")
	if s.IsKnown(p) {
		t.Error("IsKnown before Digest = true")
	}
	mustDigest(t, s, p)
	if !s.IsKnown(p) {
		t.Error("IsKnown after Digest = false")
	}
	write(t, p, "two and more")
	if s.IsKnown(p) {
		t.Error("IsKnown after a change = true")
	}
}

func TestLearn(t *testing.T) {
	s, _ := newState(t)
	p := filepath.Join(t.TempDir(), "lib.rlib")
	write(t, p, "what was written")
	f, err := os.Open(p)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// A digest that no reading would give shows that nothing is read.
	told := digest.Of([]byte("what it was said"))
	s.Learn(f.Fd(), p, told)
	if got := mustDigest(t, s, p); got != told {
		t.Errorf("Digest() after Learn() = %v, want what was told, %v", got, told)
	}
	write(t, p, "what was changed")
	if got, want := mustDigest(t, s, p), digest.Of([]byte("what was changed")); got != want {
		t.Errorf("Digest() after a change = %v, want %v", got, want)
	}
	// Coarse times of a file just written tell nothing.
	fi, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	young := NewState(fi.ModTime)
	young.Adjust = func(fi frontend.FileInfo) frontend.FileInfo {
		fi.Mtime -= fi.Mtime % int64(10*time.Millisecond)
		fi.Ctime -= fi.Ctime % int64(10*time.Millisecond)
		return fi
	}
	young.Learn(f.Fd(), p, digest.Of([]byte("what was CHANGED")))
	if got, want := mustDigest(t, young, p), digest.Of([]byte("what was changed")); got != want {
		t.Errorf("Digest() of a young file = %v, want %v", got, want)
	}
}
