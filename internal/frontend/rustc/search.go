package rustc

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// -L DIR, without a kind, is what a build script's cargo:rustc-link-search=DIR becomes: in DIR rustc searches for native libraries and linker
// scripts, which is what it is nearly always for, and for crates by their names. No listing is part of a key, so such a directory counts as one
// of native libraries as long as there is nothing in it that rustc could take for a crate. That is looked at in each call, and again after a
// compile.

// maxShared bounds the shared libraries in such directories of one call.
const maxShared = 64

// plainDir notes a directory that is searched for whatever there is.
func (p *parser) plainDir(path string) {
	dir := frontend.Absolute(p.inv.Dir, path)
	p.det.nativeDirs = append(p.det.nativeDirs, dir)
	p.det.plainDirs = append(p.det.plainDirs, dir)
}

// crateNames returns the names in a directory that rustc would take for crates' and those of shared libraries, which may be.
func crateNames(dir string, files frontend.Files) (crates, shared []string, err error) {
	if info, err := files.Stat(dir); err != nil || !info.IsDirectory() {
		return nil, nil, nil // rustc passes it over
	}
	names, err := files.Names(dir)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		switch {
		case slices.Contains([]string{".rlib", ".rmeta", ".wasm"}, filepath.Ext(name)):
			crates = append(crates, name)
		case isShared(name):
			shared = append(shared, name)
		}
	}
	return crates, shared, nil
}

// plainDirs declines the call where a crate may be found in a directory that is searched for whatever there is.
func (p *parser) plainDirs() *compile.Decline {
	count := 0
	for _, dir := range p.det.plainDirs {
		refuse := func(why string) *compile.Decline {
			return compile.Refuse(compile.ReasonOption, fmt.Sprintf("-L %s, which %s", dir, why))
		}
		crates, shared, err := crateNames(dir, p.files)
		switch {
		case err != nil:
			return refuse("cannot be read: " + err.Error())
		case len(crates) > 0:
			return refuse("has crates: " + crates[0])
		}
		if count += len(shared); count > maxShared {
			return refuse("has many shared libraries")
		}
		for _, name := range shared {
			if p.mayBeCrate(filepath.Join(dir, name)) {
				return refuse("may have crates: " + name)
			}
		}
		p.det.plainShared = append(p.det.plainShared, strings.Join(shared, "\n"))
	}
	return nil
}

// plainDirs refuses a compile during which what may be a crate appeared in such a directory.
func (g *gathering) plainDirs() error {
	for i, dir := range g.d.plainDirs {
		crates, shared, err := crateNames(dir, g.files)
		if err != nil || len(crates) > 0 || strings.Join(shared, "\n") != g.d.plainShared[i] {
			return compile.Refuse(compile.ReasonInputChanged, "libraries in "+dir)
		}
	}
	return nil
}
