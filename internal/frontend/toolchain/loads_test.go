//go:build linux

package toolchain

import (
	"os"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
)

// TestLibraries: the loader is asked anew where another value of LD_LIBRARY_PATH, or another state of the disk, may lead to other libraries; and what the
// first answer rests on says whether that one counts still.
func TestLibraries(t *testing.T) {
	shell, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		what        string
		first, then string // variables; @ stands for the directory
		do          func(t *testing.T, dir string)
		asked       int  // then
		current     bool // the first answer, then
	}{
		{what: "the same", current: true},
		{what: "directories without libraries", then: "LD_LIBRARY_PATH=@/empty:@/none;@/empty", current: true},
		{what: "a directory that leads to the same library", then: "LD_LIBRARY_PATH=@/lib", current: true},
		{what: "a link that leads to the same library", then: "LD_LIBRARY_PATH=@/link", current: true},
		{what: "another library in the directories", then: "LD_LIBRARY_PATH=@/other", asked: 1, current: true},
		{what: "another library behind a semicolon", then: "LD_LIBRARY_PATH=@/empty;@/other", asked: 1, current: true},
		{what: "another library in the working directory", then: "LD_LIBRARY_PATH=@/empty:", do: func(t *testing.T, dir string) { write(t, dir+"/libx.so.1", "x") }, asked: 1, current: true},
		{what: "another library, named from where the program lies", then: "LD_LIBRARY_PATH=$ORIGIN/../other", asked: 1, current: true},
		{what: "no library, named from where the program lies", then: "LD_LIBRARY_PATH=${ORIGIN}/../empty", current: true},
		{what: "a library appears, named from where the program lies", first: "LD_LIBRARY_PATH=$ORIGIN/../empty", then: "LD_LIBRARY_PATH=$ORIGIN/../empty",
			do: func(t *testing.T, dir string) { write(t, dir+"/empty/libx.so.1", "x") }, asked: 1},
		{what: "a word of the loader's", then: "LD_LIBRARY_PATH=@/$LIB", asked: 1, current: true},
		{what: "libraries for a processor", then: "LD_LIBRARY_PATH=@/processor", asked: 1, current: true},
		{what: "a library was found by the variable, which is gone", first: "LD_LIBRARY_PATH=@/lib", asked: 1, current: true},
		{what: "a library appears in the directories", first: "LD_LIBRARY_PATH=@/empty", then: "LD_LIBRARY_PATH=@/empty",
			do: func(t *testing.T, dir string) { write(t, dir+"/empty/libx.so.1", "x") }, asked: 1},
		{what: "libraries for a processor appear", first: "LD_LIBRARY_PATH=@/empty", then: "LD_LIBRARY_PATH=@/empty",
			do: func(t *testing.T, dir string) { write(t, dir+"/empty/glibc-hwcaps/x", "") }, asked: 1},
		{what: "something else appears in the directories", first: "LD_LIBRARY_PATH=@/empty", then: "LD_LIBRARY_PATH=@/empty",
			do: func(t *testing.T, dir string) { write(t, dir+"/empty/other", "x") }, current: true},
		{what: "another content", do: func(t *testing.T, dir string) { write(t, dir+"/lib/libx.so.1", "y") }, asked: 1, current: true},
		{what: "another program", do: func(t *testing.T, dir string) { write(t, dir+"/bin/cc", string(shell)+"changed") }, asked: 1},
		{what: "the loader's cache changes", do: func(t *testing.T, dir string) { write(t, dir+"/ld.so.cache", "changed") }, asked: 1},
		{what: "libraries for all programs", do: func(t *testing.T, dir string) { write(t, dir+"/ld.so.preload", "x") }, asked: 1},
		{what: "a library that is loaded first", then: "LD_PRELOAD=@/x.so", asked: 1, current: true},
		{what: "a library that was loaded first", first: "LD_PRELOAD=@/x.so", asked: 1, current: true},
	} {
		dir := makeTree(t, map[string]string{
			"bin/cc": string(shell), "lib/libx.so.1": "x", "other/libx.so.1": "other", "empty/y": "", "processor/glibc-hwcaps/y": "", "ld.so.cache": "cache",
		})
		link(t, "lib", dir+"/link")
		ask := &saying{answer: frontend.ProbeResult{Stdout: []byte("\tlibx.so.1 => " + dir + "/lib/libx.so.1 (0x1)\n\tlinux-vdso.so.1 (0x2)\n")}}
		loads := NewLoads()
		loads.settings = [2]string{dir + "/ld.so.cache", dir + "/ld.so.preload"}
		libraries := func(env string) Basis {
			t.Helper()
			a := newAsking(t, ask, dir+"/bin/cc", dir, strings.ReplaceAll(env, "@", dir))
			a.Loads = loads
			found, err := a.Libraries(dir + "/bin/cc")
			if err != nil {
				t.Fatalf("%s: %v", tt.what, err)
			}
			if len(found) != 1 || found[0].Name != "libx.so.1" || found[0].Path != dir+"/lib/libx.so.1" {
				t.Errorf("%s: libraries %+v, want what the loader says, without the kernel's", tt.what, found)
			}
			answer, err := a.Answer(nil)
			if err != nil {
				t.Fatal(err)
			}
			return answer.Basis
		}
		basis := libraries(tt.first)
		if tt.do != nil {
			tt.do(t, dir)
		}
		if got := basis.Current(frontendtest.DiskFiles{}); got != tt.current {
			t.Errorf("%s: the first answer counts: %t, want %t", tt.what, got, tt.current)
		}
		asked := ask.asked
		libraries(tt.then)
		if got := ask.asked - asked; got != tt.asked {
			t.Errorf("%s: %d questions, want %d", tt.what, got, tt.asked)
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

// TestLibrariesOfRelativeDirectories: the loader names them as LD_LIBRARY_PATH does.
func TestLibrariesOfRelativeDirectories(t *testing.T) {
	dir := makeTree(t, map[string]string{"lib/libx.so.1": "x"})
	a := newAsking(t, &saying{answer: frontend.ProbeResult{Stdout: []byte("\tlibx.so.1 => lib/libx.so.1 (0x1)\n")}}, "", dir, "LD_LIBRARY_PATH=lib")
	if err := a.Loaded("/bin/sh"); err != nil {
		t.Fatal(err)
	}
	if !a.Has(dir + "/lib/libx.so.1") {
		t.Errorf("the toolchain has %+v, want the library too", a.Found.Files)
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
