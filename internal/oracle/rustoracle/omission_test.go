//go:build unix

package rustoracle

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/engine"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/key"
)

// omission is a deliberate fault: one thing that the cache must heed is not heeded.
type omission struct {
	name string
	parts
}

// forgetful is a front-end that forgets something.
type forgetful struct {
	frontend.Frontend
	invocation  func(*compile.Invocation)
	compilation func(*compile.Compilation)
	toolchain   func(*compile.Toolchain)
	inputs      func(*compile.Compilation, *frontend.Inputs)
	first       map[bool]*compile.Toolchain // if not nil, toolchains are never asked for again; by whether they link
}

func (f *forgetful) Parse(inv *compile.Invocation, files frontend.Files) (*compile.Compilation, *compile.Decline) {
	if f.invocation != nil {
		other := *inv
		f.invocation(&other)
		inv = &other
	}
	c, d := f.Frontend.Parse(inv, files)
	if c != nil && f.compilation != nil {
		f.compilation(c)
	}
	return c, d
}

// Map implements frontend.Mapper.
func (f *forgetful) Map(c *compile.Compilation, tc *compile.Toolchain, maps []frontend.PathMap) (*compile.Compilation, []string) {
	return f.Frontend.(frontend.Mapper).Map(c, tc, maps)
}

func (f *forgetful) Toolchain(ctx context.Context, c *compile.Compilation, files frontend.Files, ask frontend.Prober) (*compile.Toolchain, error) {
	links := !slices.ContainsFunc(c.Outputs, func(o compile.Output) bool { return o.Role == "metadata" })
	if tc := f.first[links]; tc != nil {
		return tc, nil
	}
	tc, err := f.Frontend.Toolchain(ctx, c, files, ask)
	if err != nil {
		return nil, err
	}
	if f.first != nil {
		f.first[links] = tc
	}
	if f.toolchain != nil {
		changed := *tc
		changed.Files = slices.Clone(tc.Files)
		f.toolchain(&changed)
		tc = &changed
	}
	return tc, nil
}

func (f *forgetful) Inputs(ctx context.Context, c *compile.Compilation, tc *compile.Toolchain, run frontend.Run, files frontend.Files, ask frontend.Prober) (*frontend.Inputs, error) {
	in, err := f.Frontend.Inputs(ctx, c, tc, run, files, ask)
	if err == nil && f.inputs != nil {
		f.inputs(c, in)
	}
	return in, err
}

func of(f forgetful) parts {
	return parts{frontend: func(fe frontend.Frontend) frontend.Frontend {
		changed := f
		changed.Frontend = fe
		return &changed
	}}
}

func ofCompilation(f func(*compile.Compilation)) parts { return of(forgetful{compilation: f}) }

func ofToolchain(f func(*compile.Toolchain)) parts { return of(forgetful{toolchain: f}) }

func ofInputs(f func(*compile.Compilation, *frontend.Inputs)) parts { return of(forgetful{inputs: f}) }

func ofTimes(f func(*frontend.FileInfo)) parts {
	return parts{state: func(s *key.State) {
		s.Adjust = func(fi frontend.FileInfo) frontend.FileInfo {
			f(&fi)
			return fi
		}
	}}
}

// withoutTools drops parts of the toolchain.
func withoutTools(drop func(compile.ToolFile) bool) parts {
	return ofToolchain(func(tc *compile.Toolchain) { tc.Files = slices.DeleteFunc(tc.Files, drop) })
}

// withoutInputs drops inputs.
func withoutInputs(drop func(c *compile.Compilation, path string) bool) parts {
	return ofInputs(func(c *compile.Compilation, in *frontend.Inputs) {
		in.Paths = slices.DeleteFunc(slices.Clone(in.Paths), func(p string) bool { return p != c.Source && drop(c, p) })
	})
}

// withoutNames drops names that must be absent.
func withoutNames(drop func(name string) bool) parts {
	return ofInputs(func(_ *compile.Compilation, in *frontend.Inputs) {
		var groups []compile.AbsentNames
		for _, g := range in.Absent {
			if g.Names = slices.DeleteFunc(slices.Clone(g.Names), drop); len(g.Names) > 0 {
				groups = append(groups, g)
			}
		}
		in.Absent = groups
	})
}

// withoutArgs drops arguments from the recipe.
func withoutArgs(drop func(arg string) bool) parts {
	return ofCompilation(func(c *compile.Compilation) { c.Args = slices.DeleteFunc(slices.Clone(c.Args), drop) })
}

// withoutFacts drops facts.
func withoutFacts(prefix string) parts {
	return ofCompilation(func(c *compile.Compilation) {
		c.Facts = slices.DeleteFunc(slices.Clone(c.Facts), func(f string) bool { return strings.HasPrefix(f, prefix) })
	})
}

// focused makes some changes more often.
func focused(p parts, focus func(*world, int) []op) parts {
	p.focus = func(w *world, n int) []step { return []step{{ops: focus(w, n)}} }
	return p
}

// replacing changes a file that every link, or every compile, uses.
func replacing(path string) func(*world, int) []op {
	return func(_ *world, n int) []op {
		return []op{{kind: "remove", a: "early/cc"}, {kind: "remove", a: "tc/" + rustlib + "/bin/cc"}, {kind: "remove", a: "tc/" + gccLD + "/ld.lld"},
			{kind: "remove", a: "sys/mbin/real-ld"}, {kind: "remove", a: "early/collect2"}, {kind: "replace", a: path, b: string(image(fmt.Sprint("replaced ", n)))}}
	}
}

// plainly gives all crates plain sources, so that they compile, and with them texts for some of them, by name and path.
func plainly(w *world, texts map[string]string) []op {
	var ops []op
	for _, u := range w.units {
		text, ok := texts[u.name]
		if !ok {
			text = "fn plain\n"
			for _, e := range u.externs {
				text = "use " + e + ";\n" + text
			}
		}
		ops = append(ops, op{kind: "write", a: w.path(u, u.root()), b: text}, op{kind: "flags", a: u.name})
	}
	return ops
}

// nativeOf changes the static library that reg bundles, so that nothing but code differs above it.
func nativeOf(w *world, n int) []op {
	ops := plainly(w, map[string]string{"base": "use reg;\nfn plain\n"})
	return append(ops, op{kind: "libs", a: "reg", b: "static=nat"}, op{kind: "libs", a: "app", b: ""}, op{kind: "remove", a: "native/libnat.a"},
		op{kind: "write", a: w.path(w.unit("reg"), "out/libnat.a"), b: fmt.Sprintf("native %d\n", n)})
}

// earlierNative lets another static library appear before the one that was taken.
func earlierNative(w *world, n int) []op {
	ops := nativeOf(w, 0)
	if n%2 == 0 {
		return ops
	}
	return append(ops, op{kind: "write", a: "native/libnat.a", b: "earlier\n"})
}

// earlierShared does it with a library that only the linker looks for.
func earlierShared(w *world, n int) []op {
	ops := append(plainly(w, nil), op{kind: "libs", a: "app", b: "dylib=dyn"}, op{kind: "libs", a: "reg"}, op{kind: "remove", a: "native/libdyn.a"},
		op{kind: "write", a: "sys/lib/libdyn.so", b: "dyn"})
	if n%2 == 0 {
		return append(ops, op{kind: "remove", a: "native/libdyn.so"})
	}
	return append(ops, op{kind: "write", a: "native/libdyn.so", b: "earlier"})
}

// macroReads has the macro read something, and base use it.
func macroReads(action string, change func(w *world, n int) []op) func(*world, int) []op {
	return func(w *world, n int) []op {
		macro := w.units[1].name
		return append(plainly(w, map[string]string{macro: action + "\n", "base": "use " + macro + ";\nderive! " + macro + " A\n", "mid": "use base;\nderive! " + macro + " B\n"}),
			change(w, n)...)
	}
}

// unset alternates between a variable that is not set and an empty one.
func unset(w *world, n int) []op {
	ops := plainly(w, map[string]string{"reg": "option_env!(\"BAR\")\n"})
	if n%2 == 0 {
		return append(ops, op{kind: "setenv", a: "BAR"})
	}
	return append(ops, op{kind: "unset", a: "BAR"})
}

// twin lets the other place of a module's file appear.
func twin(w *world, n int) []op {
	base := w.unit("base")
	ops := append(plainly(w, map[string]string{"base": "mod m0;\n"}), op{kind: "write", a: w.path(base, "src/m0.rs"), b: "fn m0\n"})
	if n%2 == 0 {
		return append(ops, op{kind: "remove", a: w.path(base, "src/m0/mod.rs")})
	}
	return append(ops, op{kind: "write", a: w.path(base, "src/m0/mod.rs"), b: "fn nested\n"})
}

// swapped lets two modules change places.
func swapped(w *world, n int) []op {
	u := w.unit("base")
	return append(plainly(w, map[string]string{"base": "mod m1;\nmod m3;\n"}), op{kind: "write", a: w.path(u, "src/m1.rs"), b: fmt.Sprintf("fn a%d\n", n%2)},
		op{kind: "write", a: w.path(u, "src/m3.rs"), b: fmt.Sprintf("fn a%d\n", 1-n%2)})
}

// otherShared changes that library.
func otherShared(w *world, n int) []op {
	return append(earlierShared(w, 0), op{kind: "replace", a: "sys/lib/libdyn.so", b: fmt.Sprint("dyn ", n)})
}

// including changes a text that mid includes.
func including(w *world, n int) []op {
	return append(plainly(w, map[string]string{"mid": "include_str!(\"../data a.txt\")\n"}), op{kind: "write", a: w.path(w.unit("mid"), "data a.txt"), b: fmt.Sprint(n)})
}

// included changes what a build script made for mid.
func included(w *world, n int) []op {
	return append(plainly(w, map[string]string{"mid": "include!(concat!(env!(\"OUT_DIR\"), \"/g.rs\"));\n"}),
		op{kind: "write", a: w.path(w.unit("mid"), "out/g.rs"), b: fmt.Sprintf("fn made%d\n", n)})
}

// inTurn compiles equal sources in one checkout and the other.
func inTurn(w *world, n int) []op {
	at := w.at
	defer func() { w.at = at }()
	var ops []op
	for w.at = range 2 {
		ops = append(ops, plainly(w, nil)...)
	}
	return append(ops, op{kind: "at", n: n % 2})
}

// sneaking changes a source without changing its size or the time of its last change.
func sneaking(w *world, n int) []step {
	return []step{
		{ops: plainly(w, map[string]string{"mid": "use base;\nfn sneak0\n"})},
		{ops: []op{{kind: "sneak", a: w.path(w.unit("mid"), "src/lib.rs"), b: fmt.Sprintf("use base;\nfn sneak%d\n", 1+n%9)}}},
	}
}

// earlierBeside lets a shared library appear where the program has a static library too.
func earlierBeside(w *world, n int) []op {
	app := w.unit("app")
	return append(earlierShared(w, n), op{kind: "libs", a: "app", b: "static=nat dylib=dyn"}, op{kind: "remove", a: "sys/lib/libdyn.so"},
		op{kind: "write", a: w.path(app, "out/libdyn.a"), b: "archive"}, op{kind: "write", a: w.path(app, "out/libnat.a"), b: "archive"})
}

// blamed changes a file that only a message of another crate quotes, and is not compiled since.
func blamed(w *world, _ int) []step {
	mid := w.unit("mid")
	return []step{
		{ops: plainly(w, map[string]string{"base": "fn quoted\n", "mid": "use base;\nblames! base\n"})},
		{ops: []op{{kind: "write", a: w.path(w.unit("base"), "src/lib.rs"), b: "fn changed\n"}}, only: mid.name},
	}
}

func omissions() []omission {
	isCrate := func(p string) bool {
		return slices.Contains([]string{".rlib", ".rmeta", ".so"}, filepath.Ext(p)) && strings.Contains(p, "/deps/")
	}
	direct := func(c *compile.Compilation, p string) bool { return slices.Contains(c.Args, p) }
	quoting := withoutInputs(func(c *compile.Compilation, p string) bool {
		return strings.HasSuffix(c.Source, "/mid/src/lib.rs") && strings.HasSuffix(p, "/base/src/lib.rs")
	})
	quoting.focus = blamed
	sneaked := ofTimes(func(fi *frontend.FileInfo) { fi.Ctime = fi.Mtime })
	sneaked.focus = sneaking
	return []omission{
		{"crates but those of --extern", focused(ofBoth(func(c *compile.Compilation, p string) bool { return isCrate(p) && !direct(c, p) }), nativeOf)},
		{"all crates", ofBoth(func(_ *compile.Compilation, p string) bool { return isCrate(p) })},
		{"the code of crates", focused(ofBoth(func(_ *compile.Compilation, p string) bool { return filepath.Ext(p) == ".rlib" }), nativeOf)},
		{"libraries of macros", ofBoth(func(_ *compile.Compilation, p string) bool { return isCrate(p) && filepath.Ext(p) == ".so" })},
		{"that an unset variable is not an empty one", focused(parts{invocation: func(inv *compile.Invocation) {
			if _, ok := inv.Getenv("BAR"); !ok {
				inv.Env = append(slices.Clone(inv.Env), "BAR=")
			}
		}}, unset)},
		{"variables of sources", ofInputs(func(_ *compile.Compilation, in *frontend.Inputs) { in.Env = nil })},
		{"all absent names", withoutNames(func(string) bool { return true })},
		{"absent twins of modules", focused(withoutNames(func(n string) bool { return n == "mod.rs" || n == "m0.rs" }), twin)},
		{"absent static libraries", focused(withoutNames(func(n string) bool { return n == "libnat.a" }), earlierNative)},
		{"absent shared libraries", focused(withoutNames(func(n string) bool { return n == "libdyn.so" }), earlierShared)},
		{"absent shared libraries beside static ones", focused(withoutNames(func(n string) bool { return n == "libdyn.so" }), earlierBeside)},
		{"which file holds what", focused(ofInputs(func(_ *compile.Compilation, in *frontend.Inputs) {
			// A key over a bag of contents cannot tell these two: neither can one that has one of them twice.
			m1 := slices.IndexFunc(in.Paths, func(p string) bool { return strings.HasSuffix(p, "/m1.rs") })
			m3 := slices.IndexFunc(in.Paths, func(p string) bool { return strings.HasSuffix(p, "/m3.rs") })
			if m1 >= 0 && m3 >= 0 {
				in.Paths = slices.DeleteFunc(slices.Clone(in.Paths), func(p string) bool { return p == in.Paths[m1] || p == in.Paths[m3] })
			}
		}), swapped)},
		{"modules", withoutInputs(func(_ *compile.Compilation, p string) bool {
			return strings.HasPrefix(filepath.Base(p), "m") && filepath.Ext(p) == ".rs"
		})},
		{"included texts", focused(withoutInputs(func(_ *compile.Compilation, p string) bool { return filepath.Base(p) == "data a.txt" }), including)},
		{"what build scripts made", focused(withoutInputs(func(_ *compile.Compilation, p string) bool { return filepath.Base(p) == "g.rs" }), included)},
		{"static libraries", focused(withoutInputs(func(_ *compile.Compilation, p string) bool { return filepath.Base(p) == "libnat.a" }), nativeOf)},
		{"shared libraries", focused(withoutInputs(func(_ *compile.Compilation, p string) bool { return filepath.Base(p) == "libdyn.so" }), otherShared)},
		{"start files", withoutInputs(func(_ *compile.Compilation, p string) bool { return filepath.Base(p) == "crt1.o" })},
		{"files that messages quote", quoting},
		{"names of paths in metadata", focused(ofInputs(func(_ *compile.Compilation, in *frontend.Inputs) { in.BindPaths = nil }), inTurn)},
		{"variables of macros", focused(withoutFacts("macro-variable"), macroReads("reads_env FOO", func(_ *world, n int) []op {
			return []op{{kind: "setenv", a: "FOO", b: fmt.Sprint(n)}}
		}))},
		{"variables that are noise unless a macro names them", focused(of(forgetful{invocation: func(inv *compile.Invocation) {
			inv.Env = slices.DeleteFunc(slices.Clone(inv.Env), func(kv string) bool { return strings.HasPrefix(kv, "MY_TOKEN=") })
		}}), macroReads("reads_env MY_TOKEN", func(_ *world, n int) []op { return []op{{kind: "setenv", a: "MY_TOKEN", b: fmt.Sprint(n)}} }))},
		{"files that macros read", focused(withoutInputs(func(_ *compile.Compilation, p string) bool { return filepath.Base(p) == "notes.txt" }),
			macroReads("reads_package notes.txt", func(w *world, n int) []op {
				return []op{{kind: "write", a: w.path(w.unit("base"), "notes.txt"), b: fmt.Sprint(n)}}
			}))},
		{"names of files that macros read", focused(withoutFacts("files of"), macroReads("lists_package .", func(w *world, n int) []op {
			return []op{{kind: []string{"write", "remove"}[n%2], a: w.path(w.unit("base"), "new.txt"), b: ""}}
		}))},
		{"the driver", focused(withoutTools(func(f compile.ToolFile) bool { return f.Role == "driver" }), replacing("tc/bin/rustc"))},
		{"the sysroot", focused(withoutTools(func(f compile.ToolFile) bool { return strings.HasPrefix(f.Role, "sysroot") }), replacing("tc/lib/librustc_driver-0123.so"))},
		{"the standard library", focused(withoutTools(func(f compile.ToolFile) bool { return strings.HasPrefix(f.Role, "library of target") }),
			replacing("tc/"+rustlib+"/lib/libstd-0123.rlib"))},
		{"the linker", focused(withoutTools(func(f compile.ToolFile) bool { return f.Role == "ld" }), replacing("sys/libexec/ld"))},
		{"the linker's driver", focused(withoutTools(func(f compile.ToolFile) bool { return f.Role == "linker driver" }), replacing("sys/bin/cc"))},
		{"toolchains after the first question", parts{frontend: func(fe frontend.Frontend) frontend.Frontend {
			return &forgetful{Frontend: fe, first: map[bool]*compile.Toolchain{}}
		}}},
		{"features", withoutArgs(func(a string) bool { return a == "--cfg" || strings.HasPrefix(a, "feature=") })},
		{"options of -C", withoutArgs(func(a string) bool {
			return strings.HasPrefix(a, "opt-level") || strings.HasPrefix(a, "strip") || strings.HasPrefix(a, "debuginfo")
		})},
		{"how outputs are replaced", ofCompilation(func(c *compile.Compilation) {
			for i := range c.Outputs {
				c.Outputs[i].Replaced = false
			}
		})},
		{"that dep-info is written in place", ofCompilation(func(c *compile.Compilation) {
			for i := range c.Outputs {
				c.Outputs[i].Replaced = true
			}
		})},
		{"the umask", parts{invocation: func(inv *compile.Invocation) { inv.Umask = 0o022 }}},
		{"all file times", ofTimes(func(fi *frontend.FileInfo) {
			if fi.Ino != 0 { // the clock has none
				fi.Ctime, fi.Mtime = 1, 1
			}
		})},
		{"change times", sneaked},
		{"changes during the compile", ofTimes(func(fi *frontend.FileInfo) {
			if fi.Ino != 0 {
				fi.Mtime -= int64(time.Hour)
				fi.Ctime -= int64(time.Hour)
			}
		})},
		{"messages", parts{answer: func(a *engine.Answer) {
			if a.Replay != nil {
				a.Replay.Stderr = nil
			}
		}}},
	}
}

// ofBoth drops crates, both where they are looked for and where they are listed after the compile.
func ofBoth(drop func(c *compile.Compilation, path string) bool) parts {
	return of(forgetful{
		compilation: func(c *compile.Compilation) {
			c.Inputs = slices.DeleteFunc(slices.Clone(c.Inputs), func(p string) bool { return drop(c, p) })
		},
		inputs: func(c *compile.Compilation, in *frontend.Inputs) {
			in.Paths = slices.DeleteFunc(slices.Clone(in.Paths), func(p string) bool { return drop(c, p) })
		},
	})
}

// TestFocus plays what omissions are found by with nothing left out.
func TestFocus(t *testing.T) {
	for _, o := range omissions() {
		if o.focus == nil {
			continue
		}
		t.Run(o.name, func(t *testing.T) {
			n := newCounts()
			for seed := range uint64(3) {
				f, err := explore(scratchDir(t)+"/w", 2000+seed, 60, parts{focus: o.focus}, n)
				if err != nil {
					t.Fatal(err)
				}
				if f != nil {
					t.Fatal(f)
				}
			}
			if n.outcomes[compile.Hit] == 0 {
				t.Errorf("no hits: %v", n)
			}
		})
	}
}

// TestOmissions proves that the search can fail: each omission is found.
func TestOmissions(t *testing.T) {
	const within = 3000
	total := 0
	for _, o := range omissions() {
		t.Run(o.name, func(t *testing.T) {
			n := newCounts()
			var f *found
			for seed := uint64(1000); f == nil && n.cases < within; seed++ {
				var err error
				if f, err = explore(scratchDir(t)+"/w", seed, worldCases, o.parts, n); err != nil {
					t.Fatal(err)
				}
			}
			total += n.cases
			if f == nil {
				t.Fatalf("not found in %d cases: %v", n.cases, n)
			}
			t.Logf("wrong %s after %d cases", strings.Replace(filepath.Base(f.wrong.what), f.wrong.inv.Dir, "", 1), n.cases)
		})
	}
	t.Logf("%d cases in all", total)
}
