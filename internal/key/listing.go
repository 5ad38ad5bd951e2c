package key

import (
	"os"
	"sort"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// listing is the remembered content of a directory: valid while the directory's identity and times are what they were,
// because adding, removing or renaming a name changes both times.
type listing struct {
	id    fileID
	names []string // sorted
	set   map[string]struct{}
}

// asked counts how often a directory without a listing was asked for names while it stayed the same.
type asked struct {
	id fileID
	n  int
}

// A directory that stays the same for listAfter questions is listed: toolchains and system headers ask the same few
// directories on every compile, and a listing that holds answers without a system call of its own. Those larger than
// maxListed bytes, or changing all the time like the one objects are written to, are asked name by name.
const (
	listAfter = 3
	maxListed = 256 << 10
)

// Names returns the sorted entries of dir; a missing directory has none. The caller must not change the slice.
func (s *State) Names(dir string) ([]string, error) {
	l, err := s.list(dir)
	if l == nil || err != nil {
		return nil, err
	}
	return l.names, nil
}

// Exists reports whether dir has an entry called name, a dangling link included. Where it cannot tell it says yes: a name
// that may be there must not count as absent.
func (s *State) Exists(dir, name string) bool {
	fi, err := s.Stat(dir)
	if err != nil {
		return !missing(err)
	}
	return s.existsIn(dir, name, fi)
}

// existsIn is Exists in a directory whose state is fi.
func (s *State) existsIn(dir, name string, fi frontend.FileInfo) bool {
	l := s.listed(dir, fi)
	if l == nil && s.worthListing(dir, fi) {
		l, _ = s.listIn(dir, fi)
	}
	if l != nil {
		_, ok := l.set[name]
		return ok
	}
	return s.present(dir, name)
}

func (s *State) worthListing(dir string, fi frontend.FileInfo) bool {
	if fi.Size > maxListed {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.asked[dir]
	if a.id != identity(fi) {
		a = asked{id: identity(fi)}
	}
	a.n++
	if len(s.asked) >= maxDirs {
		clear(s.asked)
	}
	s.asked[dir] = a
	return a.n > listAfter
}

// present asks the file system, without memory.
func (s *State) present(dir, name string) bool {
	_, err := lstat(join(dir, name))
	return err == nil || !missing(err)
}

// listed returns the remembered listing of dir if it is still valid in the state fi, else nil.
func (s *State) listed(dir string, fi frontend.FileInfo) *listing {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if l := s.dirs[dir]; l != nil && l.id == identity(fi) {
		return l
	}
	return nil
}

// list returns the listing of dir, nil where there is no such directory.
func (s *State) list(dir string) (*listing, error) {
	fi, err := s.Stat(dir)
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return s.listIn(dir, fi)
}

// listIn returns the listing of a directory whose state is fi, nil where it has gone since.
func (s *State) listIn(dir string, fi frontend.FileInfo) (*listing, error) {
	if l := s.listed(dir, fi); l != nil {
		return l, nil
	}
	now := s.Now()
	f, err := os.Open(dir)
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	l := &listing{id: identity(fi), names: names, set: make(map[string]struct{}, len(names))}
	for _, n := range names {
		l.set[n] = struct{}{}
	}
	if s.usable(fi, dir, false) && s.old(fi, now) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.dirs) >= maxDirs {
			clear(s.dirs)
		}
		s.dirs[dir] = l
	}
	return l, nil
}

func join(dir, name string) string {
	if strings.HasSuffix(dir, "/") {
		return dir + name
	}
	return dir + "/" + name
}
