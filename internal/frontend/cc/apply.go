package cc

import (
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// option applies one option; value is that of a joined or separate one.
func (p *parser) option(o option, arg, value string) {
	switch o.class {
	case classPlain:
		p.value(arg, value)
	case classToolchain:
		p.toolchain(o, arg, value)
	case classOptimise:
		if !optimisation(value) {
			p.refuse(compile.ReasonUnknownOption, arg)
		}
	case classWarning, classMacro:
	case classPath:
		p.pathNames(arg, value)
	case classColour:
		p.colour = true
	case classFile:
		p.file(arg, value)
	case classIncludeDir:
		p.directory(&p.det.includeDirs, arg, value)
	case classQuoteDir:
		p.directory(&p.det.quoteDirs, arg, value)
	case classSystemDir:
		p.directory(&p.det.systemDirs, arg, value)
	case classAfterDir:
		p.directory(&p.det.afterDirs, arg, value)
	case classPreInclude:
		if value == "" || strings.Contains(value, "\n") {
			p.refuse(compile.ReasonArguments, arg)
		}
		p.det.preIncludes = append(p.det.preIncludes, value)
	case classOutput:
		// Today's gcc and clang take the last; nobody relies on it.
		if p.haveOutput || value == "" || value == "-" {
			p.refuse(compile.ReasonArguments, arg)
		}
		p.output, p.haveOutput = value, true
	case classLanguage:
		p.lang = value
	case classDep:
		if p.wpDeps {
			p.refuse(compile.ReasonOption, arg)
		}
		p.dependencies(arg)
	case classDepFile:
		if value == "" {
			p.refuse(compile.ReasonArguments, arg)
		}
		p.depFile, p.depFileSet, p.depOptions = value, true, arg
	case classDepTarget, classDepFlag:
		p.depOptions = arg
	case classSide:
		p.addSide(o.detail)
	case classBind:
		p.bind(o.detail)
		p.value(arg, value)
	case classPreprocessor:
		p.preprocessorList(arg)
	case classAssembler:
		if o.separate {
			p.assemblerWords([]string{value}, arg+" "+value)
		} else {
			p.assemblerWords(strings.Split(value, ","), arg)
		}
	case classXclang:
		p.frontendOption(value)
	case classXpreprocessor:
		if value != "-fopenmp" {
			p.refuse(compile.ReasonOption, arg+" "+value)
		}
	case classCompile:
		p.compile = true
	case classMode:
		if p.mode == nil {
			p.mode = compile.Refuse(compile.ReasonID(o.detail), arg)
		}
	case classQuestion:
		p.question = arg
	case classDecline:
		p.refuse(compile.ReasonID(o.detail), arg)
	}
}

// toolchain keeps an option for probes. The family -m is taken whole, because its options differ by target and select code;
// those that do more are in the table.
func (p *parser) toolchain(o option, arg, value string) {
	p.det.probeArgs = append(p.det.probeArgs, arg)
	if o.separate {
		p.det.probeArgs = append(p.det.probeArgs, value)
		return
	}
	if o.name != "-m" {
		return
	}
	if value == "" {
		p.refuse(compile.ReasonUnknownOption, arg)
		return
	}
	kind, name, _ := strings.Cut(value, "=")
	switch kind {
	case "arch", "cpu", "tune":
		p.det.native = p.det.native || strings.HasPrefix(name, "native")
	default:
		p.value(arg, value)
	}
}

// value makes the content of a file that the value of an accepted option happens to name an input, whether or not we know
// that the compiler reads it: -fsomething=FILE and -fsomething=key=FILE.
func (p *parser) value(arg, value string) {
	_, v, ok := strings.Cut(arg, "=")
	if !ok || value == "" || v == "" || v[0] >= '0' && v[0] <= '9' && !strings.ContainsAny(v, "./") {
		return
	}
	p.ifFile(v)
	if i := strings.LastIndexByte(v, '='); i >= 0 && i+1 < len(v) {
		p.ifFile(v[i+1:])
	}
}

func (p *parser) ifFile(v string) {
	path := frontend.Absolute(p.inv.Dir, v)
	if info, err := p.files.Stat(path); err == nil && info.IsRegular() {
		p.named = append(p.named, path)
	}
}

func (p *parser) file(arg, value string) {
	n := len(p.named)
	if value != "" && !strings.Contains(value, "\n") {
		p.ifFile(value)
	}
	if len(p.named) == n {
		p.refuse(compile.ReasonInput, arg)
	}
}

// directory appends a search directory. A leading "=" or "$SYSROOT" stands for the sysroot, which only the toolchain knows.
func (p *parser) directory(list *[]string, arg, value string) {
	if value == "" || strings.Contains(value, "\n") {
		p.refuse(compile.ReasonArguments, arg)
		return
	}
	if value[0] == '=' || value == "-" || strings.HasPrefix(value, "$SYSROOT") {
		p.refuse(compile.ReasonOption, arg)
		return
	}
	*list = append(*list, frontend.Absolute(p.inv.Dir, value))
}

// dependencies notes -MD or -MMD. Where both are given, gcc and clang take the second whatever their order.
func (p *parser) dependencies(arg string) {
	if arg == "-MMD" {
		p.det.userDeps = depsUser
	} else if p.det.userDeps == depsNone {
		p.det.userDeps = depsAll
	}
}

func (p *parser) addSide(role string) {
	switch role {
	case roleSplitDwarf:
		p.det.splitDwarf = true
	case roleCoverage:
		p.bind("coverage")
	}
	for _, r := range p.side {
		if r == role {
			return
		}
	}
	p.side = append(p.side, role)
}
