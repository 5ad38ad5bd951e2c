package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/frontend/cc"
)

type shimCmd struct {
	Dir string `arg:"" help:"The directory to make; it must be empty, absent, or made so before." type:"path"`
}

func (c *shimCmd) Run(a *app) error {
	if err := a.install(); err != nil {
		return err
	}
	names, err := makeShimsFrom(c.Dir, a.place.Dir, a.getenv("PATH"), a.program("ccwrap"), a.program("compile-cache"))
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%d shims in %s: %s\n", len(names), c.Dir, strings.Join(names, " "))
	a.ui.hintf("put it first: PATH=%s:$PATH", c.Dir)
	return nil
}

// always are the names that get a shim even where no such compiler is installed yet: a later step may install it.
var always = []string{"cc", "c++", "gcc", "g++", "clang", "clang++"}

// instanceLink names, in a directory of shims, the link to the instance that its shims belong to.
const instanceLink = ".instance"

// makeShims makes the instance's own shims.
func (a *app) makeShims() ([]string, error) {
	return makeShimsFrom(a.shims(), a.place.Dir, a.getenv("PATH"), a.program("ccwrap"), a.program("compile-cache"))
}

// makeShimsFrom fills dir with a copy of ccwrap, links to it under the name of every compiler in path, a link to the CLI, and a
// link to the instance. Running builds use the directory meanwhile, so each name is replaced by a rename.
func makeShimsFrom(dir, instance, path, ccwrap, cli string) (names []string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make shims: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("make shims: %w", err)
	}
	if foreign(entries) && !exists(filepath.Join(dir, "ccwrap")) {
		return nil, fmt.Errorf("make shims: %s has other files in it", dir)
	}
	if err := copyProgram(ccwrap, filepath.Join(dir, "ccwrap")); err != nil {
		return nil, fmt.Errorf("make shims: %w", err)
	}
	wanted := map[string]bool{}
	for _, n := range always {
		wanted[n] = true
	}
	for _, d := range filepath.SplitList(path) {
		entries, err := os.ReadDir(d)
		if err != nil || d == dir {
			continue
		}
		for _, e := range entries {
			if cc.Shimmable(e.Name()) && executable(filepath.Join(d, e.Name())) == nil {
				wanted[e.Name()] = true
			}
		}
	}
	for n := range wanted {
		names = append(names, n)
	}
	sort.Strings(names)
	links := map[string]string{instanceLink: instance, "compile-cache": cli}
	for _, n := range names {
		links[n] = "ccwrap"
	}
	for name, target := range links {
		if err := link(target, filepath.Join(dir, name)); err != nil {
			return nil, fmt.Errorf("make shims: %w", err)
		}
	}
	return names, nil
}

// foreign reports whether a directory holds files other than copies that shall become ccwrap: another run may be making one, or one
// was killed meanwhile.
func foreign(entries []os.DirEntry) bool {
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool { return !strings.HasPrefix(e.Name(), "ccwrap.") })
}

// link makes path a symbolic link to target, replacing another.
func link(target, path string) error {
	if old, err := os.Readlink(path); err == nil && old == target {
		return nil
	}
	temporary := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.Symlink(target, temporary); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

// copyProgram copies from to to, unless it is that already.
func copyProgram(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	fi, err := src.Stat()
	if err != nil {
		return err
	}
	if old, err := os.Stat(to); err == nil && old.Size() == fi.Size() && old.ModTime().Equal(fi.ModTime()) {
		return nil
	}
	temporary := fmt.Sprintf("%s.%d", to, os.Getpid())
	dst, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	if cerr := dst.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Chtimes(temporary, fi.ModTime(), fi.ModTime())
	}
	if err == nil {
		err = os.Rename(temporary, to)
	}
	if err != nil {
		_ = os.Remove(temporary)
	}
	return err
}
