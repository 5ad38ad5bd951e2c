package toolchain

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// Basis is what an answer rests on. It is read by many goroutines at once; only the Asking that makes it changes it.
type Basis struct {
	files    []watched
	absent   []absence
	listings []listing
	leads    []lead
}

// watched is a file whose content counts.
type watched struct {
	path   string
	digest digest.Digest
}

// absence is names that a directory has not. It may be missing itself.
type absence struct {
	dir   string
	names []string
}

// place is a name in a directory.
type place struct{ dir, name string }

// listing is the names of a directory that have a form.
type listing struct {
	dir, prefix, suffix string
	names               []string
}

// lead is where a path leads when all links are followed.
type lead struct{ path, real string }

// Current reports whether everything is as it was.
func (b *Basis) Current(files frontend.Files) bool {
	for _, w := range b.files {
		if d, err := files.ToolDigest(w.path); err != nil || d != w.digest {
			return false
		}
	}
	for i := range b.absent {
		if !b.absent[i].holds(files) {
			return false
		}
	}
	for _, l := range b.leads {
		if real, err := filepath.EvalSymlinks(l.path); err != nil || real != l.real {
			return false
		}
	}
	for i := range b.listings {
		if names, err := b.listings[i].read(files); err != nil || !slices.Equal(names, b.listings[i].names) {
			return false
		}
	}
	return true
}

// SameFiles reports whether two answers rest on the same files of the same content, noted in the same order.
func (b *Basis) SameFiles(o *Basis) bool { return slices.Equal(b.files, o.files) }

// read returns the names of the form, sorted.
func (l *listing) read(files frontend.Files) ([]string, error) {
	all, err := files.Names(l.dir)
	if err != nil || l.isWhole() {
		return all, err
	}
	var names []string
	for _, name := range all {
		if strings.HasPrefix(name, l.prefix) && strings.HasSuffix(name, l.suffix) {
			names = append(names, name)
		}
	}
	return names, nil
}

// isWhole reports whether every name is of the form.
func (l *listing) isWhole() bool { return l.prefix == "" && l.suffix == "" }

// holds reports whether the directory still has none of the names.
func (a *absence) holds(files frontend.Files) bool {
	if len(a.names) > 2 {
		if _, err := files.Stat(a.dir); errors.Is(err, fs.ErrNotExist) {
			return true
		}
	}
	return !slices.ContainsFunc(a.names, func(name string) bool { return files.Exists(a.dir, name) })
}

// lacks notes that a directory has no such name.
func (b *Basis) lacks(p place) {
	i := slices.IndexFunc(b.absent, func(a absence) bool { return a.dir == p.dir })
	if i < 0 {
		i = len(b.absent)
		b.absent = append(b.absent, absence{dir: p.dir})
	}
	b.absent[i].names = append(b.absent[i].names, p.name)
}

// shorten leaves out absent names that a listing tells as well.
func (b *Basis) shorten() {
	whole := map[string]bool{}
	for i := range b.listings {
		if l := &b.listings[i]; l.isWhole() {
			whole[l.dir] = true
		}
	}
	b.absent = slices.DeleteFunc(b.absent, func(a absence) bool { return whole[a.dir] })
}
