//go:build unix

package rustoracle

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/engine"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/oracle/search"
)

// omission is a deliberate fault: one thing that the cache must heed is not heeded.
type omission struct {
	name string
	parts
}

func of(f search.Forget) parts { return parts{Parts: f.Parts()} }

func ofCompilation(f func(*compile.Compilation)) parts { return of(search.Forget{Compilation: f}) }

func ofToolchain(f func(*compile.Toolchain)) parts { return of(search.Forget{Toolchain: f}) }

func ofInputs(f func(*compile.Compilation, *frontend.Inputs)) parts {
	return of(search.Forget{Inputs: f})
}

func ofTimes(f func(*frontend.FileInfo)) parts { return parts{Parts: search.OfTimes(f)} }

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
func withoutNames(drop func(name string) bool) parts { return parts{Parts: search.WithoutNames(drop)} }

// withoutArgs drops arguments from the recipe.
func withoutArgs(drop func(arg string) bool) parts {
	return ofCompilation(func(c *compile.Compilation) { c.Args = slices.DeleteFunc(slices.Clone(c.Args), drop) })
}

// withoutFacts drops facts.
func withoutFacts(prefix string) parts {
	return ofCompilation(func(c *compile.Compilation) { search.DropFacts(c, prefix) })
}

// focused makes some changes more often.
func focused(p parts, focus func(*world, int) []op) parts {
	p.focus = func(w *world, n int) []step { return []step{{ops: focus(w, n)}} }
	return p
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
		{"that an unset variable is not an empty one", focused(parts{Parts: search.Parts{Invocation: func(inv *compile.Invocation) {
			if _, ok := inv.Getenv("BAR"); !ok {
				inv.Env = append(slices.Clone(inv.Env), "BAR=")
			}
		}}}, unset)},
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
		{"variables of macros", focused(withoutFacts("macro-variable"), macroReads("reads_env FOO", func(_ *world, n int) []op {
			return []op{{kind: "setenv", a: "FOO", b: fmt.Sprint(n)}}
		}))},
		{"variables that are noise unless a macro names them", focused(of(search.Forget{Invocation: func(inv *compile.Invocation) {
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
		{"toolchains after the first question", of(search.Forget{Tools: func(c *compile.Compilation) string {
			links := !slices.ContainsFunc(c.Outputs, func(o compile.Output) bool { return o.Role == "metadata" })
			return fmt.Sprint(links)
		}})},
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
		{"the umask", parts{Parts: search.Parts{Invocation: func(inv *compile.Invocation) { inv.Umask = 0o022 }}}},
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
		{"messages", parts{Parts: search.Parts{Answer: func(a *engine.Answer) {
			if a.Replay != nil {
				a.Replay.Stderr = nil
			}
		}}}},
	}
}

// ofBoth drops crates, both where they are looked for and where they are listed after the compile.
func ofBoth(drop func(c *compile.Compilation, path string) bool) parts {
	return of(search.Forget{
		Compilation: func(c *compile.Compilation) {
			c.Inputs = slices.DeleteFunc(slices.Clone(c.Inputs), func(p string) bool { return drop(c, p) })
		},
		Inputs: func(c *compile.Compilation, in *frontend.Inputs) {
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
			n := search.NewCounts()
			for seed := range uint64(3) {
				f, err := searching(parts{focus: o.focus}).Explore(search.ScratchDir(t)+"/w", 2000+seed, 66, n)
				if err != nil {
					t.Fatal(err)
				}
				if f != nil {
					t.Fatal(f)
				}
			}
			if hits, _ := n.HitsAndMisses(); hits == 0 {
				t.Errorf("no hits: %v", n)
			}
		})
	}
}

// TestOmissions proves that the search can fail: each omission is found.
func TestOmissions(t *testing.T) {
	total := 0
	for _, o := range omissions() {
		t.Run(o.name, func(t *testing.T) {
			f, n := searching(o.parts).Find(t, worldCases)
			total += n.Cases
			t.Logf("wrong %s after %d cases", strings.Replace(filepath.Base(f.Wrong.What), f.Wrong.Invocation.Dir, "", 1), n.Cases)
		})
	}
	t.Logf("%d cases in all", total)
}
