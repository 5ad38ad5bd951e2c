//go:build unix

package rustc

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
	"github.com/compile-cache/compile-cache-action/internal/frontend/rustc/procmacro"
)

func TestLinkOutputs(t *testing.T) {
	dir := workDir(t, map[string]string{"a.rs": ""})
	const stem = "a-0123456789abcdef"
	for types, want := range map[string][]string{
		"--crate-type bin":                        {"program " + stem},
		"--test":                                  {"program " + stem},
		"--crate-type lib --test":                 {"program " + stem},
		"--crate-type proc-macro":                 {"shared-library lib" + stem + ".so"},
		"--crate-type dylib --crate-type rlib":    {"library lib" + stem + ".rlib", "shared-library lib" + stem + ".so"},
		"--crate-type cdylib,staticlib,rlib,rlib": {"library lib" + stem + ".rlib", "c-shared-library lib" + stem + ".so", "static-library lib" + stem + ".a"},
	} {
		args := strings.Replace(strings.Replace(cargoLine, "--crate-type lib", types, 1), "metadata,", "", 1)
		c, d := New().Parse(&compile.Invocation{Program: "/x/rustc", Dir: dir, Args: strings.Fields(args)}, frontendtest.DiskFiles{})
		if d != nil {
			t.Errorf("Parse(%s) = %v", args, d)
			continue
		}
		var got []string
		for _, o := range c.Outputs {
			if o.Role != roleDependencies {
				got = append(got, o.Role+" "+filepath.Base(o.Path))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("outputs of %s (-want +got):\n%s", types, diff)
		}
	}
}

func TestLinkArguments(t *testing.T) {
	dir := workDir(t, map[string]string{"a.rs": "", "x.o": "", "x.map": "", "s.ld": ""})
	args := strings.Replace(cargoLine, "--crate-type lib", "--crate-type bin", 1) + " -C linker=/usr/bin/gcc-12" +
		" -C link-arg=-fuse-ld=bfd -C link-args=-L:/l:-Bb -C link-arg=x.o -C link-arg=-Wl,--version-script=x.map,-Ts.ld,-rpath,/r:/s,-L,/m"
	c, d := New().Parse(&compile.Invocation{Program: "/x/rustc", Dir: dir, Args: words(args)}, frontendtest.DiskFiles{})
	if d != nil {
		t.Fatal(d)
	}
	det := c.Detail.(*detail)
	for _, x := range []struct {
		what      string
		got, want any
	}{
		{"driver", det.link.Driver, "/usr/bin/gcc-12"},
		{"choice", det.link.Choice, []string{"-fuse-ld=bfd", "-Bb"}},
		{"directories", det.link.libDirs, []string{"/l", dir + "/b", "/r", "/s", "/m"}},
		{"inputs", c.Inputs, []string{dir + "/a.rs", dir + "/x.o", dir + "/x.map", dir + "/s.ld"}},
	} {
		if diff := cmp.Diff(x.want, x.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", x.what, diff)
		}
	}
}

// words splits at blanks; a colon in an argument of link-args is one too.
func words(s string) []string {
	args := strings.Fields(s)
	for i, a := range args {
		if rest, ok := strings.CutPrefix(a, "link-args="); ok {
			args[i] = "link-args=" + strings.ReplaceAll(rest, ":", " ")
		}
	}
	return args
}

// Without the linker's list, and with what of it shows in messages, a run is the one that was asked for.
func TestLinkPlan(t *testing.T) {
	inv := &compile.Invocation{Args: []string{"a.rs"}}
	c := &compile.Compilation{Invocation: inv, Detail: &detail{}}
	if got := New().Plan(c, nil, "/s").Args; !cmp.Equal(got, inv.Args) {
		t.Errorf("arguments of a compile that links nothing = %q, want %q", got, inv.Args)
	}
	c.Detail = &detail{link: &linkage{}}
	got := New().Plan(c, nil, "/s")
	want := frontend.Plan{
		Args: []string{"a.rs", "-C", "link-arg=-Wl,--dependency-file=/s.link.d"}, Scratch: "/s", Hidden: []string{"/s.link.d"},
		Unmap: []string{` \"-Wl,--dependency-file=/s.link.d\"`, "", ` "-Wl,--dependency-file=/s.link.d"`, ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	if got := New().Plan(c, nil, "/s,t"); !cmp.Equal(got.Args, inv.Args) || got.Hidden != nil {
		t.Errorf("plan for a place that no argument of the linker can name = %+v, want the user's arguments", got)
	}
}

// What a linker read and is gone is passed over only where the compile made it.
func TestTemporary(t *testing.T) {
	g := &gathering{
		c: &compile.Compilation{Invocation: &compile.Invocation{Dir: "/w", Env: []string{"TMPDIR=/t"}}},
		d: &detail{crate: "a", extra: "-1", depInfo: "/o/a-1.d"},
	}
	for path, want := range map[string]bool{
		"/o/a-1.x.rcgu.o": true, "/o/a-1.a.0-cgu.0.rcgu.lto.o": true, "/o/rustcAbC012/symbols.o": true, "/t/rustcAbC012/libb-2.rlib": true,
		"/o/b-1.x.rcgu.o": false, "/p/a-1.x.rcgu.o": false, "/o/libz.a": false, "/t/libz.a": false, "/o/rustcfoo/x.o": false,
	} {
		if got := g.temporary(path); got != want {
			t.Errorf("temporary(%s) = %t, want %t", path, got, want)
		}
	}
}

// In cargo's newer layout the loader's directories are those of the unit that was made first, another one in each build.
func TestLinkLoaderDirectories(t *testing.T) {
	const units = "target/debug/build/"
	dir := workDir(t, map[string]string{
		"a.rs": "", "target/CACHEDIR.TAG": "",
		units + "a/0000000000000001/out/a.d":                      "",
		units + "b/0000000000000002/out/libb-0000000000000002.so": "a macro",
		units + "c/0000000000000003/out/libc.so":                  "no macro",
		units + "d-0000000000000004/out/d.d":                      "",
		"build/e/0000000000000005/out/e.d":                        "",
	})
	f := New()
	f.traits.known.Set(digest.Of([]byte("a macro")), judged{traits: procmacro.Traits{Macro: true}})
	args := func(list string) []string {
		inv := &compile.Invocation{Program: "/x/rustc", Dir: dir, Args: strings.Fields(cargoLine + " --test"), Env: []string{"LD_LIBRARY_PATH=" + list}}
		c, d := f.Parse(inv, frontendtest.DiskFiles{})
		if d != nil {
			t.Fatal(d)
		}
		return c.Args
	}
	none := args("")
	for path, counts := range map[string]bool{
		units + "a/0000000000000001/out":       false,
		units + "b/0000000000000002/out":       false,
		units + "c/0000000000000003/out":       true,
		units + "missing/0000000000000006/out": false,
		units + "d-0000000000000004/out":       true, // of a build script
		"build/e/0000000000000005/out":         true, // in no target directory
		"target/debug/deps":                    true,
	} {
		if got := !slices.Equal(args(dir+"/"+path), none); got != counts {
			t.Errorf("%s counts: %t, want %t", path, got, counts)
		}
	}
}
