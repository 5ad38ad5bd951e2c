package toolchain

import (
	"bytes"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// OtherCache returns the mark in a program's text by which it is another cache, ours, or a distributor, under a compiler's name; "" for none.
func OtherCache(text []byte) (mark string) {
	for _, mark := range []string{"CCACHE_DIR", "DISTCC_HOSTS", "ICECC_VERSION", "COMPILE_CACHE_DIR"} {
		if bytes.Contains(text, []byte(mark)) {
			return mark
		}
	}
	return ""
}

// SearchDirs reads what the -print-search-dirs of gcc and clang prints: where programs, and where libraries and specs, are looked for. cwd is
// that of the question.
func SearchDirs(text []byte, cwd string) (programs, libraries []string) {
	for line := range strings.SplitSeq(string(text), "\n") {
		into := &programs
		list, ok := strings.CutPrefix(line, "programs: =")
		if !ok {
			into = &libraries
			list, ok = strings.CutPrefix(line, "libraries: =")
		}
		for dir := range strings.SplitSeq(list, ":") {
			if ok && dir != "" {
				*into = append(*into, frontend.Absolute(cwd, dir))
			}
		}
	}
	return programs, libraries
}

// PathDirs returns the directories of PATH. An empty element is the working directory.
func (a *Asking) PathDirs() []string {
	list, _ := a.C.Getenv("PATH")
	dirs := strings.Split(list, ":")
	for i := range dirs {
		dirs[i] = frontend.Absolute(a.C.Dir, dirs[i])
	}
	return dirs
}

// LookPath finds a program as exec does, and makes the answer rest on its absence from the directories before; "" where none has it. Those that
// passOver tells, if it is not nil, are looked at and left; it is their caller's to watch them.
func (a *Asking) LookPath(name string, dirs []string, passOver func(path string) bool) string {
	for _, dir := range dirs {
		path := frontend.Absolute(dir, name)
		if fi, err := a.Files.Stat(path); err != nil || !fi.IsProgram() {
			a.Missing(path)
		} else if passOver == nil || !passOver(path) {
			return path
		}
	}
	return ""
}

// GCCInstallation makes the answer of a clang rest on which versions, targets and kinds of installation lie beside one of gcc that it considered, which is
// spelled PREFIX/lib/gcc/TARGET/VERSION.
func (a *Asking) GCCInstallation(path string) error {
	for _, prefix := range []string{"", "", "gcc"} {
		path, _ = frontend.Split(path)
		if _, err := a.List(path, prefix, ""); err != nil {
			return err
		}
	}
	return nil
}
