package toolchain

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// Asking is one asking of a compiler. It belongs to one goroutine. Errors of its methods that are a *compile.Decline say that the compiler, as
// it is, cannot be dealt with; all others are faults of this asking alone.
type Asking struct {
	Ctx    context.Context
	C      *compile.Compilation // whose compiler, variables and directory these are
	Files  frontend.Files
	Prober frontend.Prober
	Loads  *Loads
	Reason compile.ReasonID // of refusals

	Found compile.Toolchain // what was found so far
	basis Basis

	watched map[string]digest.Digest // what basis has, each once
	absent  map[place]bool
}

// Answer is what an asking ended in, and what it rests on. Nobody changes it.
type Answer struct {
	Toolchain *compile.Toolchain
	Refused   *compile.Decline // instead of a toolchain
	Basis     Basis
}

// Refusal returns Refused as an error that is nil where there is none.
func (a *Answer) Refusal() error {
	if a.Refused != nil {
		return a.Refused
	}
	return nil
}

// Answer ends an asking that met err. What is refused because of what the files are is an answer too; other errors are returned.
func (a *Asking) Answer(err error) (Answer, error) {
	var declined *compile.Decline
	if err != nil && !errors.As(err, &declined) {
		return Answer{}, err
	}
	a.basis.shorten()
	answer := Answer{Refused: declined, Basis: a.basis}
	if declined == nil {
		found := a.Found // the asking itself, which holds the caller's connection, is not kept
		answer.Toolchain = &found
	}
	return answer, nil
}

// Refuse returns a refusal.
func (a *Asking) Refuse(format string, args ...any) error {
	return compile.Refuse(a.Reason, fmt.Sprintf(format, args...))
}

// Put has the wrapper run a program, with these variables besides the compilation's, whatever status it ends with.
func (a *Asking) Put(argv []string, env ...string) (frontend.ProbeResult, error) {
	said, err := a.Prober.Probe(a.Ctx, argv, env)
	if err != nil {
		return said, fmt.Errorf("probe %s: %w", argv[0], err)
	}
	return said, nil
}

// Say is Put where any status but zero is refused.
func (a *Asking) Say(argv []string, env ...string) (frontend.ProbeResult, error) {
	said, err := a.Put(argv, env...)
	if err == nil && said.Status != 0 {
		err = a.Refuse("%s exits %d when probed", strings.Join(argv, " "), said.Status)
	}
	return said, err
}

// Fact adds a line to the recipe.
func (a *Asking) Fact(line string) { a.Found.Facts = append(a.Found.Facts, line) }

// File makes a file part of the toolchain, and says what for: the recipe has this role and the content, in the order of the calls.
func (a *Asking) File(role, path string) error {
	d, err := a.content(path)
	if err != nil {
		if a.Missing(path) {
			return a.Refuse("%s (%s) is missing", path, role)
		}
		return a.Refuse("%v", err)
	}
	a.Found.Files = append(a.Found.Files, compile.ToolFile{Role: role, Path: path, Digest: d})
	return nil
}

// Has reports whether a file is part of the toolchain.
func (a *Asking) Has(path string) bool {
	for i := range a.Found.Files {
		if a.Found.Files[i].Path == path {
			return true
		}
	}
	return false
}

// Watch makes the answer rest on the content of a file, or on its absence, without making it part of the toolchain.
func (a *Asking) Watch(path string) error {
	if _, err := a.content(path); err != nil && !a.Missing(path) {
		return a.Refuse("%v", err)
	}
	return nil
}

// content notes the digest of a file and returns it.
func (a *Asking) content(path string) (digest.Digest, error) {
	if d, ok := a.watched[path]; ok {
		return d, nil
	}
	d, err := a.Files.ToolDigest(path)
	if err != nil {
		return d, err
	}
	if a.watched == nil {
		a.watched = map[string]digest.Digest{}
	}
	a.watched[path] = d
	a.basis.files = append(a.basis.files, watched{path, d})
	return d, nil
}

// Missing makes the answer rest on the absence of a path, by its first component that is not there, and reports whether it is absent. One that is there is
// left alone. Many directories that compilers look into are missing, and often the same one above them.
func (a *Asking) Missing(path string) bool {
	dir, name, ok := frontend.FirstMissing(a.Files, path)
	if ok {
		a.note(place{dir, name})
	}
	return ok
}

// Absent is Missing for a name in a directory that may come into being: without the name that changes nothing.
func (a *Asking) Absent(dir, name string) bool {
	if a.Files.Exists(dir, name) {
		return false
	}
	a.note(place{dir, name})
	return true
}

// note notes that a name is absent.
func (a *Asking) note(p place) {
	if a.absent[p] {
		return
	}
	if a.absent == nil {
		a.absent = map[place]bool{}
	}
	a.absent[p] = true
	a.basis.lacks(p)
}

// MissingFrom is Missing for a name in each of several directories.
func (a *Asking) MissingFrom(dirs []string, name string) {
	for _, dir := range dirs {
		a.Missing(frontend.Under(dir, name))
	}
}

// MissingBefore is Missing for a file's name in those of dirs, in which it was looked for in this order, that stand before the one it was found
// in: in all of them, where it was found in none.
func (a *Asking) MissingBefore(dirs []string, path string) {
	_, name := frontend.Split(path)
	for _, dir := range dirs {
		other := frontend.Under(dir, name)
		if a.Same(other, path) {
			return
		}
		a.Missing(other)
	}
}

// List makes the answer rest on which names of a form a directory has, and returns them, sorted. A missing directory has none.
func (a *Asking) List(dir, prefix, suffix string) ([]string, error) {
	for i := range a.basis.listings {
		if l := &a.basis.listings[i]; l.dir == dir && l.prefix == prefix && l.suffix == suffix {
			return l.names, nil
		}
	}
	l := listing{dir: dir, prefix: prefix, suffix: suffix}
	names, err := l.read(a.Files)
	if err != nil {
		return nil, a.Refuse("%v", err)
	}
	l.names = names
	a.basis.listings = append(a.basis.listings, l)
	return names, nil
}

// Directory makes all plain files of a directory part of the toolchain, and the answer rest on its names. It may be missing.
func (a *Asking) Directory(role, dir string) error {
	names, err := a.List(dir, "", "")
	if err != nil {
		return err
	}
	for _, name := range names {
		path := frontend.Under(dir, name)
		if info, err := a.Files.Stat(path); err != nil || !info.IsRegular() {
			continue
		}
		if err := a.File(role+" "+name, path); err != nil {
			return err
		}
	}
	return nil
}

// Leads makes the answer rest on where the links in a path lead: programs find their parts from where they really lie, whatever their content, and
// copies of a toolchain may share the very files that are equal in them.
func (a *Asking) Leads(path string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return a.Refuse("%v", err)
	}
	a.basis.leads = append(a.basis.leads, lead{path, real})
	return nil
}

// Same reports whether two paths lead to one file.
func (a *Asking) Same(one, other string) bool {
	fi, err := a.Files.Stat(one)
	if err != nil {
		return false
	}
	fo, err := a.Files.Stat(other)
	return err == nil && fi.Dev == fo.Dev && fi.Ino == fo.Ino
}
