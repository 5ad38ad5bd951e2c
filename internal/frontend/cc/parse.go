package cc

import (
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// Match implements frontend.Frontend.
func (*Frontend) Match(base string) bool { return Shimmable(base) }

// Parse implements frontend.Frontend. It understands compiles of one C, C++ or assembly source to an object, nothing else.
func (*Frontend) Parse(inv *compile.Invocation, files frontend.Files) (*compile.Compilation, *compile.Decline) {
	p := parser{inv: inv, files: files, lstat: lstat, det: &detail{}}
	c, d := p.parse()
	if d != nil {
		return p.known(), d
	}
	return c, nil
}

// known returns what is known of a declined call, so that people can ask about it by its source.
func (p *parser) known() *compile.Compilation {
	if p.table == nil {
		return nil
	}
	c := &compile.Compilation{Invocation: p.inv, Kind: "gcc"}
	if p.det.clang {
		c.Kind = "clang"
	}
	if len(p.sources) > 0 {
		c.Source = frontend.Absolute(p.inv.Dir, p.sources[0].arg)
	}
	return c
}

// parser is one call of Parse.
type parser struct {
	inv       *compile.Invocation
	files     frontend.Files
	lstat     func(path string) (os.FileMode, bool) // also true where the name is there but cannot be examined
	c         *compile.Compilation
	det       *detail
	table     *optionTable
	cxxDriver bool

	args    []string // expanded
	sources []source
	linker  int    // inputs for a linker
	stdin   bool   // "-" is an input
	lang    string // -x in force

	compile  bool             // -c
	mode     *compile.Decline // another mode
	question string           // an option that asks something
	declined *compile.Decline // the first reason not to cache a compile

	output     string
	haveOutput bool
	depFile    string // -MF or -Wp,-MD: as given
	wpDeps     bool   // dependency output by -Wp,
	depOptions string // an option that needs -MD: -MF, -MT, -MQ or -MP
	depFileSet bool
	side       []string // roles of further outputs
	bindAll    string
	colour     bool
	named      []string // files named by option values, absolute

	xclangFeature bool // the next -Xclang is a target feature
}

// source is an input that is no linker's.
type source struct {
	arg    string
	given  string // -x in force
	lang   string
	reason compile.ReasonID // why it is none of ours
}

func (p *parser) parse() (*compile.Compilation, *compile.Decline) {
	name, ok := driverName(baseOf(p.inv.Program))
	if !ok {
		return nil, compile.Refuse(compile.ReasonCompiler, p.inv.Program)
	}
	name = p.resolve(name)
	p.cxxDriver = strings.HasSuffix(name, "++")
	p.det.clang = strings.HasPrefix(name, "clang")
	p.table = gccOptions
	if p.det.clang {
		p.table = clangOptions
	}
	args, responses, d := expand(p.inv.Dir, p.inv.Args, p.files)
	if d != nil {
		return nil, d
	}
	p.args = args
	p.c = &compile.Compilation{Invocation: p.inv, Args: args, Detail: p.det}
	p.readArgs()
	if d := p.decide(); d != nil {
		return nil, d
	}
	return p.finish(responses)
}

// resolve follows the links of a driver named cc or c++, because they often lead to gcc or to clang. On macOS all drivers
// in /usr/bin are clang.
func (p *parser) resolve(name string) string {
	path := p.inv.Program
	if runtime.GOOS == "darwin" && strings.HasPrefix(path, "/usr/bin/") {
		if strings.HasSuffix(name, "++") {
			return "clang++"
		}
		return "clang"
	}
	for range 8 {
		if name != "cc" && name != "c++" {
			break
		}
		target, err := os.Readlink(path)
		if err != nil {
			break
		}
		path = frontend.Absolute(path[:strings.LastIndexByte(path, '/')+1], target)
		next, ok := driverName(baseOf(path))
		if !ok {
			break
		}
		name = next
	}
	return name
}

// refuse keeps the first reason not to cache.
func (p *parser) refuse(reason compile.ReasonID, detail string) {
	if p.declined == nil {
		p.declined = compile.Refuse(reason, detail)
	}
}

func (p *parser) bind(why string) {
	if p.bindAll == "" {
		p.bindAll = why
	}
}

// readArgs reads all arguments, also behind one that declines: what the call is decides before that.
func (p *parser) readArgs() {
	onlyInputs := false
	for i := 0; i < len(p.args); i++ {
		arg := p.args[i]
		switch {
		case onlyInputs || len(arg) == 0 || arg[0] != '-':
			p.input(arg)
			continue
		case arg == "-":
			p.stdin = true
			continue
		case arg == "--" && p.det.clang:
			onlyInputs = true
			continue
		}
		o, value, ok := p.table.lookup(arg)
		if !ok {
			p.refuse(compile.ReasonUnknownOption, arg)
			continue
		}
		if o.separate {
			i++
			if i == len(p.args) {
				p.refuse(compile.ReasonArguments, arg)
				return
			}
			value = p.args[i]
		}
		p.option(o, arg, value)
	}
}

func (p *parser) input(arg string) {
	lang, reason := p.language(arg, p.lang)
	if lang == "" && reason == "" {
		p.linker++
		return
	}
	p.sources = append(p.sources, source{arg, p.lang, lang, reason})
}

// decide returns why the call is no compile that we cache, the plainest reason first.
func (p *parser) decide() *compile.Decline {
	switch {
	case p.question != "":
		return &compile.Decline{Outcome: compile.NotCompile, Detail: p.question}
	case p.stdin:
		return compile.Refuse(compile.ReasonStdin, "-")
	case len(p.sources) == 0:
		return &compile.Decline{Outcome: compile.NotCompile, Detail: "no source"}
	case p.mode != nil:
		return p.mode
	case !p.compile:
		return compile.Refuse(compile.ReasonCompileLink, p.sources[0].arg)
	case len(p.sources)+p.linker > 1:
		return compile.Refuse(compile.ReasonMultipleSources, p.sources[len(p.sources)-1].arg)
	case p.sources[0].reason != "":
		return compile.Refuse(p.sources[0].reason, p.sources[0].arg)
	case p.declined != nil:
		return p.declined
	case p.wpDeps && p.depFileSet:
		return compile.Refuse(compile.ReasonArguments, "-MF")
	case p.depOptions != "" && p.det.userDeps == depsNone:
		// gcc refuses them without -MD; with the one that we add it would not.
		return compile.Refuse(compile.ReasonArguments, p.depOptions)
	case p.xclangFeature:
		return compile.Refuse(compile.ReasonArguments, "-Xclang")
	}
	return nil
}

// finish fills the compilation in.
func (p *parser) finish(responses []string) (*compile.Compilation, *compile.Decline) {
	src := p.sources[0]
	c, inv := p.c, p.inv
	c.Kind, c.Language = "gcc", src.lang
	if p.det.clang {
		c.Kind = "clang"
	}
	p.det.sourceArg = src.arg
	c.Dirs = slices.Concat(p.det.quoteDirs, p.det.includeDirs, p.det.systemDirs, p.det.afterDirs, p.det.assemblerDirs)
	c.Source = frontend.Absolute(inv.Dir, src.arg)
	if isAssembly(src.lang) {
		if d := p.assembly(); d != nil {
			return nil, d
		}
		if src.lang == plainAssembly {
			p.det.userDeps = depsNone // whatever is asked for, nothing is written
		}
	} else if src.given != "" && src.given != "none" {
		p.det.probeArgs = append(p.det.probeArgs, "-x", src.lang)
	}
	c.PerSource = perSource(c.Source)
	c.BindAll = p.bindAll
	for _, path := range []string{inv.Dir, src.arg, p.output, p.depFile} {
		if strings.Contains(path, "\n") {
			return nil, compile.Refuse(compile.ReasonArguments, path)
		}
	}
	if info, err := p.files.Stat(c.Source); err != nil || !info.IsRegular() {
		return nil, compile.Refuse(compile.ReasonInput, src.arg)
	}
	c.Inputs = append(c.Inputs, c.Source)
	c.Inputs = append(append(c.Inputs, responses...), p.named...)

	pwd, d := environment(inv.Env)
	if d != nil {
		return nil, d
	}
	c.EnvNames = namesOf(inv.Env, inv.Columns > 0 || p.colour)
	p.apparentDirectory(pwd)
	if d := p.outputs(); d != nil {
		return nil, d
	}
	return c, nil
}

// apparentDirectory notes the directory that PWD names where it is the working directory under another spelling: gcc and clang
// take it for DW_AT_comp_dir.
func (p *parser) apparentDirectory(pwd string) {
	if pwd == "" || pwd == p.inv.Dir || pwd[0] != '/' {
		return
	}
	apparent, err := p.files.Stat(pwd)
	if err != nil {
		return
	}
	physical, err := p.files.Stat(p.inv.Dir)
	if err != nil || apparent.Dev != physical.Dev || apparent.Ino != physical.Ino {
		return
	}
	p.c.Facts = append(p.c.Facts, "apparent directory "+pwd)
	p.bind("apparent-directory")
	p.c.BindAll = p.bindAll
}
