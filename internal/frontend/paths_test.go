package frontend

import "testing"

func TestAbsolute(t *testing.T) {
	for path, want := range map[string]string{
		"a.c": "/w/a.c", "./a.c": "/w/a.c", "a//b/./c": "/w/a/b/c", "/x/../a": "/x/../a", "../a": "/w/../a", "/": "/", "": "/w", ".": "/w",
		"/x/": "/x", "/.hidden/..x": "/.hidden/..x",
	} {
		if got := Absolute("/w", path); got != want {
			t.Errorf("Absolute(/w, %q) = %q, want %q", path, got, want)
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
