//go:build unix

package rustoracle

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/oracle"
	"github.com/compile-cache/compile-cache-action/internal/oracle/search"
)

// op is one change of a world. Ops are plain data, so that a history can be replayed with some of it left out; what cannot be done
// then is not done.
type op struct {
	kind string
	a, b string // paths below the world's directory, names, values
	n    int
}

func (o op) change() search.Change { return search.Change{Kind: o.kind, A: o.a, B: o.b, N: o.n} }

func (o op) String() string { return o.change().String() }

// apply makes the change.
func (w *world) apply(o op) {
	if o.change().Apply(w.dir, time.Now()) {
		return
	}
	switch o.kind {
	case "setenv":
		w.env.Set(o.a, o.b)
	case "unset":
		w.env.Unset(o.a)
	case "at":
		w.at = o.n
	case "umask":
		w.umask = uint32(o.n)
	case "restart":
		w.restarts++
	case "feature":
		w.unit(o.a).features = o.n != 0
	case "metadata":
		w.unit(o.a).meta = o.n
	case "flags":
		w.unit(o.a).flags = strings.Fields(o.b)
	case "libs":
		w.unit(o.a).libs = strings.Fields(o.b)
	}
}

// step is what happens before the crates are compiled, and during the compile of one of them.
type step struct {
	ops    []op
	only   string // the one crate that is compiled; "" for all, in order
	racing string // the crate in whose compile during happens
	during map[oracle.Moment][]op
	stale  string // what becomes of old outputs: "" kept, "removed", "other mode"
}

func (s step) String() string {
	var parts []string
	for _, o := range s.ops {
		parts = append(parts, o.String())
	}
	for _, m := range []oracle.Moment{oracle.Started, oracle.Opened, oracle.Read, oracle.Written} {
		for _, o := range s.during[m] {
			parts = append(parts, s.racing+" "+string(m)+": "+o.String())
		}
	}
	if s.only != "" {
		parts = append(parts, "only "+s.only)
	}
	if s.stale != "" {
		parts = append(parts, "outputs "+s.stale)
	}
	return "{" + strings.Join(parts, "; ") + "}"
}

// Without implements search.Step: parts are the changes, and last what becomes of old outputs.
func (s step) Without(i int) (step, bool) {
	switch {
	case i < len(s.ops):
		s.ops = slices.Delete(slices.Clone(s.ops), i, i+1)
	case i == len(s.ops) && s.stale != "":
		s.stale = ""
	default:
		return s, false
	}
	return s, true
}

// choose makes up the next steps, most often one.
func (w *world) choose(rng *rand.Rand) []step {
	s := step{stale: []string{"", "", "removed", "other mode"}[rng.IntN(4)]}
	if rng.IntN(6) == 0 {
		s.only = w.units[rng.IntN(len(w.units))].name
	}
	if rng.IntN(12) == 0 {
		return w.chooseDuring(rng, s)
	}
	for range 1 + rng.IntN(2)*rng.IntN(2) {
		s.ops = append(s.ops, w.chooseOps(rng)...)
	}
	return []step{s}
}

// chooseDuring changes a file in the middle of a compile, and often changes it back. The crate is made new first, so that the compiler
// runs.
func (w *world) chooseDuring(rng *rand.Rand, s step) []step {
	u := w.units[rng.IntN(len(w.units))]
	files := u.files()
	name := files[rng.IntN(len(files))]
	p := w.path(u, name)
	text := w.chooseText(rng, u, name)
	if rng.IntN(5) == 0 {
		p, text = "tc/lib/libLLVM.so.22.1-rust-1.95.0", fmt.Sprintf("llvm %d", rng.IntN(3))
	}
	old, err := os.ReadFile(filepath.Join(w.dir, p))
	if err != nil {
		// Of a file that was there for a moment, where there was none, rustc's list tells only if it was read.
		return []step{s}
	}
	s.racing = u.name
	s.ops = append(s.ops, op{kind: "flags", a: u.name, b: fmt.Sprintf("-C opt-level=%d", 10+rng.IntN(1000))})
	s.during = map[oracle.Moment][]op{[]oracle.Moment{oracle.Started, oracle.Opened}[rng.IntN(2)]: {{kind: []string{"write", "replace"}[rng.IntN(2)], a: p, b: text}}}
	if rng.IntN(4) > 0 {
		s.during[[]oracle.Moment{oracle.Read, oracle.Written}[rng.IntN(2)]] = []op{{kind: "write", a: p, b: string(old)}}
	}
	return []step{s, {}, {ops: []op{{kind: "flags", a: u.name}}}}
}

// chooseText returns new content for a file: often one that it had before.
func (w *world) chooseText(rng *rand.Rand, u *unit, name string) string {
	id := u.name + name
	known := w.contents[id]
	if b, err := os.ReadFile(filepath.Join(w.dir, w.path(u, name))); err == nil && !slices.Contains(known, string(b)) {
		known = append(known, string(b))
	}
	if len(known) > 1 && rng.IntN(10) < 7 || len(known) > 6 {
		return known[rng.IntN(len(known))]
	}
	text := w.text(rng, u, name)
	w.contents[id] = append(known, text)
	return text
}

var variablePool = [][2]string{
	{"FOO", "1"}, {"FOO", "2"}, {"FOO", ""}, {"FOO", "a\\b\nc"}, {"FOO", "{R}/x"}, {"BAR", ""}, {"BAR", "1"}, {"TERM", "xterm"}, {"TERM", "dumb"},
	{"MY_TOKEN", "1"}, {"MY_TOKEN", "2"}, {"LANG", "de_DE"}, {"RUSTC_BOOTSTRAP", "1"}, {"PATH", "{W}/early:{W}/sys/bin"}, {"PATH", "{W}/sys/bin:{W}/early"},
	{"LIBRARY_PATH", "{W}/early"}, {"COMPILER_PATH", "{W}/early"},
}

// both returns an op on a file of the present checkout, most often with the same op in the other one.
func (w *world) both(rng *rand.Rand, o op) []op {
	other, there := o, o.change().InOtherCheckout(w.at)
	other.a, other.b = there.A, there.B
	if rng.IntN(3) == 0 || other.a == o.a {
		return []op{o}
	}
	return []op{o, other}
}

// chooseOps makes up one change.
func (w *world) chooseOps(rng *rand.Rand) []op {
	one := func(o op) []op { return []op{o} }
	u := w.units[rng.IntN(len(w.units))]
	files := u.files()
	switch n := rng.IntN(100); {
	case n < 40:
		name := files[rng.IntN(len(files))]
		p := w.path(u, name)
		if optional(name) && rng.IntN(2) == 0 || name == "src/m0/mod.rs" && rng.IntN(3) > 0 {
			return w.both(rng, op{kind: "remove", a: p})
		}
		kind := []string{"write", "write", "replace", "sneak"}[rng.IntN(4)]
		return w.both(rng, op{kind: kind, a: p, b: w.chooseText(rng, u, name)})
	case n < 44:
		return w.both(rng, op{kind: "swap", a: w.path(u, "src/m0.rs"), b: w.path(u, "src/m1.rs")})
	case n < 47:
		name := []string{"shared.txt", "shared.txt", "Cargo.toml"}[rng.IntN(3)]
		return w.both(rng, op{kind: "write", a: w.fill("{p}/") + name, b: fmt.Sprintf("shared %d\n", rng.IntN(2))})
	case n < 57:
		v := variablePool[rng.IntN(len(variablePool))]
		return one(op{kind: "setenv", a: v[0], b: v[1]})
	case n < 63:
		name := w.env.Names[rng.IntN(len(w.env.Names))]
		if name == "PATH" {
			return nil
		}
		return one(op{kind: "unset", a: name})
	case n < 68:
		return one(op{kind: "feature", a: u.name, n: rng.IntN(2)})
	case n < 71:
		return one(op{kind: "metadata", a: u.name, n: rng.IntN(3)})
	case n < 75:
		return one(op{kind: "flags", a: u.name, b: []string{"", "-C opt-level=3", "-C strip=symbols", "-C lto=fat", "--remap-path-prefix={R}=/ws", "--remap-path-prefix={W}=/w"}[rng.IntN(6)]})
	case n < 77:
		if !u.native {
			return nil
		}
		return one(op{kind: "libs", a: u.name, b: []string{"", "static=nat", "dylib=dyn", "static=nat dylib=dyn", "dyn"}[rng.IntN(5)]})
	case n < 82:
		p := []string{"native/libnat.a", "native/libdyn.so", "native/libdyn.a", "sys/lib/libdyn.so", "sys/lib/libdyn.a", "early/libdyn.so"}[rng.IntN(6)]
		return one(op{kind: []string{"write", "remove"}[rng.IntN(2)], a: p, b: fmt.Sprintf("found first %d\n", rng.IntN(2))})
	case n < 86:
		return w.chooseTool(rng)
	case n < 93:
		return one(op{kind: "at", n: 1 - w.at})
	case n < 95:
		return one(op{kind: "umask", n: []int{0o022, 0o077, 0o002, 0}[rng.IntN(4)]})
	case n < 97:
		return one(op{kind: "clean", a: w.fill("{p}/target/debug/deps"), n: rng.IntN(3)})
	case n < 98:
		return one(op{kind: "touch", a: w.path(u, u.root())})
	default:
		return one(op{kind: "restart"})
	}
}

// chooseTool changes a part of the compiler or of the linker.
func (w *world) chooseTool(rng *rand.Rand) []op {
	version := 1 + rng.IntN(3)
	kind := []string{"write", "replace"}[rng.IntN(2)]
	image := func(name string) string { return string(image(fmt.Sprint(name, " ", version))) }
	switch rng.IntN(12) {
	case 0:
		return []op{{kind: kind, a: "tc/bin/rustc", b: image("rustc")}}
	case 1:
		return []op{{kind: kind, a: "tc/lib/libLLVM.so.22.1-rust-1.95.0", b: fmt.Sprint("llvm ", version)}}
	case 2:
		return []op{{kind: kind, a: "tc/" + rustlib + "/lib/libstd-0123.rlib", b: fmt.Sprint("std ", version)}}
	case 3:
		return []op{{kind: []string{kind, "remove"}[rng.IntN(2)], a: "tc/" + gccLD + "/ld.lld", b: image("lld")}}
	case 4:
		return []op{{kind: kind, a: "sys/libexec/ld", b: image("ld")}}
	case 5:
		return []op{{kind: []string{kind, "remove"}[rng.IntN(2)], a: "early/cc", b: image("early cc")}}
	case 6:
		return []op{{kind: kind, a: "sys/lib/crt1.o", b: fmt.Sprint("start ", version)}}
	case 7:
		return []op{{kind: kind, a: "sys/lib/libc.so", b: fmt.Sprint("libc ", version)}}
	case 8:
		return []op{{kind: []string{kind, "remove"}[rng.IntN(2)], a: "sys/mbin/real-ld", b: image("real")}}
	case 9:
		return []op{{kind: []string{kind, "remove"}[rng.IntN(2)], a: "early/" + []string{"ld", "collect2", "crt1.o", "libc.so"}[rng.IntN(4)], b: image("early")}}
	case 10:
		return []op{{kind: []string{kind, "remove"}[rng.IntN(2)], a: "tc/" + rustlib + "/bin/cc", b: image("rustc's cc")}}
	default:
		return []op{{kind: kind, a: "sys/bin/cc", b: image("cc")}}
	}
}
