//go:build unix

package oracle

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// chooseHeader returns a header of the present checkout, which may not exist.
func (w *world) chooseHeader(rng *rand.Rand) string {
	co := fmt.Sprintf("p%d/co/", w.at)
	name := headers[rng.IntN(len(headers))]
	if rng.IntN(5) == 0 {
		name = optional[rng.IntN(len(optional))]
	}
	return co + headerDirs[rng.IntN(len(headerDirs))] + "/" + name
}

// existing returns a header that is there.
func (w *world) existing(rng *rand.Rand) string {
	for range 20 {
		p := w.chooseHeader(rng)
		if _, err := os.Stat(filepath.Join(w.dir, p)); err == nil {
			return p
		}
	}
	return fmt.Sprintf("p%d/co/inc0/a.h", w.at)
}

// chooseText returns new content for a file: half of the time one that it or a namesake had before.
func (w *world) chooseText(rng *rand.Rand, p string) string {
	base := filepath.Base(p)
	known := w.contents[base]
	if b, err := os.ReadFile(filepath.Join(w.dir, p)); err == nil && !slices.Contains(known, string(b)) {
		known = append(known, string(b))
	}
	if len(known) > 1 && rng.IntN(10) < 7 || len(known) > 6 {
		return known[rng.IntN(len(known))]
	}
	var text string
	switch {
	case strings.HasPrefix(base, "s") && slices.Contains(sources, "src/"+base):
		text = sourceText(rng)
	case strings.HasSuffix(base, ".bin"):
		text = fmt.Sprintf("blob %d\n", rng.IntN(3))
	case base == "p.y":
		text = fmt.Sprintf("%%%%\n//\n//\n// four %d\n// five %d\n", rng.IntN(2), rng.IntN(2))
	case base == "flags.rsp":
		text = []string{"-DRSP=1\n", "-DRSP=2\n", "-I inc1\n-DFLAG0", "-I../inc2"}[rng.IntN(4)]
	case base == "m.h":
		text = fmt.Sprintf("#define FROM_M %d\n", rng.IntN(2))
	default:
		number := len(headers) - 1
		for i, h := range headers {
			if filepath.Base(h) == base {
				number = i
			}
		}
		text = headerText(rng, number)
	}
	w.contents[base] = append(known, text)
	return text
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

var variablePool = [][2]string{
	{"LANG", "de_DE"}, {"LC_ALL", "fr_FR"}, {"LC_ALL", ""}, {"LC_MESSAGES", "it_IT"}, {"LANGUAGE", "nl"},
	{"CPATH", "{R}/inc1"}, {"CPATH", ""}, {"CPATH", "{R}/inc2:"}, {"C_INCLUDE_PATH", "{R}/sys"}, {"CPLUS_INCLUDE_PATH", "{R}/sys"},
	{"SOURCE_DATE_EPOCH", "1"}, {"SOURCE_DATE_EPOCH", "1000000000"}, {"GCC_COLORS", "error=1"}, {"GCC_COLORS", ""},
	{"TERM", "xterm"}, {"TERM", "dumb"}, {"COLUMNS", "70"}, {"COMPILER_PATH", "{W}/early"}, {"GLIBC_TUNABLES", "a=1"},
	{"LIBRARY_PATH", "{W}/early"}, {"PATH", "{W}/bin"}, {"PATH", "{W}/early:{W}/bin"}, {"PATH", "{W}/bin:{W}/early"},
	{"FOO", "1"}, {"FOO", "2"}, {"MAKEFLAGS", "-j"}, {"HOME", "{W}/home"}, {"HOME", "{R}"}, {"GITHUB_WORKSPACE", "{R}"},
	{"PWD", "{R}"}, {"PWD", "{W}/here/co"}, {"PWD", "{W}/here/co/build"}, {"PWD", "/nowhere"}, {"LD_PRELOAD", "/x.so"},
}

// chooseOps makes up one change.
func (w *world) chooseOps(rng *rand.Rand) []op {
	co := fmt.Sprintf("p%d/co/", w.at)
	one := func(o op) []op { return []op{o} }
	switch n := rng.IntN(100); {
	case n < 16: // edit, add or shadow a header
		p := w.chooseHeader(rng)
		return w.both(rng, op{kind: []string{"write", "replace"}[rng.IntN(2)], a: p, b: w.chooseText(rng, p)})
	case n < 19:
		p := co + w.source
		return w.both(rng, op{kind: "write", a: p, b: w.chooseText(rng, p)})
	case n < 24:
		p := co + []string{"inc0/blob.bin", "inc0/blob.bin", "inc1/blob.bin", "build/blob.bin", "blob.bin", "nested/blob.bin", "data/p.y", "data/p.y", "data/p.y",
			"src/flags.rsp", "src/m.h", "src/m.h", "src/m.h"}[rng.IntN(13)]
		return w.both(rng, op{kind: "write", a: p, b: w.chooseText(rng, p)})
	case n < 28:
		p := w.existing(rng)
		if rng.IntN(4) == 0 {
			p = co + []string{"blob.bin", "build/blob.bin", "inc1/blob.bin"}[rng.IntN(3)]
		}
		if strings.HasPrefix(p, co+"inc0/") {
			p = co + "inc1/a.h"
		}
		return w.both(rng, op{kind: "remove", a: p})
	case n < 30:
		return one(op{kind: "touch", a: w.existing(rng)})
	case n < 31:
		return one(op{kind: "chmod", a: w.existing(rng), n: []int{0o644, 0o600, 0o755}[rng.IntN(3)]})
	case n < 34: // a name's number changes: same size
		p := w.existing(rng)
		text := readText(w, p)
		changed := strings.NewReplacer("_0;", "_1;", "_1;", "_2;", "_2;", "_3;", "_3;", "_0;").Replace(text)
		return one(op{kind: "sneak", a: p, b: changed})
	case n < 38: // times, and with them which files are twins
		a := op{kind: "age", a: co + "inc0/a.h", n: rng.IntN(6)}
		b := op{kind: "age", a: co + "inc1/a.h", n: rng.IntN(6)}
		ops := append(w.both(rng, a), w.both(rng, b)...)
		if rng.IntN(2) == 0 {
			text := readText(w, co+"inc0/a.h")
			ops = append([]op{{kind: "write", a: co + "inc1/a.h", b: text}}, ops...)
		}
		return ops
	case n < 42:
		return w.both(rng, op{kind: "swap", a: w.existing(rng), b: w.existing(rng)})
	case n < 44:
		return w.both(rng, op{kind: "link", a: co + "link", b: fmt.Sprintf("inc%d", rng.IntN(3))})
	case n < 45:
		return w.both(rng, op{kind: "swap", a: co + "inc1", b: co + "inc2"})
	case n < 46:
		p := co + "missing/" + headers[rng.IntN(len(headers))]
		if rng.IntN(3) == 0 {
			return w.both(rng, op{kind: "rename", a: co + "missing", b: co + "gone"})
		}
		return w.both(rng, op{kind: "write", a: p, b: w.chooseText(rng, p)})
	case n < 48:
		return w.both(rng, op{kind: "rename", a: co + []string{"after", "missing"}[rng.IntN(2)], b: co + []string{"missing", "after"}[rng.IntN(2)]})
	case n < 50:
		p := w.existing(rng) + ".gch"
		return w.both(rng, op{kind: []string{"write", "remove", "remove"}[rng.IntN(3)], a: p, b: "gch " + fmt.Sprint(rng.IntN(2))})
	case n < 60:
		v := variablePool[rng.IntN(len(variablePool))]
		return one(op{kind: "setenv", a: v[0], b: v[1]})
	case n < 67:
		if len(w.env.Names) == 0 {
			return nil
		}
		name := w.env.Names[rng.IntN(len(w.env.Names))]
		if name == "PATH" {
			return nil
		}
		return one(op{kind: "unset", a: name})
	case n < 80:
		return one(op{kind: "flags", list: w.chooseFlags(rng)})
	case n < 85:
		return w.chooseTool(rng)
	case n < 89:
		return one(op{kind: "at", n: 1 - w.at})
	case n < 90:
		return one(op{kind: "source", a: sources[rng.IntN(len(sources))]})
	case n < 91:
		return one(op{kind: "umask", n: []int{0o022, 0o077, 0o002, 0}[rng.IntN(4)]})
	case n < 92:
		return one(op{kind: "columns", n: []int{0, 0, 80, 100}[rng.IntN(4)]})
	case n < 93:
		return one(op{kind: "output", a: outputNames[rng.IntN(len(outputNames))]})
	case n < 94:
		return one(op{kind: "cwd", a: []string{"", "build", "nested", "nested/deep"}[rng.IntN(4)]})
	case n < 95:
		return one(op{kind: "absolute", n: rng.IntN(2)})
	case n < 96:
		return one(op{kind: "driver", a: []string{"gcc", "g++"}[rng.IntN(2)]})
	case n < 97:
		return one(op{kind: "clock", n: 1 + rng.IntN(100)})
	case n < 98:
		return one(op{kind: "restart"})
	case n < 99:
		return one(op{kind: "link", a: "here", b: fmt.Sprintf("p%d", rng.IntN(2))})
	default:
		return []op{{kind: "at", n: 1 - w.at}, {kind: "setenv", a: "HOME", b: "{W}/home"}}
	}
}

// chooseFlags adds, removes, moves, joins or splits an option.
func (w *world) chooseFlags(rng *rand.Rand) [][]string {
	flags := slices.Clone(w.flags)
	if len(flags) > 14 {
		return slices.Delete(flags, 1, 6)
	}
	if len(flags) == 0 {
		return [][]string{{"-I", "{r}/inc0"}}
	}
	i := rng.IntN(len(flags))
	needed := strings.HasSuffix(flags[i][len(flags[i])-1], "/inc0")
	switch rng.IntN(5) {
	case 0, 1:
		return insertFlag(rng, flags)
	case 2:
		if needed {
			return insertFlag(rng, flags)
		}
		return slices.Delete(flags, i, i+1)
	case 3:
		j := rng.IntN(len(flags))
		flags[i], flags[j] = flags[j], flags[i]
	case 4:
		if len(flags[i]) == 2 && len(flags[i][0]) > 1 && !strings.HasPrefix(flags[i][0], "-M") {
			flags[i] = []string{flags[i][0] + flags[i][1]}
		} else if rest, ok := strings.CutPrefix(flags[i][0], "-I"); ok && rest != "" {
			flags[i] = []string{"-I", rest}
		}
	}
	return flags
}

// chooseTool changes a part of the toolchain.
func (w *world) chooseTool(rng *rand.Rand) []op {
	kind := []string{"tool", "replace"}[rng.IntN(2)]
	tc := fmt.Sprintf("tc%d/", rng.IntN(2))
	image := func(name string) string { return string(Image(fmt.Sprint(name, " ", 1+rng.IntN(3)))) }
	switch rng.IntN(11) {
	case 0:
		return []op{{kind: kind, a: "bin/as", b: image("as")}}
	case 1:
		return []op{{kind: kind, a: tc + ProgramDir + "/cc1", b: image("cc1")}}
	case 2:
		return []op{{kind: kind, a: tc + "bin/gcc", b: image("driver")}}
	case 3:
		return []op{{kind: []string{"replace", "remove", "remove"}[rng.IntN(3)], a: "early/as", b: image("early as")}}
	case 4:
		return []op{{kind: []string{"replace", "remove"}[rng.IntN(2)], a: tc + machine + "/bin/as", b: image("machine as")}}
	case 5:
		return []op{{kind: []string{"write", "remove"}[rng.IntN(2)], a: tc + LibDir + "/specs", b: fmt.Sprintf("*cc1: %d\n", rng.IntN(3))}}
	case 6:
		return []op{{kind: "link", a: "cur", b: strings.TrimSuffix(tc, "/")}}
	case 7:
		return []op{{kind: kind, a: "bin/objcopy", b: image("objcopy")}}
	case 8:
		return []op{{kind: "write", a: tc + []string{"local/include", "include", LibDir + "/include"}[rng.IntN(3)] + "/" + headers[rng.IntN(len(headers))], b: headerText(rng, 4)}}
	case 9:
		return []op{{kind: []string{"write", "remove"}[rng.IntN(2)], a: "early/specs", b: fmt.Sprintf("*early: %d\n", rng.IntN(2))}}
	default:
		p := tc + "bin/gcc" + realSuffix
		if _, err := os.Stat(filepath.Join(w.dir, p)); err != nil {
			return nil
		}
		return []op{{kind: kind, a: p, b: image("real driver")}}
	}
}
