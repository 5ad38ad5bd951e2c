package frontend

import (
	"slices"
	"testing"
)

func TestAbsolute(t *testing.T) {
	for path, want := range map[string]string{
		"a.c": "/w/a.c", "./a.c": "/w/a.c", "a//b/./c": "/w/a/b/c", "/x/../a": "/x/../a", "../a": "/w/../a", "/": "/", "": "/w", ".": "/w",
		"/x/": "/x", "/.hidden/..x": "/.hidden/..x", "/x//y/./z": "/x/y/z", "a/..b/.c": "/w/a/..b/.c", "a/.": "/w/a", "../a.c": "/w/../a.c",
	} {
		if got := Absolute("/w", path); got != want {
			t.Errorf("Absolute(/w, %q) = %q, want %q", path, got, want)
		}
	}
}

// tree is a Files that knows which names directories have.
type tree struct {
	Files
	names map[string][]string
}

func (f tree) Exists(dir, name string) bool { return slices.Contains(f.names[dir], name) }

func TestFirstMissing(t *testing.T) {
	files := tree{names: map[string][]string{"/": {"a"}, "/a": {"b", "c"}, "/a/b": {"x"}, "/a/b/..": {"b", "c"}}}
	for path, want := range map[string][2]string{
		"/a/b/x": {"", ""}, "/a/b/y": {"/a/b", "y"}, "/a/d/y": {"/a", "d"}, "/z/d/y": {"/", "z"}, "/a/./b//y": {"/a/b", "y"},
		"/a/b/../c": {"", ""}, "/a/b/../d": {"/a/b/..", "d"}, "/": {"", ""},
	} {
		dir, name, ok := FirstMissing(files, path)
		if dir != want[0] || name != want[1] || ok != (want[1] != "") {
			t.Errorf("FirstMissing(%q) = %q, %q, %t, want %q, %q", path, dir, name, ok, want[0], want[1])
		}
	}
}

func TestFileInfo(t *testing.T) {
	for mode, want := range map[uint32][3]bool{
		0o100644: {true, false, false}, 0o100700: {true, false, true}, 0o040755: {false, true, false}, 0o120777: {false, false, false}, 0o140755: {false, false, false},
	} {
		fi := FileInfo{Mode: mode}
		if got := [3]bool{fi.IsRegular(), fi.IsDirectory(), fi.IsProgram()}; got != want {
			t.Errorf("mode %o: regular, directory, program = %v, want %v", mode, got, want)
		}
	}
}

func TestSplit(t *testing.T) {
	for path, want := range map[string][2]string{"/a/b": {"/a", "b"}, "/a": {"/", "a"}, "/": {"/", ""}, "/a/../b": {"/a/..", "b"}} {
		dir, name := Split(path)
		if got := [2]string{dir, name}; got != want {
			t.Errorf("Split(%q) = %q, want %q", path, got, want)
		}
		if got := Under(dir, name); got != path {
			t.Errorf("Under(%q, %q) = %q, want %q", dir, name, got, path)
		}
	}
}
