//go:build unix

package oracle

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// compile makes the outputs of one source.
func (c *Call) compile(o *options, t *tools) Answer {
	if len(o.inputs) != 1 {
		return c.failed("the model compiles one source at a time")
	}
	source, assembles := o.inputs[0], c.languageOf(o) == assembly
	p := newPreprocessor(c, o)
	err := p.run(source)
	object := o.output
	if object == "" {
		object = strings.TrimSuffix(filepath.Base(source), filepath.Ext(source)) + ".o"
	}
	if err == nil && o.werror && p.warnings > 0 {
		err = fmt.Errorf("all warnings being treated as errors")
	}
	if o.deps == depsOnly {
		if err != nil {
			return c.failed(err.Error())
		}
		c.reach(Read)
		return Answer{Stdout: p.dependencies(object), Stderr: p.stderr.Bytes()}
	}
	var embedded []string
	if err == nil {
		embedded, err = p.assemble()
	}
	if err == nil && o.output != "" {
		if fi, serr := os.Stat(c.abs(filepath.Dir(object))); serr != nil || !fi.IsDir() {
			err = fmt.Errorf("can't create %s: No such file or directory", object)
		}
	}
	c.reach(Read)
	if err != nil {
		a := c.failed(err.Error())
		a.Stderr = append(p.stderr.Bytes(), a.Stderr...)
		a.Stdout, a.Removed = p.stdout.Bytes(), []string{c.abs(object)}
		return a
	}
	a := Answer{Stdout: p.stdout.Bytes(), Stderr: p.stderr.Bytes()}
	add := func(path string, data []byte, byAssembler bool) {
		a.Files = append(a.Files, File{Path: c.abs(path), Data: data, ByAssembler: byAssembler})
	}
	beside := func(ext string) string { return strings.TrimSuffix(object, filepath.Ext(object)) + ext }
	if o.compile {
		add(object, p.object(t, object), true)
	}
	if o.deps != depsNone {
		file := o.depFile
		if file == "" {
			file = beside(".d")
		}
		add(file, p.dependencies(object), false)
	}
	if o.asDeps != "" {
		if !assembles {
			embedded = append(embedded, filepath.Base(source)) // from the compiler's .file
		}
		add(o.asDeps, []byte(object+": "+strings.Join(append(embedded, "/tmp/ccMmodel.s"), " ")+"\n"), false)
	}
	if o.coverage && !assembles {
		add(beside(".gcno"), []byte("notes "+sum(p.dump.Bytes())+" in "+c.compilationDir()+" of "+source+"\n"), false)
	}
	if o.stackUsage && !assembles {
		add(beside(".su"), []byte(source+":1:"+sum(p.dump.Bytes())+"\t16\tstatic\n"), false)
	}
	if o.split {
		add(beside(".dwo"), []byte("split "+sum(p.dump.Bytes())+" in "+p.mapped(c.compilationDir(), false)+"\n"), true)
	}
	return a
}

// assemble reads what the assembler reads: names from the working directory, then from the -I directories. It returns them
// newest first, as `as --MD` lists them.
func (p *preprocessor) assemble() ([]string, error) {
	var found []string
	for _, name := range p.names {
		dirs := append([]string{""}, p.opts.angle...)
		ok := false
		for _, dir := range dirs {
			path := name
			if dir != "" && !strings.HasPrefix(name, "/") {
				path = dir + "/" + name
			}
			b, err := p.call.read(path)
			if err != nil {
				continue
			}
			fmt.Fprintf(&p.dump, "embedded %s\n", b)
			found = append([]string{path}, found...)
			ok = true
			break
		}
		if !ok {
			return nil, fmt.Errorf("file not found: %s", name)
		}
	}
	return found, nil
}

// read variables that change code in ways that the model need not know.
var codeVariables = []string{"COMPILER_PATH", "GCC_EXEC_PREFIX", "LD_PRELOAD", "GLIBC_TUNABLES", "SOURCE_DATE_EPOCH"}

// object writes the dump.
func (p *preprocessor) object(t *tools, object string) []byte {
	c, o := p.call, p.opts
	var b bytes.Buffer
	b.WriteString("object of the model compiler\n")
	for _, tool := range t.list {
		fmt.Fprintf(&b, "%s %s\n", tool.role, sum(tool.content))
	}
	fmt.Fprintf(&b, "language %s\n", c.languageOf(o))
	for _, f := range o.code {
		fmt.Fprintf(&b, "option %s\n", f)
	}
	for _, m := range o.macros {
		fmt.Fprintf(&b, "macro %s\n", sum([]byte(m)))
	}
	for _, name := range codeVariables {
		if v, ok := c.getenv(name); ok {
			fmt.Fprintf(&b, "variable %s %s\n", name, sum([]byte(v)))
		}
	}
	if o.debug {
		fmt.Fprintf(&b, "directory %s\n", p.mapped(c.compilationDir(), false))
	}
	if o.coverage {
		fmt.Fprintf(&b, "counters %s\n", c.abs(strings.TrimSuffix(object, filepath.Ext(object))+".gcda"))
	}
	if o.split {
		fmt.Fprintf(&b, "split %s\n", strings.TrimSuffix(object, filepath.Ext(object))+".dwo")
	}
	b.Write(p.dump.Bytes())
	data := b.Bytes()
	if o.squeezed {
		for i := range data {
			data[i] ^= 0x55
		}
	}
	return data
}

// compilationDir is the working directory as debug information holds it: as PWD spells it, where PWD is right.
func (c *Call) compilationDir() string {
	pwd, _ := c.getenv("PWD")
	if !strings.HasPrefix(pwd, "/") {
		return c.Dir
	}
	a, errA := os.Stat(pwd)
	b, errB := os.Stat(c.Dir)
	if errA != nil || errB != nil || !os.SameFile(a, b) {
		return c.Dir
	}
	return pwd
}

// dependencies writes a dependency file, wrapped at 72 columns.
func (p *preprocessor) dependencies(object string) []byte {
	o := p.opts
	if o.deps == depsOnly {
		object = filepath.Base(object)
	}
	targets := o.depTargets
	if len(targets) == 0 {
		targets = []string{object}
	}
	var b strings.Builder
	b.WriteString(strings.Join(targets, " ") + ":")
	column := b.Len()
	var listed []string
	for _, d := range p.deps {
		if d.system && o.deps == depsUser {
			continue
		}
		listed = append(listed, d.path)
		if column+1+len(d.path) > 72 {
			b.WriteString(" \\\n")
			column = 0
		}
		b.WriteString(" " + d.path)
		column += 1 + len(d.path)
	}
	b.WriteString("\n")
	if o.phony {
		for _, path := range listed[1:] {
			b.WriteString(path + ":\n")
		}
	}
	return []byte(b.String())
}

// warn says a warning as gcc does, with the line it is about: from the file that the location names, which #line may have
// made another one.
func (p *preprocessor) warn(fr *frame, text string) {
	c, o := p.call, p.opts
	if o.noWarnings {
		return
	}
	p.warnings++
	for i := len(p.stack) - 2; i >= 0; i-- {
		by := p.stack[i]
		intro := "In file included from "
		if i < len(p.stack)-2 {
			intro = "                 from "
		}
		end := ","
		if i == 0 {
			end = ":"
		}
		fmt.Fprintf(&p.stderr, "%s%s%s\n", intro, p.location(by, c.coloured(o)), end)
	}
	number := fr.lines[fr.at].number + fr.shift
	word := "warning"
	if locale := c.locale(); locale != "" && locale != "C" && locale != "POSIX" {
		word = "warning(" + locale + ")"
	}
	before, after, width := "", "", ""
	if c.coloured(o) {
		colours, _ := c.getenv("GCC_COLORS")
		before, after = "\x1b[01;35m", "\x1b[m\x1b[K"
		word += " " + sum([]byte(colours))[:6]
		if c.Columns > 0 {
			columns, _ := c.getenv("COLUMNS")
			width = fmt.Sprintf(" |%d %s", c.Columns, columns)
		}
	}
	fmt.Fprintf(&p.stderr, "%s:2: %s%s:%s %s%s\n", p.location(fr, c.coloured(o)), before, word, after, text, width)
	quoted := fr.lines[fr.at].raw
	if fr.name != fr.file.path {
		b, err := c.read(fr.name)
		if err != nil {
			return
		}
		lines := strings.Split(string(b), "\n")
		if number < 1 || number > len(lines) {
			return
		}
		quoted = lines[number-1]
	}
	fmt.Fprintf(&p.stderr, "%5d | %s\n      |  ^~~~~~~\n", number, quoted)
}

// location is where a warning is, in bold on a terminal.
func (p *preprocessor) location(fr *frame, coloured bool) string {
	at := fmt.Sprintf("%s:%d", fr.name, fr.lines[fr.at].number+fr.shift)
	if coloured {
		return "\x1b[01m\x1b[K" + at + "\x1b[m\x1b[K"
	}
	return at
}

func (c *Call) locale() string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v, _ := c.getenv(name); v != "" {
			if language, _ := c.getenv("LANGUAGE"); language != "" && v != "C" && v != "POSIX" {
				return language
			}
			return v
		}
	}
	return ""
}

func (c *Call) coloured(o *options) bool {
	term, ok := c.getenv("TERM")
	return o.colour || c.Columns > 0 && ok && term != "dumb"
}
