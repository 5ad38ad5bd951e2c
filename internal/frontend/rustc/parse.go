package rustc

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// parser is one call of Parse.
type parser struct {
	f     *Frontend
	inv   *compile.Invocation
	files frontend.Files
	c     *compile.Compilation
	det   *detail

	sources   []string
	stdin     bool
	types     []string // --crate-type
	emit      []string
	notices   bool // --json=artifacts
	test      bool
	outDir    string
	externs   []string // absolute
	named     []string // further files named by options, absolute
	noBitcode bool     // -C embed-bitcode=no
	bitcode   bool     // objects are for link-time optimisation
	question  string
	declined  *compile.Decline // the first reason not to cache
}

// Parse implements frontend.Frontend.
func (f *Frontend) Parse(inv *compile.Invocation, files frontend.Files) (*compile.Compilation, *compile.Decline) {
	p := &parser{f: f, inv: inv, files: files, det: &detail{humanText: true}}
	p.c = &compile.Compilation{Invocation: inv, Kind: kindOf(filepath.Base(inv.Program)), Language: "rust", Detail: p.det}
	args := inv.Args
	if p.c.Kind == "clippy" {
		p.det.clippy = true
		// As a wrapper it is given the name of rustc first, and ignores it.
		if len(args) > 0 && kindOf(filepath.Base(args[0])) == "rustc" {
			args = args[1:]
		}
	}
	p.readArgs(args)
	if len(p.sources) > 0 {
		p.det.source = p.sources[0]
		p.c.Source = absolute(inv.Dir, p.sources[0])
	}
	if d := p.decide(); d != nil {
		return p.c, d
	}
	if d := p.finish(); d != nil {
		return p.c, d
	}
	return p.c, nil
}

// refuse keeps the first reason not to cache.
func (p *parser) refuse(reason compile.ReasonID, detail string) {
	if p.declined == nil {
		p.declined = compile.Refuse(reason, detail)
	}
}

func (p *parser) bind(why string) {
	if p.c.BindAll == "" {
		p.c.BindAll = why
	}
}

func (p *parser) input(arg string) {
	if strings.HasPrefix(arg, "@") {
		p.refuse(compile.ReasonArguments, arg)
		return
	}
	p.sources = append(p.sources, arg)
	p.c.Args = append(p.c.Args, "source", arg)
}

// emits reports whether an output is asked for.
func (p *parser) emits(kind string) bool { return slices.Contains(p.emit, kind) }

// decide returns why the call is no compile that we cache, the plainest reason first.
func (p *parser) decide() *compile.Decline {
	switch {
	case p.question != "":
		return &compile.Decline{Outcome: compile.NotCompile, Detail: p.question}
	case p.stdin:
		return compile.Refuse(compile.ReasonStdin, "-")
	case len(p.sources) == 0:
		if slices.ContainsFunc(p.inv.Args, func(arg string) bool { return strings.HasPrefix(arg, "@") }) {
			return p.declined
		}
		return &compile.Decline{Outcome: compile.NotCompile, Detail: "no source"}
	}
	if d := p.links(); d != nil {
		return d
	}
	if p.declined != nil {
		return p.declined
	}
	switch {
	case len(p.sources) > 1:
		return compile.Refuse(compile.ReasonMultipleSources, p.sources[1])
	case p.det.crate == "":
		return compile.Refuse(compile.ReasonArguments, "no --crate-name")
	case !p.emits("dep-info"):
		return compile.Refuse(compile.ReasonOption, "--emit without dep-info")
	case !p.emits("metadata") && !p.emits("link"):
		return compile.Refuse(compile.ReasonDependencies, "--emit=dep-info")
	}
	return nil
}

// links returns why a call that makes more than a Rust library is declined.
func (p *parser) links() *compile.Decline {
	for _, e := range p.emit {
		if e != "dep-info" && e != "metadata" && e != "link" {
			return compile.Refuse(compile.ReasonOption, "--emit="+e)
		}
	}
	if len(p.emit) > 0 && !p.emits("link") {
		return nil
	}
	if p.test {
		return compile.Refuse(compile.ReasonLink, "--test")
	}
	if len(p.types) == 0 {
		return compile.Refuse(compile.ReasonLink, "no --crate-type") // a program, unless the source says otherwise
	}
	for _, t := range p.types {
		if t != "lib" && t != "rlib" {
			return compile.Refuse(compile.ReasonLink, "--crate-type "+t)
		}
	}
	return nil
}

// finish fills the compilation in.
func (p *parser) finish() *compile.Decline {
	c, inv := p.c, p.inv
	if info, err := p.files.Stat(c.Source); err != nil || !isRegular(info) {
		return compile.Refuse(compile.ReasonInput, p.det.source)
	}
	if p.bitcode || p.emits("link") && !p.noBitcode {
		// Text in bitcode is compressed.
		p.bind("bitcode")
	}
	if d := p.environment(); d != nil {
		return d
	}
	if d := p.outputs(); d != nil {
		return d
	}
	p.roots()
	if d := p.loaded(); d != nil {
		return d
	}
	c.Inputs = append(c.Inputs, c.Source)
	c.Inputs = append(append(c.Inputs, p.det.crates...), p.named...)
	c.Dirs = slices.Concat(p.det.crateDirs, p.det.nativeDirs)
	if out, ok := inv.Getenv("OUT_DIR"); ok && strings.HasPrefix(out, "/") {
		c.Dirs = append(c.Dirs, out)
	}
	if p.det.macros || p.det.clippy {
		return p.unbounded()
	}
	return nil
}

// roots names the directories of cargo in which paths lie: they may lie elsewhere on another machine, and most outputs do not
// depend on where.
func (p *parser) roots() {
	add := func(name, path string) { p.c.Roots = append(p.c.Roots, compile.Root{Name: name, Path: path}) }
	// .../target/debug/deps, or .../target/TRIPLE/debug/deps; cargo marks its target directory for backups.
	if out := absolute(p.inv.Dir, p.outDir); filepath.Base(out) == "deps" || filepath.Base(out) == "examples" {
		target := filepath.Dir(filepath.Dir(out))
		const tag = "CACHEDIR.TAG"
		if up := filepath.Dir(target); !p.files.Exists(target, tag) && p.files.Exists(up, tag) {
			target = up
		}
		add("target", target)
	}
	if home, ok := p.inv.Getenv("CARGO_HOME"); ok && strings.HasPrefix(home, "/") {
		add("cargo-home", home)
	} else if home, ok := p.inv.Getenv("HOME"); ok && strings.HasPrefix(home, "/") {
		add("cargo-home", filepath.Join(home, ".cargo"))
	}
}

// Variables that rustc, the loader of its libraries, or LLVM read, and that may change an output or a message. Variables that a
// crate names are in its dep-info.
var variables = sorted(
	"RUSTC_BOOTSTRAP", "RUSTC_OVERRIDE_VERSION_STRING", "RUST_MIN_STACK", "RUSTC_CTFE_BACKTRACE", "RUSTC_FORCE_RUSTC_VERSION", "LLVM_OVERRIDE_PRODUCER", "QNX_TARGET",
	"RUST_TARGET_PATH", "SDKROOT", "CI", "CARGO_CRATE_NAME",
	"MACOSX_DEPLOYMENT_TARGET", "IPHONEOS_DEPLOYMENT_TARGET", "TVOS_DEPLOYMENT_TARGET", "WATCHOS_DEPLOYMENT_TARGET",
	"XROS_DEPLOYMENT_TARGET", "LANG", "LC_ALL", "LC_MESSAGES",
	"LD_PRELOAD", "LD_AUDIT", "GLIBC_TUNABLES", "DYLD_INSERT_LIBRARIES",
)

// terminalVariables are variables and those read only where stderr is a terminal or colour is asked for.
var terminalVariables = sorted(append([]string{"TERM", "COLUMNS", "COLORTERM", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"}, variables...)...)

func sorted(names ...string) []string {
	slices.Sort(names)
	return names
}

// environment looks for variables that decline the call. Those of the loader that select libraries are the toolchain's.
func (p *parser) environment() *compile.Decline {
	for _, kv := range p.inv.Env {
		name, _, _ := strings.Cut(kv, "=")
		switch {
		case strings.HasPrefix(name, "RUSTC_LOG"),
			name == "SYSROOT" && p.det.clippy,
			name == "RUST_TARGET_PATH" && p.det.target != "" && !strings.HasSuffix(p.det.target, ".json"):
			return compile.Refuse(compile.ReasonEnvironment, name)
		}
	}
	p.c.EnvNames = variables
	if p.inv.Columns > 0 || p.det.humanText {
		p.c.EnvNames = terminalVariables
	}
	return nil
}
