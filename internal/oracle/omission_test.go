//go:build unix

package oracle

import (
	"context"
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
	compilation func(*compile.Compilation)
	toolchain   func(*compile.Toolchain)
	inputs      func(*frontend.Inputs)
	afterwards  func(*compile.Compilation)
	first       map[string]*compile.Toolchain // if not nil, toolchains are never asked for again
}

func (f *forgetful) Parse(inv *compile.Invocation, files frontend.Files) (*compile.Compilation, *compile.Decline) {
	c, d := f.Frontend.Parse(inv, files)
	if c != nil && f.compilation != nil {
		f.compilation(c)
	}
	return c, d
}

func (f *forgetful) Toolchain(ctx context.Context, c *compile.Compilation, files frontend.Files, ask frontend.Prober) (*compile.Toolchain, error) {
	id := c.Program + c.Language
	if tc := f.first[id]; tc != nil {
		return tc, nil
	}
	tc, err := f.Frontend.Toolchain(ctx, c, files, ask)
	if err != nil {
		return nil, err
	}
	if f.first != nil {
		f.first[id] = tc
	}
	if f.afterwards != nil {
		f.afterwards(c)
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
		f.inputs(in)
	}
	return in, err
}

func ofCompilation(f func(*compile.Compilation)) parts {
	return parts{frontend: func(fe frontend.Frontend) frontend.Frontend { return &forgetful{Frontend: fe, compilation: f} }}
}

func ofToolchain(f func(*compile.Toolchain)) parts {
	return parts{frontend: func(fe frontend.Frontend) frontend.Frontend { return &forgetful{Frontend: fe, toolchain: f} }}
}

func ofInputs(f func(*frontend.Inputs)) parts {
	return parts{frontend: func(fe frontend.Frontend) frontend.Frontend { return &forgetful{Frontend: fe, inputs: f} }}
}

func ofTimes(f func(*frontend.FileInfo)) parts {
	return parts{state: func(s *key.State) {
		s.Adjust = func(fi frontend.FileInfo) frontend.FileInfo {
			f(&fi)
			return fi
		}
	}}
}

// ofFacts drops facts that begin so, and what they bind.
func ofFacts(prefix string) parts {
	drop := func(c *compile.Compilation) {
		n := len(c.Facts)
		c.Facts = slices.DeleteFunc(slices.Clone(c.Facts), func(f string) bool { return strings.HasPrefix(f, prefix) })
		if len(c.Facts) < n && c.BindAll == "apparent-directory" {
			c.BindAll = ""
		}
	}
	return parts{frontend: func(fe frontend.Frontend) frontend.Frontend { return &forgetful{Frontend: fe, afterwards: drop} }}
}

// withoutTool drops a part of the toolchain.
func withoutTool(role string) parts {
	return ofToolchain(func(tc *compile.Toolchain) {
		tc.Files = slices.DeleteFunc(tc.Files, func(f compile.ToolFile) bool { return f.Role == role })
	})
}

// withoutInput drops inputs by name, and with them what counts them.
func withoutInput(drop func(index int, path string) bool) parts {
	return ofInputs(func(in *frontend.Inputs) {
		var paths []string
		var once []int
		for i, p := range in.Paths {
			if drop(i, p) {
				continue
			}
			if slices.Contains(in.Once, i) {
				once = append(once, len(paths))
			}
			paths = append(paths, p)
		}
		in.Paths, in.Once = paths, once
	})
}

// withoutNames drops names that must be absent.
func withoutNames(drop func(name string) bool) parts {
	return ofInputs(func(in *frontend.Inputs) {
		var groups []compile.AbsentNames
		for _, g := range in.Absent {
			g.Names = slices.DeleteFunc(slices.Clone(g.Names), drop)
			if len(g.Names) > 0 {
				groups = append(groups, g)
			}
		}
		in.Absent = groups
	})
}

func withoutVariables(names ...string) parts {
	return ofCompilation(func(c *compile.Compilation) {
		c.EnvNames = slices.DeleteFunc(slices.Clone(c.EnvNames), func(n string) bool { return slices.Contains(names, n) })
	})
}

func omissions() []omission {
	base := func(names ...string) func(int, string) bool {
		return func(i int, p string) bool { return i > 0 && slices.Contains(names, filepath.Base(p)) }
	}
	return []omission{
		{"all absent names", withoutNames(func(string) bool { return true })},
		{"absent names of __has_include", withoutNames(func(n string) bool { return n == "opt.h" || n == "rare.h" })},
		{"absent precompiled headers", withoutNames(func(n string) bool { return strings.HasSuffix(n, ".gch") })},
		{"absent search directories", withoutNames(func(n string) bool { return n == "missing" })},
		{"the last input", withoutInput(func(i int, p string) bool { return strings.HasSuffix(p, "/e.h") })},
		{"files of the assembler", withoutInput(base("blob.bin"))},
		{"files that messages quote", withoutInput(base("p.y"))},
		{"files of -imacros", withoutInput(base("m.h"))},
		{"#pragma once twins", ofInputs(func(in *frontend.Inputs) { in.Once = nil })},
		{"the reasons of inputs to bind", ofInputs(func(in *frontend.Inputs) { in.BindAll = "" })},
		{"the reasons of options to bind", ofCompilation(func(c *compile.Compilation) { c.BindAll = "" })},
		{"which search directories are one", ofFacts("search directory")},
		{"the apparent directory", ofFacts("apparent directory")},
		{"the assembler", withoutTool("as")},
		{"the compiler proper", withoutTool("cc1")},
		{"the driver", withoutTool("driver")},
		{"specs", withoutTool("specs")},
		{"toolchains after the first question", parts{frontend: func(fe frontend.Frontend) frontend.Frontend {
			return &forgetful{Frontend: fe, first: map[string]*compile.Toolchain{}}
		}}},
		{"the locale", withoutVariables("LANG", "LC_ALL", "LC_MESSAGES", "LANGUAGE")},
		{"SOURCE_DATE_EPOCH", withoutVariables("SOURCE_DATE_EPOCH")},
		{"CPATH", ofCompilation(func(c *compile.Compilation) {
			c.EnvNames = slices.DeleteFunc(slices.Clone(c.EnvNames), func(n string) bool { return strings.HasSuffix(n, "PATH") })
		})},
		{"-D", ofCompilation(func(c *compile.Compilation) {
			c.Args = slices.DeleteFunc(slices.Clone(c.Args), func(a string) bool { return strings.HasPrefix(a, "-D") })
		})},
		{"the order of options", ofCompilation(func(c *compile.Compilation) {
			c.Args = slices.Clone(c.Args)
			slices.Sort(c.Args)
		})},
		{"side outputs", ofCompilation(func(c *compile.Compilation) {
			c.Outputs = slices.DeleteFunc(slices.Clone(c.Outputs), func(o compile.Output) bool { return o.Optional })
		})},
		{"how outputs are replaced", ofCompilation(func(c *compile.Compilation) {
			for i := range c.Outputs {
				c.Outputs[i].Replaced = false
			}
		})},
		{"the terminal", parts{invocation: func(inv *compile.Invocation) { inv.Columns = 0 }}},
		{"the umask", parts{invocation: func(inv *compile.Invocation) { inv.Umask = 0o022 }}},
		{"change times", ofTimes(func(fi *frontend.FileInfo) { fi.Ctime = fi.Mtime })},
		{"all file times", ofTimes(func(fi *frontend.FileInfo) {
			if fi.Ino != 0 { // the clock has none
				fi.Ctime, fi.Mtime = 1, 1
			}
		})},
		{"that times are coarse", parts{tick: 10 * time.Millisecond, state: func(s *key.State) { s.Fine = true }}},
		{"changes during the compile", ofTimes(func(fi *frontend.FileInfo) {
			if fi.Ino != 0 {
				fi.Mtime -= int64(time.Hour)
				fi.Ctime -= int64(time.Hour)
			}
		})},
		{"other writers of an output", parts{apart: true}},
		{"messages that were cut", parts{believed: true}},
		{"messages", parts{answer: func(a *engine.Answer) {
			if a.Replay != nil {
				a.Replay.Stderr = nil
			}
		}}},
	}
}

// TestOmissions proves that the search can fail: each omission is found.
func TestOmissions(t *testing.T) {
	const within = 3000
	total := 0
	for _, o := range omissions() {
		t.Run(o.name, func(t *testing.T) {
			n := newCounts()
			var f *failure
			for seed := uint64(1000); f == nil && n.cases < within; seed++ {
				var err error
				if f, err = explore(t.TempDir()+"/w", seed, worldSteps, o.parts, n); err != nil {
					t.Fatal(err)
				}
			}
			total += n.cases
			if f == nil {
				t.Fatalf("not found in %d cases: %v", n.cases, n)
			}
			t.Logf("wrong %s after %d cases", filepath.Base(f.wrong.what), n.cases)
		})
	}
	t.Logf("%d cases in all", total)
}
