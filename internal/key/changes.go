package key

import (
	"fmt"
	"os"
	"path"
	"strings"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// Watch is the start of a compile: what is needed to tell afterwards that nothing changed while it ran.
type Watch struct {
	state *State
	start int64               // on the file system's clock
	since uint64              // number of the newest answer at the start
	dirs  map[string]lastSeen // directories as they were
}

// Clock takes times from a file system: it touches a probe file there and reads the time back. Local file systems of
// one kernel share their clock.
type Clock struct {
	Path string // the probe file, in the store
}

// read touches the probe and returns its time.
func (c Clock) read() (int64, error) {
	f, err := os.OpenFile(c.Path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{0}, 0); err != nil {
		return 0, err
	}
	fi, err := fstat(f.Fd())
	return fi.Mtime, err
}

// Start returns a time such that whatever is written from now on bears it or a later one, and whatever was written
// before an earlier one, where the kernel's times are fine. One probe would not do: it may bear the very time of a source
// written just before.
func (c Clock) Start() (int64, error) {
	if _, err := c.read(); err != nil {
		return 0, err
	}
	return c.read()
}

// TestTimes reports whether two writes with a stat between them get distinct times here (kernels from 6.13 on, on most
// local file systems).
func (c Clock) TestTimes() bool {
	last := int64(0)
	for range 8 {
		t, err := c.read()
		if err != nil || t == last {
			return false
		}
		last = t
	}
	return true
}

// coarsePatience bounds the wait for the next tick of a coarse clock.
const coarsePatience = 50 * time.Millisecond

// NewWatch begins a watch. The directories that will be searched are noted as they are now.
func (s *State) NewWatch(c Clock, comp *compile.Compilation) (*Watch, error) {
	w := &Watch{state: s, since: s.answer(), dirs: map[string]lastSeen{}}
	start, err := s.startTime(c)
	if err != nil {
		return nil, err
	}
	if !s.Fine {
		// An input that bears this very tick could be written again within it: let the tick pass first. An output would pass for
		// this compile's, though it fails and writes none.
		deadline := s.Now().Add(coarsePatience)
		var outputs []string
		for _, o := range comp.Outputs {
			outputs = append(outputs, o.Path)
		}
		for (w.bears(comp.Inputs, start) || w.bears(outputs, start)) && s.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
			if start, err = s.startTime(c); err != nil {
				return nil, err
			}
		}
	}
	w.start = start
	w.noteDirs(comp.Dir)
	for _, p := range comp.Inputs {
		w.noteDirs(path.Dir(p))
	}
	for _, o := range comp.Outputs {
		w.noteDirs(path.Dir(o.Path))
	}
	for _, d := range comp.Dirs {
		w.noteDirs(d)
	}
	return w, nil
}

// startTime reads the clock as files' times are seen.
func (s *State) startTime(c Clock) (int64, error) {
	start, err := c.Start()
	if err != nil {
		return 0, fmt.Errorf("read the file system's clock: %w", err)
	}
	return s.adjust(frontend.FileInfo{Mtime: start, Ctime: start}).Mtime, nil
}

// NoteTools notes the directories of the compiler's parts too, for SameTools.
func (w *Watch) NoteTools(comp *compile.Compilation, tc *compile.Toolchain) {
	for _, p := range toolPaths(comp, tc) {
		w.noteDirs(path.Dir(p))
	}
}

func toolPaths(comp *compile.Compilation, tc *compile.Toolchain) []string {
	paths := []string{comp.Program}
	for _, f := range tc.Files {
		paths = append(paths, f.Path)
	}
	return paths
}

// SameTools checks that no part of the compiler was replaced while it ran, not even for a while: content that is equal
// afterwards does not tell.
func (w *Watch) SameTools(comp *compile.Compilation, tc *compile.Toolchain) error {
	done := map[string]bool{}
	for _, p := range toolPaths(comp, tc) {
		fi, err := w.state.Stat(p)
		if start := w.startFor(fi); err != nil || fi.Mtime >= start || fi.Ctime >= start {
			return compile.Refuse(compile.ReasonInputChanged, p)
		}
		if err := w.components(path.Dir(p), done); err != nil {
			return err
		}
	}
	return nil
}

// Start is the time before which nothing that the compile read may have changed.
func (w *Watch) Start() time.Time { return time.Unix(0, w.start) }

// startFor returns the start as the file system of a file would have noted it: where times have no sub-second digits, what was
// written after the start bears a time up to two seconds (FAT) before it.
func (w *Watch) startFor(fi frontend.FileInfo) int64 {
	if wholeSeconds(fi) {
		return w.start - int64(wholeSecond) + 1
	}
	return w.start
}

func (w *Watch) bears(paths []string, tick int64) bool {
	for _, p := range paths {
		if fi, err := w.state.Stat(p); err == nil && (fi.Mtime >= tick || fi.Ctime >= tick) {
			return true
		}
	}
	return false
}

// noteDirs records the inode of a directory and of all above it.
func (w *Watch) noteDirs(dir string) {
	for _, p := range prefixes(dir) {
		if _, ok := w.dirs[p]; ok {
			continue
		}
		if fi, err := lstat(p); err == nil {
			w.dirs[p] = lastSeen{dev: fi.Dev, ino: fi.Ino}
		}
	}
}

// prefixes returns the path of every component of an absolute directory but "/": /a, /a/b, /a/b/..
func prefixes(dir string) []string {
	var out []string
	for i := 1; i <= len(dir); i++ {
		if i == len(dir) || dir[i] == '/' {
			if dir[i-1] != '/' {
				out = append(out, dir[:i])
			}
		}
	}
	return out
}

// Unchanged compares what a finished compile depended on with the start, and returns the digests of the inputs in order. A
// *compile.Decline says what changed, or might have.
func (w *Watch) Unchanged(in *frontend.Inputs) ([]digest.Digest, error) {
	digests := make([]digest.Digest, len(in.Paths))
	dirs := map[string]bool{}
	for i, p := range in.Paths {
		d, err := w.input(p)
		if err != nil {
			return nil, err
		}
		digests[i] = d
		if err := w.components(path.Dir(p), dirs); err != nil {
			return nil, err
		}
	}
	for _, d := range in.Dirs {
		if err := w.components(d, dirs); err != nil {
			return nil, err
		}
	}
	for _, g := range in.Absent {
		for _, d := range g.Dirs {
			if err := w.absent(d, g.Names); err != nil {
				return nil, err
			}
		}
	}
	return digests, nil
}

func (w *Watch) input(p string) (digest.Digest, error) {
	s := w.state
	// What was first seen after the start is no knowledge from before: another compile may have seen the change.
	before, known := s.lastSeen(p)
	known = known && before.when <= w.since
	fi, err := s.Stat(p)
	if err != nil {
		return digest.Digest{}, compile.Refuse(compile.ReasonInputChanged, p)
	}
	if fi.Mode&modeType != modeRegular {
		return digest.Digest{}, compile.Refuse(compile.ReasonInput, p+" is not a regular file")
	}
	d, err := s.currentIn(p, fi)
	if err != nil {
		return digest.Digest{}, compile.Refuse(compile.ReasonInputChanged, p)
	}
	if of, ok := s.recall(fi); !ok || of != d {
		// The content was read just now: it must be that of the state whose times are judged below.
		if again, err := s.Stat(p); err != nil || identity(again) != identity(fi) {
			return digest.Digest{}, compile.Refuse(compile.ReasonInputChanged, p)
		}
	}
	same := known && before.digest == d
	ok, detail := true, p
	switch {
	case s.class(fi.Dev, p) == fsForeign || s.class(fi.Dev, p) == fsNetwork:
		ok = same
	case fi.Mtime >= w.startFor(fi):
		// Equal content is no proof: the file may have been edited, compiled and edited back.
		ok = false
		if fi.Ctime < w.startFor(fi) {
			detail = p + " bears a time in the future"
		}
	case fi.Ctime >= w.startFor(fi):
		// A new link or a chmod explains it; a file moved away and back would look like the same, but for those.
		ok = same && before.dev == fi.Dev && before.ino == fi.Ino && (before.nlink != fi.Nlink || before.mode != fi.Mode)
	}
	if !ok {
		return digest.Digest{}, compile.Refuse(compile.ReasonInputChanged, detail)
	}
	return d, nil
}

// components checks the directories of a path: one swapped for another while compiling leaves the times of the files
// in it old.
func (w *Watch) components(dir string, done map[string]bool) error {
	if done[dir] {
		return nil
	}
	done[dir] = true
	for _, p := range prefixes(dir) {
		if done[p] && p != dir {
			continue
		}
		done[p] = true
		fi, err := lstat(p)
		if missing(err) {
			continue // a search directory that is not there; its absence is checked by name
		}
		if err != nil {
			return compile.Refuse(compile.ReasonInputChanged, p)
		}
		before, known := w.dirs[p]
		if !known {
			// Another compile may have noted it, before this one began.
			before, known = w.state.lastSeen(p)
			known = known && before.when <= w.since
		}
		w.state.see(p, lastSeen{dev: fi.Dev, ino: fi.Ino})
		start := w.startFor(fi)
		switch {
		case known && (before.dev != fi.Dev || before.ino != fi.Ino):
			return compile.Refuse(compile.ReasonInputChanged, p+" was replaced")
		case fi.Mode&modeType == modeLink && fi.Ctime >= start:
			return compile.Refuse(compile.ReasonInputChanged, p+" is a new link")
		case fi.Mode&modeType == modeDir && known && fi.Ctime >= start && start > fi.Mtime:
			// Only a rename sets the one and not the other: it was away, and is back.
			return compile.Refuse(compile.ReasonInputChanged, p+" was moved")
		case fi.Mode&modeType == modeDir && !known && fi.Ctime >= start:
			// A rename into place sets ctime and not mtime. Where both are late, names were added, or it was renamed and then
			// names were added: of a directory not noted at the start that cannot be told.
			return compile.Refuse(compile.ReasonInputChanged, p+" may have been replaced")
		}
	}
	return nil
}

// absent checks that names are still absent. What appeared while compiling was perhaps not there when the compiler
// looked, but it will be for the next.
func (w *Watch) absent(dir string, names []string) error {
	fi, err := w.state.Stat(dir)
	if missing(err) {
		return nil
	}
	if err != nil {
		return compile.Refuse(compile.ReasonInputChanged, dir)
	}
	if n := w.state.firstPresent(dir, names, fi); n != "" {
		return compile.Refuse(compile.ReasonInputChanged, strings.TrimSuffix(dir, "/")+"/"+n+" appeared")
	}
	return nil
}
