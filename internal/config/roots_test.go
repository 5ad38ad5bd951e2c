package config

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseRoots(t *testing.T) {
	abs := func(dir string) string {
		if filepath.Separator == '\\' {
			return "C:" + dir
		}
		return dir
	}
	list := func(dirs ...string) string { return strings.Join(dirs, string(filepath.ListSeparator)) }
	for _, c := range []struct {
		text    string
		want    Roots
		ignored []string
	}{
		{"", Roots{}, nil},
		{"off", Roots{}, nil},
		{"0", Roots{}, nil},
		{"auto", Roots{Auto: true}, nil},
		{abs("/a/b"), Roots{Dirs: []string{filepath.Clean(abs("/a/b"))}}, nil},
		{list(abs("/a/b/"), "", "c/d", abs("/e/../f")), Roots{Dirs: []string{filepath.Clean(abs("/a/b")), filepath.Clean(abs("/f"))}}, []string{"c/d"}},
		{"yes", Roots{}, []string{"yes"}},
	} {
		got, ignored := ParseRoots(c.text)
		if d := cmp.Diff(got, c.want); d != "" || cmp.Diff(ignored, c.ignored) != "" {
			t.Errorf("ParseRoots(%q) = %+v, ignored %q, want %+v, %q", c.text, got, ignored, c.want, c.ignored)
		}
	}
}

func TestReadWarnsOfRootsThatAreNoDirectories(t *testing.T) {
	for text, want := range map[string]int{"": 0, "auto": 0, "off": 0, "sub/dir": 1} {
		c := Read(func(name string) string {
			if name == "COMPILE_CACHE_ROOTS" {
				return text
			}
			return ""
		})
		if len(c.Warnings) != want {
			t.Errorf("COMPILE_CACHE_ROOTS=%q warns %q, want %d warnings", text, c.Warnings, want)
		}
	}
}
