//go:build unix

package oracle

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
	"github.com/compile-cache/compile-cache-action/internal/key"
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

func ofInputs(f func(*frontend.Inputs)) parts {
	return of(search.Forget{Inputs: func(_ *compile.Compilation, in *frontend.Inputs) { f(in) }})
}

func ofTimes(f func(*frontend.FileInfo)) parts { return parts{Parts: search.OfTimes(f)} }

// ofFacts drops facts that begin so, and what they bind.
func ofFacts(prefix string) parts {
	return of(search.Forget{Afterwards: func(c *compile.Compilation) {
		if search.DropFacts(c, prefix) && c.BindAll == "apparent-directory" {
			c.BindAll = ""
		}
	}})
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
func withoutNames(drop func(name string) bool) parts { return parts{Parts: search.WithoutNames(drop)} }

// focused makes some changes more often.
func focused(p parts, focus func(*world) []op) parts {
	p.focus = focus
	return p
}

// twins makes inc0/a.h and inc1/a.h equal, of the same second or of another one.
func twins(w *world) []op {
	co := fmt.Sprintf("p%d/co/", w.at)
	w.clock++
	source := "#include \"../inc0/a.h\"\n#include \"../inc1/a.h\"\n"
	return []op{
		{kind: "write", a: co + w.source, b: source},
		{kind: "write", a: co + "inc0/a.h", b: "#pragma once\nint twin;\n"}, {kind: "write", a: co + "inc1/a.h", b: "#pragma once\nint twin;\n"},
		{kind: "age", a: co + "inc0/a.h", n: 0}, {kind: "age", a: co + "inc1/a.h", n: 3 * (w.clock % 2)},
	}
}

// otherCheckout compiles in the other checkout, with paths that the object holds but does not show.
func otherCheckout(w *world) []op {
	return []op{{kind: "absolute", n: 1}, {kind: "cwd", a: ""}, {kind: "at", n: 1 - w.at},
		{kind: "flags", list: [][]string{{"-I", "{R}/inc0"}, {"-g"}, {"-flto"}}}}
}

// ownName compiles a file that uses its own name in the other checkout, by absolute path.
func ownName(w *world) []op {
	w.clock++
	text := "int " + strings.Repeat("n", 1+w.clock/2%4) + ";\n__asm__(\".ascii \" __FILE__);\n"
	return []op{{kind: "absolute", n: 1}, {kind: "cwd", a: ""}, {kind: "at", n: 1 - w.at}, {kind: "flags", list: [][]string{{"-I", "{R}/inc0"}}},
		{kind: "source", a: "src/s0.c"}, {kind: "write", a: "p0/co/src/s0.c", b: text}, {kind: "write", a: "p1/co/src/s0.c", b: text}}
}

// appearing lets a search directory come and go.
func appearing(w *world) []op {
	co := fmt.Sprintf("p%d/co/", w.at)
	w.clock++
	ops := []op{{kind: "flags", list: [][]string{{"-I", "{r}/missing"}, {"-I", "{r}/inc0"}}}, {kind: "write", a: co + w.source, b: "#include <a.h>\n"},
		{kind: "rename", a: co + "missing", b: co + fmt.Sprint("gone", w.clock)}}
	if w.clock%2 == 0 {
		ops = append(ops, op{kind: "write", a: co + "missing/a.h", b: fmt.Sprintf("int appeared_%d;\n", w.clock)})
	}
	return ops
}

// quoted changes a file that only a message quotes.
func quoted(w *world) []op {
	co := fmt.Sprintf("p%d/co/", w.at)
	w.clock++
	return []op{{kind: "cwd", a: ""}, {kind: "flags", list: [][]string{{"-I", "{r}/inc0"}}},
		{kind: "write", a: co + w.source, b: "#line 4 \"data/p.y\"\n#warning from another file\n"},
		{kind: "write", a: co + "data/p.y", b: fmt.Sprintf("1\n2\n3\n4 %d\n", w.clock%4)}}
}

// replacing changes a file of the toolchain, which is used.
func replacing(path string) func(*world) []op {
	return func(w *world) []op {
		w.clock++
		return []op{{kind: "driver", a: "gcc"}, {kind: "source", a: "src/s0.c"}, {kind: "link", a: "cur", b: "tc0"},
			{kind: "replace", a: path, b: string(Image(fmt.Sprint("replaced ", w.clock)))}}
	}
}

// hasty writes a header twice in quick succession and then leaves it alone for a while; sizes are equal.
func hasty(w *world) []op {
	co := fmt.Sprintf("p%d/co/", w.at)
	ops := []op{{kind: "source", a: "src/s0.c"}, {kind: "cwd", a: ""}, {kind: "flags", list: [][]string{{"-I", "{r}/inc0"}}}}
	turn, phase := w.clock/8, w.clock%8
	if phase < 2 {
		ops = append(ops, op{kind: "write", a: co + "src/s0.c", b: fmt.Sprintf("int version_%d;\n", (turn+phase)%2)})
	}
	w.clock++
	return ops
}

// links makes a search directory another name of a second one, or not, while all headers are equal.
func links(w *world) []op {
	co := fmt.Sprintf("p%d/co/", w.at)
	w.clock++
	text := "int same;\n"
	ops := []op{{kind: "flags", list: [][]string{{"-MD"}, {"-I", "{r}/link"}, {"-I", "{r}/inc1"}, {"-I", "{r}/inc0"}, {"-isystem", "{r}/inc1"}}},
		{kind: "write", a: co + w.source, b: "#include <a.h>\n"}, {kind: "link", a: co + "link", b: fmt.Sprintf("inc%d", w.clock%2)}}
	for _, d := range []string{"inc0", "inc1"} {
		ops = append(ops, op{kind: "write", a: co + d + "/a.h", b: text})
	}
	return ops
}

// apparent reaches the working directory through a link, or not, with debug information.
func apparent(w *world) []op {
	w.clock++
	return []op{{kind: "cwd", a: ""}, {kind: "link", a: "here", b: fmt.Sprintf("p%d", w.at)},
		{kind: "flags", list: [][]string{{"-I", "{r}/inc0"}, {"-g"}}},
		{kind: "setenv", a: "PWD", b: []string{"{R}", "{W}/here/co"}[w.clock%2]}}
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
		{"absent search directories", focused(withoutNames(func(n string) bool { return n == "missing" }), appearing)},
		{"the last input", withoutInput(func(i int, p string) bool { return strings.HasSuffix(p, "/e.h") })},
		{"files of the assembler", withoutInput(base("blob.bin"))},
		{"files that messages quote", focused(withoutInput(base("p.y")), quoted)},
		{"files of -imacros", withoutInput(base("m.h"))},
		{"#pragma once twins", focused(ofInputs(func(in *frontend.Inputs) { in.Once = nil }), twins)},
		{"the reasons of inputs to bind", focused(ofInputs(func(in *frontend.Inputs) { in.BindAll = "" }), ownName)},
		{"the reasons of options to bind", focused(ofCompilation(func(c *compile.Compilation) { c.BindAll = "" }), otherCheckout)},
		{"which search directories are one", focused(ofFacts("search directory"), links)},
		{"the apparent directory", focused(ofFacts("apparent directory"), apparent)},
		{"the assembler", focused(withoutTool("as"), replacing("bin/as"))},
		{"the compiler proper", focused(withoutTool("cc1"), replacing("tc0/"+ProgramDir+"/cc1"))},
		{"the driver", focused(withoutTool("driver"), replacing("tc0/bin/gcc"))},
		{"specs", focused(withoutTool("specs"), replacing("tc0/"+LibDir+"/specs"))},
		{"toolchains after the first question", of(search.Forget{Tools: func(c *compile.Compilation) string { return c.Program + c.Language }})},
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
		{"the terminal", parts{Parts: search.Parts{Invocation: func(inv *compile.Invocation) { inv.Columns = 0 }}}},
		{"the umask", parts{Parts: search.Parts{Invocation: func(inv *compile.Invocation) { inv.Umask = 0o022 }}}},
		{"change times", ofTimes(func(fi *frontend.FileInfo) { fi.Ctime = fi.Mtime })},
		{"all file times", ofTimes(func(fi *frontend.FileInfo) {
			if fi.Ino != 0 { // the clock has none
				fi.Ctime, fi.Mtime = 1, 1
			}
		})},
		{"that times are coarse", focused(parts{Parts: search.Parts{Tick: 40 * time.Millisecond, State: func(s *key.State) { s.Fine = true }}}, hasty)},
		{"changes during the compile", ofTimes(func(fi *frontend.FileInfo) {
			if fi.Ino != 0 {
				fi.Mtime -= int64(time.Hour)
				fi.Ctime -= int64(time.Hour)
			}
		})},
		{"other writers of an output", parts{apart: true}},
		{"messages that were cut", parts{believed: true}},
		{"messages", parts{Parts: search.Parts{Answer: func(a *engine.Answer) {
			if a.Replay != nil {
				a.Replay.Stderr = nil
			}
		}}}},
	}
}

// TestOmissions proves that the search can fail: each omission is found.
func TestOmissions(t *testing.T) {
	total := 0
	for _, o := range omissions() {
		t.Run(o.name, func(t *testing.T) {
			f, n := searching(o.parts).Find(t, worldSteps)
			total += n.Cases
			t.Logf("wrong %s after %d cases", filepath.Base(f.Wrong.What), n.Cases)
		})
	}
	t.Logf("%d cases in all", total)
}
