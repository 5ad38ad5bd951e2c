package cc

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed options.txt
var optionText string

// gccOptions and clangOptions are what Parse knows of the two compilers. They are never changed.
var gccOptions, clangOptions = mustReadOptions(optionText)

// optClass is what an option does to a compile with -c.
type optClass uint8

const (
	classPlain         optClass = iota // messages, code generation or link: the recipe's verbatim arguments are enough
	classToolchain                     // also decides the toolchain or the built-in search directories
	classOptimise                      // -O and a level
	classWarning                       // -W and a name
	classColour                        // messages that look at the terminal's variables
	classPath                          // a value that is a path but names no file that is read
	classFile                          // a value that names a file whose content is an input
	classIncludeDir                    // -I
	classQuoteDir                      // -iquote
	classSystemDir                     // -isystem
	classAfterDir                      // -idirafter
	classPreInclude                    // -include, -imacros
	classMacro                         // -D, -U, -A
	classOutput                        // -o
	classLanguage                      // -x
	classDep                           // -MD, -MMD
	classDepFile                       // -MF
	classDepTarget                     // -MT, -MQ
	classDepFlag                       // -MP
	classSide                          // writes a further file beside the object; the detail is its role
	classBind                          // outputs depend on all roots; the detail says why
	classPreprocessor                  // -Wp,
	classAssembler                     // -Wa,; -Xassembler and one word
	classXclang                        // -Xclang
	classXpreprocessor                 // -Xpreprocessor
	classCompile                       // -c
	classMode                          // another mode than -c; the detail is the reason
	classQuestion                      // asks the driver something: nothing is compiled
	classDecline                       // uncacheable; the detail is the reason
)

var classNames = map[string]optClass{
	"plain": classPlain, "toolchain": classToolchain, "optimise": classOptimise, "warning": classWarning, "colour": classColour,
	"path": classPath, "file": classFile, "include-dir": classIncludeDir, "quote-dir": classQuoteDir, "system-dir": classSystemDir,
	"after-dir": classAfterDir, "pre-include": classPreInclude, "macro": classMacro, "output": classOutput,
	"language": classLanguage, "dep": classDep, "dep-file": classDepFile, "dep-target": classDepTarget, "dep-flag": classDepFlag,
	"side": classSide, "bind": classBind, "wp": classPreprocessor, "wa": classAssembler, "xclang": classXclang,
	"xpreprocessor": classXpreprocessor, "compile": classCompile, "mode": classMode, "question": classQuestion,
	"decline": classDecline,
}

// option is one row of the table.
type option struct {
	name     string
	class    optClass
	detail   string
	separate bool // in exact: the value is the next argument
}

// optionTable answers what an argument is for one compiler.
type optionTable struct {
	exact    map[string]option // whole arguments, and names whose value is the next argument
	equals   map[string]option // joined names that end in their only "="
	prefixes map[byte][]option // other joined names by their second byte, longest first
}

// lookup finds the row of an argument that starts with "-" and the joined value, "" where there is none. Exact names win, then
// the longest joined one.
func (t *optionTable) lookup(arg string) (o option, value string, ok bool) {
	if o, ok := t.exact[arg]; ok {
		return o, "", true
	}
	if i := strings.IndexByte(arg, '='); i > 0 {
		if e, found := t.equals[arg[:i+1]]; found {
			o, value, ok = e, arg[i+1:], true
		}
	}
	if len(arg) < 2 {
		return o, value, ok
	}
	for _, p := range t.prefixes[arg[1]] {
		if len(p.name) <= len(o.name) {
			break
		}
		if strings.HasPrefix(arg, p.name) {
			return p, arg[len(p.name):], true
		}
	}
	return o, value, ok
}

func (t *optionTable) add(name, shape string, o option) error {
	switch shape {
	case "flag":
		return t.addExact(name, o)
	case "separate":
		o.separate = true
		return t.addExact(name, o)
	case "joined":
		return t.addJoined(name, o)
	case "either":
		if err := t.addJoined(name, o); err != nil {
			return err
		}
		o.separate = true
		return t.addExact(name, o)
	case "f":
		if err := t.addExact("-f"+name, o); err != nil {
			return err
		}
		return t.addExact("-fno-"+name, o)
	case "f=":
		return t.addJoined("-f"+name+"=", o)
	default:
		return fmt.Errorf("read option table: %s has unknown shape %q", name, shape)
	}
}

func (t *optionTable) addExact(name string, o option) error {
	if _, ok := t.exact[name]; ok {
		return fmt.Errorf("read option table: %s stands twice", name)
	}
	o.name = name
	t.exact[name] = o
	return nil
}

func (t *optionTable) addJoined(name string, o option) error {
	o.name = name
	if strings.IndexByte(name, '=') == len(name)-1 {
		if _, ok := t.equals[name]; ok {
			return fmt.Errorf("read option table: %s stands twice", name)
		}
		t.equals[name] = o
		return nil
	}
	list := t.prefixes[name[1]]
	if slices.ContainsFunc(list, func(other option) bool { return other.name == name }) {
		return fmt.Errorf("read option table: %s stands twice", name)
	}
	t.prefixes[name[1]] = append(list, o)
	return nil
}

// readOptions reads the format that the head of options.txt describes.
func readOptions(text string) (gcc, clang *optionTable, err error) {
	newTable := func() *optionTable {
		return &optionTable{exact: map[string]option{}, equals: map[string]option{}, prefixes: map[byte][]option{}}
	}
	gcc, clang = newTable(), newTable()
	var tables []*optionTable
	var shape string
	var row option
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] != '[' {
			for name := range strings.FieldsSeq(line) {
				for _, t := range tables {
					if err := t.add(name, shape, row); err != nil {
						return nil, nil, err
					}
				}
			}
			continue
		}
		head, detail, _ := strings.Cut(strings.Trim(line, "[]"), ":")
		words := strings.Fields(head)
		if len(words) < 2 {
			return nil, nil, fmt.Errorf("read option table: section %s lacks a shape", line)
		}
		c, ok := classNames[words[0]]
		if !ok {
			return nil, nil, fmt.Errorf("read option table: section %s has an unknown class", line)
		}
		row, shape, tables = option{class: c, detail: strings.TrimSpace(detail)}, words[1], []*optionTable{gcc, clang}
		switch {
		case len(words) == 2:
		case words[2] == "gcc":
			tables = tables[:1]
		case words[2] == "clang":
			tables = tables[1:]
		default:
			return nil, nil, fmt.Errorf("read option table: section %s names an unknown compiler", line)
		}
	}
	for _, t := range []*optionTable{gcc, clang} {
		for _, list := range t.prefixes {
			slices.SortFunc(list, func(a, b option) int { return len(b.name) - len(a.name) })
		}
	}
	return gcc, clang, nil
}

// mustReadOptions reads the table that is part of the program; TestOptionTable proves that it never panics.
func mustReadOptions(text string) (gcc, clang *optionTable) {
	gcc, clang, err := readOptions(text)
	if err != nil {
		panic(err)
	}
	return gcc, clang
}
