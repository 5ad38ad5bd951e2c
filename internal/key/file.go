package key

import (
	"os"
	"sync/atomic"
	"unsafe"

	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// file is a path that input sets name, with what it held when it was last asked for. Sets share their files: a hit goes through
// hundreds, between which compilers have emptied the processor's caches, so what is needed of one lies together, and the maps of
// State are asked only where the file is not as it was.
type file struct {
	path string // followed by a NUL, for the kernel
	last atomic.Pointer[held]
}

// held is what a file held in one state. Only states that may stand for content are kept (State.usable, State.old).
type held struct {
	id     fileID
	digest digest.Digest
}

// file returns the one file of a path.
func (s *State) file(path string) *file {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[path]
	if f == nil {
		if len(s.files) >= maxSeen {
			clear(s.files)
		}
		whole := path + "\x00"
		f = &file{path: whole[:len(path)]}
		s.files[f.path] = f
	}
	return f
}

// name returns the path as the kernel takes it.
func (f *file) name() *byte { return unsafe.StringData(f.path) }

// currentFile returns digest and state of a file and records them as last seen.
func (s *State) currentFile(f *file) (digest.Digest, frontend.FileInfo, error) {
	if last := f.last.Load(); last != nil {
		if fi, err := statName(f.name()); err == nil {
			if fi = s.adjust(fi); identity(fi) == last.id {
				return last.digest, fi, nil
			}
		}
	}
	d, fi, err := s.current(f.path)
	if err == nil && s.class(fi.Dev, f.path) != fsNetwork && s.usable(fi, f.path, false) {
		if known, ok := s.recall(fi); ok && known == d {
			f.last.Store(&held{identity(fi), d})
		}
	}
	return d, fi, err
}

// current returns digest and state of a file and records them as last seen.
func (s *State) current(path string) (digest.Digest, frontend.FileInfo, error) {
	fi, err := s.Stat(path)
	if err != nil {
		return digest.Digest{}, fi, err
	}
	d, err := s.currentIn(path, fi)
	return d, fi, err
}

// currentIn is current of a file whose state is fi.
func (s *State) currentIn(path string, fi frontend.FileInfo) (digest.Digest, error) {
	if fi.Mode&modeType != modeRegular {
		return digest.Digest{}, &os.PathError{Op: "read", Path: path, Err: os.ErrInvalid}
	}
	d, err := s.digestIn(path, fi, false)
	if err == nil {
		s.see(path, seenFile(fi, d))
	}
	return d, err
}
