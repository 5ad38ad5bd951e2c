package cc

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

const (
	maxInputs = 20_000
	maxSource = 64 << 20 // bytes of one source file
)

// input is a file that the compiler read.
type input struct {
	path     string // absolute
	digest   digest.Digest
	facts    *facts // nil for what is no source text
	absolute bool   // spelled so by the compiler
	mapped   bool   // and macros hold a mapped name instead
}

// gathering is one call of Inputs.
type gathering struct {
	f     *Frontend
	c     *compile.Compilation
	d     *detail
	chain *chain
	run   frontend.Run
	files frontend.Files

	inputs []input
	byPath map[string]int
	union  facts // of all inputs and arguments
	args   facts // of macros given as arguments

	asmAbsolute bool // the assembler reads files by absolute path
}

// Inputs implements frontend.Frontend.
func (f *Frontend) Inputs(ctx context.Context, c *compile.Compilation, tc *compile.Toolchain, run frontend.Run, files frontend.Files, ask frontend.Prober) (*frontend.Inputs, error) {
	g := &gathering{
		f: f, c: c, d: c.Detail.(*detail), chain: tc.Detail.(*chain), run: run, files: files,
		byPath: make(map[string]int),
	}
	if isAssembly(c.Language) && namesTemporary(run.Stderr, c.Source) {
		return nil, compile.Refuse(compile.ReasonOption, "messages name a temporary file")
	}
	spelled, err := f.prerequisites(ctx, c, run, files, ask)
	if err != nil {
		return nil, err
	}
	if len(spelled) > maxInputs {
		return nil, compile.Refuse(compile.ReasonInput, fmt.Sprintf("%d files are read", len(spelled)))
	}
	g.addSpelled(g.d.sourceArg)
	for _, path := range spelled {
		g.addSpelled(path)
	}
	if err := g.scanInputs(); err != nil {
		return nil, err
	}
	sources := len(g.inputs)
	listed, known := assembled(c, run, tc, files)
	if !known && g.union.asm && g.union.asmFiles {
		return nil, compile.Refuse(compile.ReasonDirective, ".incbin or .include in assembler text")
	}
	for _, spelled := range listed {
		path := frontend.Absolute(c.Dir, spelled)
		if _, gone := firstMissing(files, path); !gone {
			if _, compiled := g.byPath[path]; !compiled && isAssembly(c.Language) {
				g.union.asmFiles = true // however its directive was written
			}
			g.add(path)
			g.asmAbsolute = g.asmAbsolute || g.union.asmFiles && strings.HasPrefix(spelled, "/")
		} else if g.union.asmFiles && !isTemporary(path) && spelled != baseOf(c.Source) {
			// The compiler tells the assembler the source's base name, whatever directory it lies in.
			return nil, compile.Refuse(compile.ReasonInputChanged, path)
		}
	}
	for _, path := range c.Inputs {
		g.add(path)
	}
	if err := g.refuseByContent(); err != nil {
		return nil, err
	}
	s, err := newSearch(g, sources)
	if err != nil {
		return nil, err
	}
	if err := s.quoted(run.Stderr); err != nil {
		return nil, err
	}
	if err := s.includes(sources); err != nil {
		return nil, err
	}
	if g.union.asmFiles {
		if err := s.assembled(listed); err != nil {
			return nil, err
		}
	}
	in := &frontend.Inputs{Absent: s.absent.groups(), BindAll: g.bindAll(sources), Dirs: s.dirs}
	for i, input := range g.inputs {
		in.Paths = append(in.Paths, input.path)
		if input.facts != nil && input.facts.once || s.once[i] {
			in.Once = append(in.Once, i)
		}
	}
	return in, nil
}

// addSpelled adds a file that the compiler itself read, as it spells it.
func (g *gathering) addSpelled(spelled string) {
	path := frontend.Absolute(g.c.Dir, spelled)
	g.add(path)
	if strings.HasPrefix(spelled, "/") {
		in := &g.inputs[g.byPath[path]]
		in.mapped = g.d.inMacros(spelled) && (in.mapped || !in.absolute)
		in.absolute = true
	}
}

// add adds a file once.
func (g *gathering) add(path string) {
	if _, ok := g.byPath[path]; !ok {
		g.byPath[path] = len(g.inputs)
		g.inputs = append(g.inputs, input{path: path})
	}
}

// facts returns what a source file says.
func (g *gathering) facts(path string) (*facts, digest.Digest, error) {
	d, err := g.files.Digest(path)
	if err != nil {
		return nil, d, err
	}
	memory := g.f.scans
	if isAssembly(g.c.Language) {
		memory = g.f.assemblies
	}
	if known, ok := memory.Get(d); ok && g.c.Language != plainAssembly {
		return known, d, nil
	}
	text, d, err := g.files.Read(path, maxSource)
	if err != nil {
		return nil, d, err
	}
	if g.c.Language == plainAssembly {
		return scanAssembled(text), d, nil
	}
	said := scanAs(text, isAssembly(g.c.Language), nil)
	memory.Set(d, said)
	return said, d, nil
}

// scanInputs reads all inputs, all of them sources so far but for what #embed names.
func (g *gathering) scanInputs() error {
	embedded, included := map[string]bool{}, map[string]bool{}
	for i := range g.inputs {
		said, d, err := g.facts(g.inputs[i].path)
		if err != nil {
			return compile.Refuse(compile.ReasonInput, err.Error())
		}
		g.inputs[i].facts, g.inputs[i].digest = said, d
		for _, in := range said.includes {
			switch in.kind {
			case kindEmbed:
				embedded[baseOf(in.name)] = true
			case kindInclude, kindIncludeNext, kindImport:
				included[baseOf(in.name)] = true
			}
		}
	}
	if err := g.operators(); err != nil {
		return err
	}
	for i := range g.inputs {
		input := &g.inputs[i]
		if base := baseOf(input.path); i > 0 && embedded[base] && !included[base] {
			input.facts = nil
			continue
		}
		g.union.addSigns(input.facts)
	}
	// Macros given as arguments are text too.
	for i, arg := range g.c.Args {
		if strings.HasPrefix(arg, "-D") || strings.HasPrefix(arg, "-Wp,") || i > 0 && g.c.Args[i-1] == "-D" {
			if strings.Contains(arg, "__has_include") {
				return compile.Refuse(compile.ReasonComputed, arg) // its operand may be anywhere
			}
			g.args.addSigns(scanAs([]byte(arg), isAssembly(g.c.Language), nil))
			g.args.paste = g.args.paste || strings.Contains(arg, "##")
		}
	}
	g.union.addSigns(&g.args)
	if g.union.paste || g.union.directives.glue {
		g.union.asmFiles = g.union.asmFiles || g.union.directives.made()
	}
	return nil
}

// operators reads the inputs once more, where one of them makes a macro stand for __has_include.
func (g *gathering) operators() error {
	var all facts
	for _, input := range g.inputs {
		all.addOperators(input.facts.operators)
	}
	if len(all.operators) == 0 {
		return nil
	}
	for _, arg := range g.c.Args {
		for _, op := range all.operators {
			if strings.Contains(arg, op.name) {
				return compile.Refuse(compile.ReasonComputed, arg)
			}
		}
	}
	for i := range g.inputs {
		input := &g.inputs[i]
		text, d, err := g.files.Read(input.path, maxSource)
		if err != nil || d != input.digest {
			return compile.Refuse(compile.ReasonInputChanged, input.path)
		}
		input.facts = scanAs(text, isAssembly(g.c.Language), all.operators)
	}
	return nil
}

// addSigns adds what of another file's facts counts for all files together.
func (f *facts) addSigns(other *facts) {
	f.asm = f.asm || other.asm
	f.asmFiles = f.asmFiles || other.asmFiles
	f.paste = f.paste || other.paste
	f.directives.merge(other.directives)
	f.fileNames = f.fileNames || other.fileNames
	f.callerFile = f.callerFile || other.callerFile
	f.location = f.location || other.location
	f.time.merge(other.time)
}

// refuseByContent refuses what cannot be covered by a key.
func (g *gathering) refuseByContent() error {
	for _, input := range g.inputs {
		f := input.facts
		switch {
		case f == nil:
		case f.refuse != "":
			return compile.Refuse(compile.ReasonDirective, f.refuse+" in "+input.path)
		case f.computedHas:
			return compile.Refuse(compile.ReasonComputed, input.path)
		case f.modules && g.c.Language == "c++":
			return compile.Refuse(compile.ReasonModules, input.path)
		}
	}
	for _, arg := range g.c.Args {
		if g.chain.clang && strings.HasPrefix(arg, "-fms-compatibility") {
			// Names are then looked for beside every file that is being included.
			return compile.Refuse(compile.ReasonOption, arg)
		}
		if charset, ok := strings.CutPrefix(arg, "-finput-charset="); ok && !isASCIISuperset(charset) {
			return compile.Refuse(compile.ReasonOption, arg)
		}
	}
	if g.union.paste {
		if macro := g.union.time.pasted(); macro != "" {
			return compile.Refuse(compile.ReasonTimeMacro, macro+" put together with ##")
		}
	}
	named := g.union.time.named
	if named == 0 {
		return nil
	}
	_, epoch := g.c.Getenv("SOURCE_DATE_EPOCH")
	heeded := !g.chain.clang || g.chain.major >= 16
	if epoch && heeded && named&(1<<timestampMacro) == 0 {
		return nil // the variable is in the recipe
	}
	for i, macro := range timeMacros {
		if named&(1<<i) != 0 {
			return compile.Refuse(compile.ReasonTimeMacro, macro)
		}
	}
	return nil
}

// isASCIISuperset reports whether a character set writes no character with bytes that mean another one in ASCII, so that
// scan reads it right.
func isASCIISuperset(charset string) bool {
	charset = strings.ToLower(charset)
	switch charset {
	case "utf-8", "utf8", "ascii", "us-ascii", "latin1", "latin-1", "koi8-r", "euc-jp", "euc-kr":
		return true
	}
	return strings.HasPrefix(charset, "iso-8859-") || strings.HasPrefix(charset, "iso8859-") ||
		strings.HasPrefix(charset, "windows-125") || strings.HasPrefix(charset, "cp125")
}

// bindAll returns why the outputs depend on the roots though no scan of them need show it: a project's file asks for its
// own name while some are spelled by absolute path, which no map replaces. Constant folding can leave no trace of the name.
func (g *gathering) bindAll(sources int) string {
	uses, spelled := g.args.fileNames, false
	reached := g.chain.mapsNames(&g.args)
	for _, input := range g.inputs[:sources] {
		if input.facts == nil || g.builtIn(input.path) {
			continue
		}
		uses = uses || input.facts.fileNames
		reached = reached && g.chain.mapsNames(input.facts)
	}
	for _, input := range g.inputs[:sources] {
		if input.facts != nil && !g.builtIn(input.path) {
			spelled = spelled || input.absolute && !(input.mapped && reached)
		}
	}
	if uses && spelled {
		return "file-macro"
	}
	if why := g.bindMaps(sources); why != "" {
		return why
	}
	if g.asmAbsolute {
		return "absolute-include"
	}
	for _, input := range g.inputs[:sources] {
		if input.facts == nil {
			continue
		}
		for _, name := range input.facts.defines {
			// An #include <MACRO> may have read it.
			if i, ok := g.byPath[name]; ok && g.inputs[i].absolute && !g.builtIn(name) {
				return "absolute-include"
			}
		}
		for _, in := range input.facts.includes {
			// The text names one file, in whichever checkout it stands.
			if strings.HasPrefix(in.name, "/") && !g.builtIn(in.name) {
				return "absolute-include"
			}
		}
	}
	return ""
}

// builtIn reports whether a path lies below a built-in search directory.
func (g *gathering) builtIn(path string) bool {
	return slices.ContainsFunc(g.chain.searchDirs, func(dir string) bool {
		return len(path) > len(dir) && path[len(dir)] == '/' && strings.HasPrefix(path, dir)
	})
}
