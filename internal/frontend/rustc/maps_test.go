//go:build unix

package rustc

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
)

func TestMap(t *testing.T) {
	dir := workDir(t, map[string]string{"a.rs": ""})
	outer, inner := frontend.PathMap{From: filepath.Dir(dir), To: "/m/a"}, frontend.PathMap{From: dir, To: "/m/b"}
	apart := frontend.PathMap{From: "/elsewhere/x", To: "/m/a"}
	arg := func(m frontend.PathMap) string { return "--remap-path-prefix=" + m.From + "=" + m.To }
	clippy := "/x/rustc " + strings.Replace(cargoLine, ",link", "", 1)
	for _, tt := range []struct {
		what, program, args string
		maps                []frontend.PathMap
		before              []string // our arguments, nil: not mapped
		at                  int
	}{
		{"inner last", "rustc", cargoLine, []frontend.PathMap{inner, outer}, []string{arg(outer), arg(inner)}, 0},
		{"apart", "rustc", cargoLine, []frontend.PathMap{inner, apart}, []string{arg(inner), arg(apart)}, 0},
		{"the user's after ours", "rustc", cargoLine + " --remap-path-prefix /x=/y", []frontend.PathMap{inner}, []string{arg(inner)}, 0},
		{"clippy", "clippy-driver", clippy, []frontend.PathMap{inner}, []string{arg(inner)}, 1},
		{"coverage", "rustc", cargoLine + " -C instrument-coverage", []frontend.PathMap{inner}, nil, 0},
		{"no coverage", "rustc", cargoLine + " -C instrument-coverage=off", []frontend.PathMap{inner}, []string{arg(inner)}, 0},
		{"scope", "rustc", cargoLine + " --remap-path-scope=object", []frontend.PathMap{inner}, nil, 0},
	} {
		inv := &compile.Invocation{Program: "/x/" + tt.program, Dir: dir, Args: strings.Fields(tt.args), Env: []string{"CARGO_MANIFEST_DIR=" + dir}}
		f := New()
		c, d := f.Parse(inv, frontendtest.DiskFiles{})
		if d != nil {
			t.Fatalf("%s: %v", tt.what, d)
		}
		facts := len(c.Facts)
		got, args := f.Map(c, nil, tt.maps)
		if tt.before == nil {
			if got != c || args != nil {
				t.Errorf("%s: Map gives %q, want nothing mapped", tt.what, args)
			}
			continue
		}
		want := slices.Insert(slices.Clone(inv.Args), tt.at, tt.before...)
		if d := cmp.Diff(args, want); d != "" {
			t.Errorf("%s: arguments (-got +want):\n%s", tt.what, d)
		}
		if d := cmp.Diff(f.Plan(got, nil, "").Args, want); d != "" {
			t.Errorf("%s: arguments of the plan (-got +want):\n%s", tt.what, d)
		}
		if plain := f.Plan(c, nil, "").Args; !slices.Equal(plain, inv.Args) || len(c.Facts) != facts {
			t.Errorf("%s: Map changed the compilation it was given: %q, %q", tt.what, plain, c.Facts)
		}
		// Which lies within which differs between checkouts; the recipe does not.
		turned := slices.Clone(tt.maps)
		slices.Reverse(turned)
		if same, _ := f.Map(c, nil, turned); cmp.Diff(same.Facts, got.Facts) != "" || len(got.Facts) != facts+len(tt.maps) || !got.MappedMessages {
			t.Errorf("%s: facts %q and %q, want the same", tt.what, got.Facts, same.Facts)
		}
	}
}

// Names of paths bind where no map takes the path out of them.
func TestMappedNames(t *testing.T) {
	d := &detail{maps: []frontend.PathMap{{From: "/a/b", To: "/m"}}}
	for path, want := range map[string]bool{"/a/b": true, "/a/b/c": true, "/a/bc": false, "/a": false, "/c": false} {
		if got := d.mapped(path); got != want {
			t.Errorf("mapped(%s) = %v, want %v", path, got, want)
		}
	}
	if (&detail{}).mapped("/a/b") {
		t.Error("a path is mapped without maps")
	}
}

// A variable that holds a path binds, unless all that the sources do with it is to find a file.
func TestValues(t *testing.T) {
	const include = `include!(concat!(env!("OUT_DIR"), "/g.rs"));`
	for text, free := range map[string]bool{
		include: true,
		"include! {\n\tconcat! [ env ! ( \"OUT_DIR\" ) , \"/g.rs\" ]\n}":          true,
		`const T: &str = include_str!(concat!(env!("OUT_DIR"), "/t"));`:           true,
		`#![doc = include_str!(concat!(env!("OUT_DIR"), "/README.md"))]`:          true,
		`include!(env!("OUT_DIR"));`:                                              true,
		include + `const E: &str = env!("CARGO_PKG_NAME");`:                       true,
		`const D: &str = env!("OUT_DIR");`:                                        false,
		include + `const N: usize = env!("OUT_DIR").len();`:                       false,
		include + `const N: usize = env!("OUT\u{5f}DIR").len();`:                  false,
		`const D: Option<&str> = option_env!("OUT_DIR");`:                         false,
		`const D: &str = concat!(env!("OUT_DIR"), "/g.rs");`:                      false,
		include + "// OUT_DIR":                                                    false, // it is not parsed
		include + `macro_rules! v { ($n:literal) => { env!($n) } }`:               false,
		include + `macro_rules! v { ($n:literal) => { option_env!($n) } }`:        false,
		include + `const D: &str = env!(concat!("OUT", "_DIR"));`:                 false,
		`my_include!(concat!(env!("OUT_DIR"), "/g.rs"));`:                         false,
		include + `macro_rules! include { ($e:expr) => { const D: &str = $e; } }`: false,
		"my::own!();": false, // nothing here, nor in a crate
	} {
		dir := workDir(t, map[string]string{"a.rs": text, "b.rmeta": "metadata", "c.rmeta": "a macro with OUT_DIR"})
		for crate, free := range map[string]bool{"b.rmeta": free, "c.rmeta": false} {
			g := &gathering{
				d:     &detail{maps: []frontend.PathMap{{From: dir, To: "/m"}}, crates: []string{filepath.Join(dir, crate)}},
				files: frontendtest.DiskFiles{},
			}
			env := []envDep{{"OUT_DIR", dir + "/out", true}, {"CARGO_PKG_NAME", "a", true}}
			if err := g.values(env, []string{filepath.Join(dir, "a.rs")}); err != nil {
				t.Fatal(err)
			}
			if got := len(g.in.BindPaths) == 0; got != free {
				t.Errorf("%s with %s: bound to %q, want free: %v", text, crate, g.in.BindPaths, free)
			}
			g.d.maps, g.in.BindPaths = nil, nil
			if err := g.values(env, []string{filepath.Join(dir, "a.rs")}); err != nil || g.in.BindPaths != nil {
				t.Errorf("%s without maps: bound to %q, %v; want the values alone", text, g.in.BindPaths, err)
			}
		}
	}
}

// A map of the user's is a path and what follows it, in the recipe as for rustc; with two "=" these would differ.
func TestUserMaps(t *testing.T) {
	dir := workDir(t, map[string]string{"a.rs": ""})
	for args, want := range map[string]string{
		" --remap-path-prefix /a=/b": "", " --remap-path-prefix=/a=/b": "", " --remap-path-prefix=/a=b=/c": "prefix-map",
	} {
		c, d := New().Parse(&compile.Invocation{Program: "/x/rustc", Dir: dir, Args: strings.Fields(cargoLine + args)}, frontendtest.DiskFiles{})
		if d != nil {
			t.Fatal(d)
		}
		if c.BindAll != want || !strings.HasPrefix(c.Args[len(c.Args)-1], "--remap-path-prefix=/a=") {
			t.Errorf("%s: %q, %q, want %q and one argument", args, c.BindAll, c.Args, want)
		}
	}
}

// Cargo's target directory is found from each directory in it to which outputs go.
func TestTarget(t *testing.T) {
	dir := workDir(t, map[string]string{"a.rs": "", "cache/CACHEDIR.TAG": "", "cache/x/debug/build/a-1/keep": "", "cache/y/debug/deps/keep": "", "cache/y/CACHEDIR.TAG": "", "made/y/debug/deps/keep": "", "cache/debug/deps/keep": "", "plain/keep": ""})
	for out, want := range map[string]string{
		"target/debug/deps": "target", "cache/debug/deps": "cache", "cache/x/debug/build/a-1": "cache", "plain": "",
		"cache/y/debug/deps --target y": "cache", "made/y/debug/deps --target y": "made", "cache/y/debug/deps --target x": "cache/y",
	} {
		args := strings.Replace(cargoLine, "--out-dir target/debug/deps", "--out-dir "+out, 1)
		c, d := New().Parse(&compile.Invocation{Program: "/x/rustc", Dir: dir, Args: strings.Fields(args), Env: []string{"HOME=/h/u"}}, frontendtest.DiskFiles{})
		if d != nil {
			t.Fatal(d)
		}
		wanted := []compile.Root{{Name: "cargo-home", Path: "/h/u/.cargo"}}
		if want != "" {
			wanted = slices.Insert(wanted, 0, compile.Root{Name: "target", Path: filepath.Join(dir, want)})
		}
		if d := cmp.Diff(c.Roots, wanted); d != "" {
			t.Errorf("outputs in %s (-got +want):\n%s", out, d)
		}
	}
}
