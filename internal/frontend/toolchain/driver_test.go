//go:build unix

package toolchain

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
)

func TestSearchDirs(t *testing.T) {
	programs, libraries := SearchDirs([]byte("install: /i\nprograms: =/p/../q:r/:\nlibraries: =/l/:/m\n"), "/w")
	if diff := cmp.Diff([][]string{programs, libraries}, [][]string{{"/p/../q", "/w/r"}, {"/l", "/m"}}); diff != "" {
		t.Errorf("SearchDirs (-got +want)\n%s", diff)
	}
}

func TestOtherCache(t *testing.T) {
	if got := OtherCache([]byte("\x00CCACHE_DIR\x00")); got != "CCACHE_DIR" {
		t.Errorf("OtherCache of ccache = %q", got)
	}
	if got := OtherCache([]byte("gcc")); got != "" {
		t.Errorf("OtherCache of a compiler = %q, want none", got)
	}
}

// TestLookPath: what exec would take instead ends the answer.
func TestLookPath(t *testing.T) {
	for _, change := range []struct {
		what, file string
		want       bool
	}{
		{"nothing", "other/x", true},
		{"a program in an earlier directory", "a/as", false},
		{"a program in a directory that was missing", "missing/as", false},
		{"one in a later directory", "z/as", true},
	} {
		dir := makeTree(t, map[string]string{"a/x": "", "shim/as": "shim", "text/as": "text", "b/as": "as", "z/x": ""})
		if err := os.Chmod(dir+"/text/as", 0o644); err != nil {
			t.Fatal(err)
		}
		a := newAsking(t, nil, "", dir, "PATH=a:missing:"+dir+"/shim:"+dir+"/text::"+dir+"/b:z")
		dirs := a.PathDirs()
		if diff := cmp.Diff(dirs, []string{dir + "/a", dir + "/missing", dir + "/shim", dir + "/text", dir, dir + "/b", dir + "/z"}); diff != "" {
			t.Errorf("PathDirs (-got +want)\n%s", diff)
		}
		got := a.LookPath("as", dirs, func(path string) bool { return path == dir+"/shim/as" })
		if want := dir + "/b/as"; got != want {
			t.Errorf("LookPath = %q, want %q", got, want)
		}
		answer, err := a.Answer(nil)
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir+"/"+change.file, "")
		if got := answer.Basis.Current(frontendtest.DiskFiles{}); got != change.want {
			t.Errorf("%s: Current = %t, want %t", change.what, got, change.want)
		}
	}
	if got := newAsking(t, nil, "", "/").LookPath("no such program", []string{"/", "/usr"}, nil); got != "" {
		t.Errorf("LookPath of nothing = %q", got)
	}
}

func TestMissingBefore(t *testing.T) {
	dir := makeTree(t, map[string]string{"one/x": "", "two/cc1": "", "three/x": ""})
	a := newAsking(t, nil, "", dir)
	a.MissingBefore([]string{dir + "/one", dir + "/two", dir + "/three"}, dir+"/two/cc1")
	a.MissingFrom([]string{dir + "/one", dir + "/two"}, "ld")
	want := []absence{{dir + "/one", []string{"cc1", "ld"}}, {dir + "/two", []string{"ld"}}}
	if diff := cmp.Diff(a.basis.absent, want, cmp.AllowUnexported(absence{})); diff != "" {
		t.Errorf("absent names (-got +want)\n%s", diff)
	}
}

// TestGCCInstallation: another version, target or kind of installation beside one that clang considered may be chosen next time.
func TestGCCInstallation(t *testing.T) {
	for file, want := range map[string]bool{
		"lib/gcc/x86_64/13/x": false, "lib/gcc/i686/12/x": false, "lib/gcc-cross/x": false, "lib/other/x": true, "lib/gcc/x86_64/12/y": true,
	} {
		dir := makeTree(t, map[string]string{"lib/gcc/x86_64/12/x": ""})
		a := newAsking(t, nil, "", dir)
		if err := a.GCCInstallation(dir + "/lib/gcc/x86_64/12"); err != nil {
			t.Fatal(err)
		}
		answer, err := a.Answer(nil)
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir+"/"+file, "")
		if got := answer.Basis.Current(frontendtest.DiskFiles{}); got != want {
			t.Errorf("%s appears: Current = %t, want %t", file, got, want)
		}
	}
}
