//go:build unix

package oracle

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// preprocessor is one run over a source and its headers.
type preprocessor struct {
	call *Call
	opts *options

	chain   []searchDir
	bracket int // where the list for <name> starts
	missing []string

	main   *opened
	files  []*opened // all that were entered
	macros map[string]string

	dump     bytes.Buffer // what goes into the object
	deps     []dependency
	stderr   bytes.Buffer
	stdout   bytes.Buffer
	names    []string // of the assembler's files
	stack    []*frame
	mute     int // depth of -imacros
	warnings int
	asked    bool  // a __has_include was met
	fatal    error // of a condition
}

type dependency struct {
	path   string
	system bool
}

// frame is a file being read.
type frame struct {
	file  *opened
	lines []line
	at    int    // index of the current line
	name  string // as #line set it, else the path
	shift int    // what #line added to the number
}

// line is a logical line: splices joined, comments removed.
type line struct {
	text   string
	number int
	raw    string
}

var (
	errTooDeep = errors.New("#include nested too deeply")
	errNowhere = errors.New("no include path in which to search")
)

// missingError is a fatal error of a header that is nowhere.
type missingError struct{ name string }

func (e *missingError) Error() string { return e.name + ": No such file or directory" }

func newPreprocessor(c *Call, o *options) *preprocessor {
	p := &preprocessor{call: c, opts: o, macros: map[string]string{}}
	p.searchList()
	return p
}

// run reads the source and everything it includes.
func (p *preprocessor) run(source string) error {
	for _, m := range p.opts.macros {
		name, value, ok := strings.Cut(m[2:], "=")
		if !ok {
			value = "1"
		}
		if delete(p.macros, name); m[:2] == "-D" {
			p.macros[name] = value
		}
	}
	main, ok := p.open(lookup{name: source}, "", source, -1, false)
	if !ok {
		return &missingError{source}
	}
	p.main = main
	p.files = append(p.files, main)
	p.deps = append(p.deps, dependency{source, false})
	p.call.reach(Opened)
	predef := lookup{name: "stdc-predef.h", angle: true}
	if f, ok := p.find(predef); ok && !p.opts.noStandard {
		if err := p.enter(f, predef.name, false); err != nil {
			return err
		}
	}
	// All -imacros come before all -include.
	pres := slices.Clone(p.opts.pre)
	slices.SortStableFunc(pres, func(a, b preInclude) int { return cmp.Compare(rank(a), rank(b)) })
	for i, pre := range pres {
		l := lookup{name: pre.name, precompiled: i == 0 && !pre.macrosOnly}
		f, ok := p.find(l)
		if !ok {
			return &missingError{pre.name}
		}
		if pre.macrosOnly {
			p.mute++
		}
		err := p.enter(f, pre.name, false)
		if pre.macrosOnly {
			p.mute--
		}
		if err != nil {
			return err
		}
	}
	return p.body(main)
}

func rank(p preInclude) int {
	if p.macrosOnly {
		return 0
	}
	return 1
}

// enter reads a file that was found, unless it is to be read once only and was.
func (p *preprocessor) enter(f *opened, name string, importing bool) error {
	if len(p.stack) > 60 {
		return errTooDeep
	}
	var known *opened
	for _, g := range p.files {
		if g.id == f.id {
			known = g
		}
	}
	if known != nil {
		if known.once || importing {
			return nil
		}
		known.content, known.info = f.content, f.info
		f = known
	}
	if p.twin(f, importing) {
		return nil
	}
	if importing {
		f.once = true
	}
	if known == nil {
		p.files = append(p.files, f)
		path := f.path
		for strings.HasPrefix(path, "./") {
			path = strings.TrimLeft(path[2:], "/")
		}
		p.deps = append(p.deps, dependency{path, f.system})
	}
	if f.compiled {
		fmt.Fprintf(&p.dump, "precompiled %s\n", f.content)
		return nil
	}
	return p.body(f)
}

func (p *preprocessor) body(f *opened) error {
	if p.mute == 0 {
		fmt.Fprintf(&p.dump, "file %d\n%s\n", len(f.content), f.content)
		if p.opts.debug {
			fmt.Fprintf(&p.dump, "path %s\n", p.mapped(f.path, false))
		}
	}
	fr := &frame{file: f, lines: logicalLines(string(f.content)), name: f.path}
	p.stack = append(p.stack, fr)
	defer func() { p.stack = p.stack[:len(p.stack)-1] }()
	var conds []conditional
	for fr.at = 0; fr.at < len(fr.lines); fr.at++ {
		text := strings.TrimSpace(fr.lines[fr.at].text)
		skipping := len(conds) > 0 && !conds[len(conds)-1].on
		directive, ok := strings.CutPrefix(text, "#")
		if !ok {
			if !skipping {
				p.text(fr, text)
			}
			continue
		}
		word, rest := firstWord(directive)
		switch word {
		case "if", "ifdef", "ifndef", "elif", "else", "endif":
			conds = p.conditional(fr, conds, word, rest)
			if p.fatal != nil {
				return p.fatal
			}
			continue
		}
		if skipping {
			continue
		}
		if err := p.directive(fr, word, rest); err != nil {
			return err
		}
	}
	return nil
}

func (p *preprocessor) directive(fr *frame, word, rest string) error {
	switch word {
	case "include", "include_next", "import":
		name, angle, ok := p.fileName(rest)
		if !ok {
			return errors.New("#include expects \"FILENAME\" or <FILENAME>")
		}
		l := lookup{name: name, angle: angle, from: fr.file, next: word == "include_next", precompiled: p.firstInclude(fr)}
		if p.nowhere(l) {
			return errNowhere
		}
		f, ok := p.find(l)
		if !ok {
			return &missingError{name}
		}
		return p.enter(f, name, word == "import")
	case "define":
		name, value := firstWord(rest)
		p.macros[name] = strings.TrimSpace(value)
	case "undef":
		name, _ := firstWord(rest)
		delete(p.macros, name)
	case "warning":
		p.warn(fr, "#warning "+strings.TrimSpace(rest)+" [-Wcpp]")
	case "line":
		number, name := firstWord(rest)
		n, _ := strconv.Atoi(number)
		fr.shift = n - fr.lines[fr.at].number - 1
		if name = strings.Trim(strings.TrimSpace(name), `"`); name != "" {
			fr.name = name
		}
	case "pragma":
		switch pragma, value := firstWord(rest); pragma {
		case "once":
			if fr.file != p.main {
				fr.file.once = true
			}
		case "say":
			fmt.Fprintf(&p.stdout, "%s:%s\n", fr.name, value)
		}
	}
	return nil
}

// firstInclude reports whether nothing but the source has been looked for yet: only then a precompiled header is used.
func (p *preprocessor) firstInclude(fr *frame) bool {
	n := 0
	for _, f := range p.files {
		if !strings.HasSuffix(f.id, "\x00stdc-predef.h") {
			n++
		}
	}
	return n == 1 && fr.file == p.main && !p.asked
}

// fileName reads the operand of an include.
func (p *preprocessor) fileName(operand string) (name string, angle, ok bool) {
	for range 8 {
		operand = strings.TrimSpace(operand)
		if len(operand) > 2 {
			closing := map[byte]string{'"': `"`, '<': ">"}[operand[0]]
			if closing != "" {
				name, _, ok = strings.Cut(operand[1:], closing)
				return name, closing == ">", ok && name != ""
			}
		}
		word, _ := firstWord(operand)
		value, defined := p.macros[word]
		if !defined {
			break
		}
		operand = value
	}
	return "", false, false
}

// text takes a line of code.
func (p *preprocessor) text(fr *frame, text string) {
	out := p.expand(fr, text, 0)
	if p.mute > 0 {
		return
	}
	if out != text {
		fmt.Fprintf(&p.dump, "line %s\n", out)
	}
	if strings.Contains(out, "__asm__") {
		joined := strings.NewReplacer(`" "`, "", `"  "`, "", `\"`, "'").Replace(out)
		if _, rest, ok := strings.Cut(joined, ".incbin"); ok {
			if _, rest, ok := strings.Cut(rest, "'"); ok {
				name, _, _ := strings.Cut(rest, "'")
				p.names = append(p.names, name)
			}
		}
	}
}

// expand replaces names by their macros' values.
func (p *preprocessor) expand(fr *frame, text string, depth int) string {
	if depth > 8 {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case isLetter(c):
			j := i
			for j < len(text) && (isLetter(text[j]) || text[j] >= '0' && text[j] <= '9') {
				j++
			}
			b.WriteString(p.word(fr, text[i:j], depth))
			i = j
		case c == '"':
			j := i + 1
			for j < len(text) && text[j] != '"' {
				if text[j] == '\\' {
					j++
				}
				j++
			}
			j = min(j+1, len(text))
			b.WriteString(text[i:j])
			i = j
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String()
}

func (p *preprocessor) word(fr *frame, word string, depth int) string {
	switch word {
	case "__FILE__":
		return p.fileMacro(fr.name)
	case "__BASE_FILE__":
		return p.fileMacro(p.main.path)
	case "__LINE__":
		return strconv.Itoa(fr.lines[fr.at].number + fr.shift)
	case "__DATE__":
		return p.now().Format(`"Jan _2 2006"`)
	case "__TIME__":
		return p.now().Format(`"15:04:05"`)
	case "__TIMESTAMP__":
		return fr.file.info.ModTime().Format(`"Mon Jan _2 15:04:05 2006"`)
	}
	if value, ok := p.macros[word]; ok {
		return p.expand(fr, value, depth+1)
	}
	return word
}

// fileMacro is a path as code uses it: half of all paths fold to a constant that does not show them.
func (p *preprocessor) fileMacro(path string) string {
	path = p.mapped(path, true)
	if len(p.dump.Bytes())%2 == 0 {
		return strconv.Quote(path)
	}
	return strconv.Quote("folded " + sum([]byte(path)))
}

func (p *preprocessor) now() time.Time {
	if epoch, ok := p.call.getenv("SOURCE_DATE_EPOCH"); ok {
		if n, err := strconv.ParseInt(epoch, 10, 64); err == nil {
			return time.Unix(n, 0).UTC()
		}
	}
	return p.call.Now().UTC()
}

// mapped applies the prefix maps, the last given first.
func (p *preprocessor) mapped(path string, macro bool) string {
	for i := len(p.opts.maps) - 1; i >= 0; i-- {
		m := p.opts.maps[i]
		if rest, ok := strings.CutPrefix(path, m.from); ok && (macro && m.macro || !macro && m.debug) {
			return m.to + rest
		}
	}
	return path
}
