//go:build linux

package toolchain

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// TestLibraries: the loader is asked anew where another value of LD_LIBRARY_PATH, or another state of the disk, may lead to other libraries.
func TestLibraries(t *testing.T) {
	shell, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, then := range []struct {
		what string
		do   func(t *testing.T, dir string)
		env  []string // below dir
		want int      // questions
	}{
		{"the same", nil, nil, 0},
		{"directories without libraries", nil, []string{"LD_LIBRARY_PATH=", "/empty:", "/none"}, 0},
		{"a directory that leads to the same library", nil, []string{"LD_LIBRARY_PATH=", "/lib"}, 0},
		{"a link that leads to the same library", nil, []string{"LD_LIBRARY_PATH=", "/link"}, 0},
		{"another library of the name", func(t *testing.T, dir string) { write(t, dir+"/empty/libx.so.1", "x") }, []string{"LD_LIBRARY_PATH=", "/empty"}, 1},
		{"libraries for a processor", func(t *testing.T, dir string) { write(t, dir+"/empty/glibc-hwcaps/x", "") }, []string{"LD_LIBRARY_PATH=", "/empty"}, 1},
		{"another content", func(t *testing.T, dir string) { write(t, dir+"/lib/libx.so.1", "y") }, nil, 1},
		{"the library is gone", func(t *testing.T, dir string) { os.Remove(dir + "/lib/libx.so.1") }, nil, 1},
		{"another program", func(t *testing.T, dir string) { write(t, dir+"/bin/cc", string(shell)+"changed") }, nil, 1},
		{"a library that is loaded first", nil, []string{"LD_PRELOAD=", "/lib/libx.so.1"}, 1},
	} {
		dir := makeTree(t, map[string]string{"bin/cc": string(shell), "lib/libx.so.1": "x", "empty/y": ""})
		link(t, "lib", dir+"/link")
		ask := &saying{answer: frontend.ProbeResult{Stdout: []byte("\tlibx.so.1 => " + dir + "/lib/libx.so.1 (0x1)\n\tlinux-vdso.so.1 (0x2)\n")}}
		loads := NewLoads()
		libraries := func(env []string) []Library {
			t.Helper()
			value := ""
			for i, part := range env {
				if i > 0 {
					part = dir + part
				}
				value += part
			}
			a := newAsking(t, ask, dir+"/bin/cc", dir, value)
			a.Loads = loads
			found, err := a.Libraries(dir + "/bin/cc")
			if then.what != "the library is gone" && err != nil {
				t.Fatalf("%s: %v", then.what, err)
			}
			return found
		}
		first := libraries(nil)
		if diff := cmp.Diff([]string{first[0].Name, first[0].Path}, []string{"libx.so.1", dir + "/lib/libx.so.1"}); len(first) != 1 || diff != "" {
			t.Errorf("%d libraries, the first of which (-got +want)\n%s", len(first), diff)
		}
		if then.do != nil {
			then.do(t, dir)
		}
		libraries(then.env)
		if got := ask.asked - 1; got != then.want {
			t.Errorf("%s: %d questions, want %d", then.what, got, then.want)
		}
	}
}

// TestLibrariesOfOwnDirectories: where a program says itself in which directories its libraries are searched for, one that appears there counts.
func TestLibrariesOfOwnDirectories(t *testing.T) {
	dir := makeTree(t, map[string]string{"lib/libx.so.1": "x", "own/y": ""})
	a := newAsking(t, nil, "", dir)
	s := search{a: a, own: []string{dir + "/own"}}
	key := loadKey{program: "cc"}
	s.remember(key, []Library{{Name: "libx.so.1", Path: dir + "/lib/libx.so.1"}})
	if s.remembered(key) == nil {
		t.Error("nothing is remembered although nothing changed")
	}
	write(t, dir+"/own/libx.so.1", "other")
	if s.remembered(key) != nil {
		t.Error("a library appeared in a directory of the program, and what was loaded before is remembered")
	}
}

// TestLibrariesRefused: a loader that misses a library, and one that nobody knows.
func TestLibrariesRefused(t *testing.T) {
	for _, said := range []frontend.ProbeResult{{Stdout: []byte("\tlibx.so.1 => not found\n")}, {Status: 127}} {
		a := newAsking(t, &saying{answer: said}, "", "/")
		if libraries, err := a.Libraries("/bin/sh"); err == nil {
			t.Errorf("the loader says %q with status %d: libraries %v, want a refusal", said.Stdout, said.Status, libraries)
		}
	}
}
