package key

import (
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// View is the file system as one lookup sees it: every path is asked for once, however many questions need it. Parsing, the
// toolchain and the input sets ask for the same directories again and again, and a stat costs some ten times a look into a
// map. A view belongs to one goroutine and is dropped before the compiler runs.
type View struct {
	*State
	stats map[string]statAnswer
}

type statAnswer struct {
	fi  frontend.FileInfo
	err error
}

var _ frontend.Files = (*View)(nil)

// NewView returns a view that has seen nothing.
func (s *State) NewView() *View { return &View{State: s, stats: make(map[string]statAnswer, 128)} }

// Stat is State.Stat of the first time that this view was asked for path, an error too.
func (v *View) Stat(path string) (frontend.FileInfo, error) {
	a, ok := v.stats[path]
	if !ok {
		a.fi, a.err = v.State.Stat(path)
		v.stats[path] = a
	}
	return a.fi, a.err
}

// Digest is State.Digest for the file that Stat tells of.
func (v *View) Digest(path string) (digest.Digest, error) { return v.digest(path, false) }

// ToolDigest is Digest for files of a toolchain, see State.
func (v *View) ToolDigest(path string) (digest.Digest, error) { return v.digest(path, true) }

func (v *View) digest(path string, tool bool) (digest.Digest, error) {
	fi, err := v.Stat(path)
	if err != nil {
		return digest.Digest{}, err
	}
	return v.digestIn(path, fi, tool)
}

// Names returns the sorted entries of dir; a missing directory has none. The caller must not change the slice.
func (v *View) Names(dir string) ([]string, error) {
	fi, err := v.Stat(dir)
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	l, err := v.listIn(dir, fi)
	if l == nil {
		return nil, err
	}
	return l.names, nil
}

// Exists reports whether dir has an entry called name, see State.
func (v *View) Exists(dir, name string) bool {
	fi, err := v.Stat(dir)
	if err != nil {
		return !missing(err)
	}
	return v.existsIn(dir, name, fi)
}
