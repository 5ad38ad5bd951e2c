//go:build unix

package oracle

import (
	"errors"
	"os"
	"strings"
)

// options are the arguments as read.
type options struct {
	inputs     []string
	language   string // of -x, "" for none
	output     string
	compile    bool
	preprocess bool
	verbose    bool
	printProg  string
	printDirs  bool

	deps       depsKind
	depFile    string
	depTargets []string
	phony      bool
	asDeps     string // -Wa,--MD,FILE

	quote, angle, system, after []string
	noStandard                  bool
	pre                         []preInclude
	macros                      []string // -DX=1 and -UX, in order

	code       []string // options that decide code, in order
	debug      bool
	split      bool
	coverage   bool
	stackUsage bool
	squeezed   bool // LTO or compressed sections: the object's text cannot be searched
	noWarnings bool
	werror     bool
	colour     bool
	maps       []prefixMap
}

type depsKind byte

const (
	depsNone depsKind = iota
	depsAll           // -MD
	depsUser          // -MMD
	depsOnly          // -M
)

type preInclude struct {
	name       string
	macrosOnly bool
}

type prefixMap struct {
	from, to     string
	debug, macro bool
}

// separate are the options whose value may be the next argument.
var separate = []string{"-o", "-MF", "-MT", "-MQ", "-iquote", "-isystem", "-idirafter", "-include", "-imacros", "-I", "-D", "-U", "-x"}

func (c *Call) options() (*options, error) {
	o := &options{}
	args := c.expand(c.Args, 0)
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			o.inputs = append(o.inputs, arg)
			continue
		}
		name, value, ok := cutOption(arg)
		if ok && value == "" {
			if i++; i == len(args) {
				return nil, errors.New("missing argument to '" + arg + "'")
			}
			value = args[i]
		}
		if ok {
			o.valued(name, value)
			continue
		}
		if !o.flag(arg) {
			return nil, errors.New("unrecognized command-line option '" + arg + "'")
		}
	}
	return o, nil
}

// cutOption splits an option that takes a value; value is "" where it is the next argument.
func cutOption(arg string) (name, value string, ok bool) {
	for _, name := range separate {
		if rest, ok := strings.CutPrefix(arg, name); ok {
			return name, rest, true
		}
	}
	return "", "", false
}

func (o *options) valued(name, value string) {
	switch name {
	case "-o":
		o.output = value
	case "-x":
		o.language = value
	case "-MF":
		o.depFile = value
	case "-MT", "-MQ":
		o.depTargets = append(o.depTargets, value)
	case "-iquote":
		o.quote = append(o.quote, value)
	case "-I":
		o.angle = append(o.angle, value)
	case "-isystem":
		o.system = append(o.system, value)
	case "-idirafter":
		o.after = append(o.after, value)
	case "-include", "-imacros":
		o.pre = append(o.pre, preInclude{value, name == "-imacros"})
	case "-D", "-U":
		o.macros = append(o.macros, name+value)
	}
}

func (o *options) flag(arg string) bool {
	switch arg {
	case "-c":
		o.compile = true
	case "-E":
		o.preprocess = true
	case "-v":
		o.verbose = true
	case "-M":
		o.deps = depsOnly
	case "-MD":
		if o.deps == depsNone {
			o.deps = depsAll
		}
	case "-MMD":
		o.deps = depsUser
	case "-MP":
		o.phony = true
	case "-nostdinc":
		o.noStandard = true
	case "-print-search-dirs":
		o.printDirs = true
	case "-w":
		o.noWarnings = true
	case "-Werror":
		o.werror = true
	case "--coverage":
		o.coverage = true
		o.code = append(o.code, arg)
	case "-fstack-usage":
		o.stackUsage = true
	case "-gsplit-dwarf":
		o.split, o.debug = true, true
		o.code = append(o.code, arg)
	case "-flto", "-gz":
		o.squeezed = true
		o.code = append(o.code, arg)
	case "-g0":
		o.debug = false
		o.code = append(o.code, arg)
	case "-pipe":
	default:
		return o.joined(arg)
	}
	return true
}

// joined reads flags that are known by how they begin.
func (o *options) joined(arg string) bool {
	has := func(prefix string) (string, bool) { return strings.CutPrefix(arg, prefix) }
	mapped := func(value string, debug, macro bool) {
		from, to, _ := strings.Cut(value, "=")
		o.maps = append(o.maps, prefixMap{from, to, debug, macro})
	}
	if v, ok := has("-print-prog-name="); ok {
		o.printProg = v
	} else if v, ok := has("-fdebug-prefix-map="); ok {
		mapped(v, true, false)
	} else if v, ok := has("-fmacro-prefix-map="); ok {
		mapped(v, false, true)
	} else if v, ok := has("-ffile-prefix-map="); ok {
		mapped(v, true, true)
	} else if v, ok := has("-fdiagnostics-color="); ok {
		o.colour = v == "always"
	} else if v, ok := has("-Wa,--MD,"); ok {
		o.asDeps = v
	} else if v, ok := has("-Wp,-MD,"); ok {
		o.deps, o.depFile = depsAll, v
	} else if v, ok := has("-Wp,-MMD,"); ok {
		o.deps, o.depFile = depsUser, v
	} else if v, ok := has("-Wp,"); ok {
		o.macros = append(o.macros, strings.Split(v, ",")...)
	} else if _, ok := has("-Wa,"); ok {
		o.code = append(o.code, arg)
		// The assembler's own debug information holds the working directory.
		o.debug = o.debug || strings.HasPrefix(arg, "-Wa,--gdwarf")
	} else if _, ok := has("-W"); ok {
		return true
	} else if strings.HasPrefix(arg, "-g") {
		o.debug = true
		o.code = append(o.code, arg)
	} else if strings.HasPrefix(arg, "-O") || strings.HasPrefix(arg, "-f") || strings.HasPrefix(arg, "-m") || strings.HasPrefix(arg, "-std=") {
		o.code = append(o.code, arg)
	} else {
		return false
	}
	return true
}

// expand replaces @file by the arguments in it; a file that cannot be read stays as it is.
func (c *Call) expand(args []string, depth int) []string {
	var out []string
	for _, arg := range args {
		name, ok := strings.CutPrefix(arg, "@")
		if !ok || depth > 10 {
			out = append(out, arg)
			continue
		}
		text, err := os.ReadFile(c.abs(name))
		if err != nil {
			out = append(out, arg)
			continue
		}
		out = append(out, c.expand(splitArguments(string(text)), depth+1)...)
	}
	return out
}

// splitArguments splits the text of a response file: at blanks, but for those in quotes or behind a backslash.
func splitArguments(text string) []string {
	var out []string
	var word strings.Builder
	in, quote := false, byte(0)
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case b == '\\' && i+1 < len(text):
			i++
			word.WriteByte(text[i])
			in = true
		case quote != 0:
			if b == quote {
				quote = 0
			} else {
				word.WriteByte(b)
			}
		case b == '"' || b == '\'':
			quote, in = b, true
		case b == ' ' || b == '\t' || b == '\n':
			if in {
				out = append(out, word.String())
			}
			word.Reset()
			in = false
		default:
			word.WriteByte(b)
			in = true
		}
	}
	if in {
		out = append(out, word.String())
	}
	return out
}
