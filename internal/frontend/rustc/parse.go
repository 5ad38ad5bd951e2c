package rustc

import (
	"fmt"
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
	outFile   string   // -o
	units     string   // -C codegen-units
	externs   []string // absolute
	named     []string // further files named by options, absolute
	noBitcode bool     // -C embed-bitcode=no
	bitcode   bool     // objects are for link-time optimisation
	lto       bool     // link-time optimisation of all crates
	pluginLTO bool     // by the linker
	linker    string   // -C linker
	flavor    string   // -C linker-flavor
	lld       bool     // options select rustc's own linker
	forDriver []string // -C link-arg and link-args
	features  []string // -C target-feature
	question  string
	readers   []reader         // macros that read more than tokens
	asked     []string         // "version", "help", "explain", "print KIND"
	width     string           // --diagnostic-width
	declined  *compile.Decline // the first reason not to cache

	onProcessor bool // this machine's processor is part of what counts
}

// Parse implements frontend.Frontend.
func (f *Frontend) Parse(inv *compile.Invocation, files frontend.Files) (*compile.Compilation, *compile.Decline) {
	p := f.read(inv, files)
	d := p.decide()
	if d == nil {
		d = p.finish()
	}
	if d != nil && d.Outcome == compile.Uncacheable && len(p.c.Outputs) == 0 && p.det.crate != "" && p.outDir != "" {
		// Nothing is done with it: it tells whoever asks by the crate's name why it was not cached.
		p.c.Outputs = []compile.Output{{Role: roleLibrary, Path: filepath.Join(p.outputDir(), p.det.crate+p.det.extra)}}
	}
	return p.c, d
}

// read reads the arguments of a call.
func (f *Frontend) read(inv *compile.Invocation, files frontend.Files) *parser {
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
		p.c.Source = frontend.Absolute(inv.Dir, p.sources[0])
	}
	return p
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
		return p.decideInput()
	case len(p.sources) == 0:
		if slices.ContainsFunc(p.inv.Args, func(arg string) bool { return strings.HasPrefix(arg, "@") }) {
			return p.declined
		}
		return &compile.Decline{Outcome: compile.NotCompile, Detail: "no source"}
	}
	if p.outFile != "" {
		p.refuse(compile.ReasonOption, "-o "+p.outFile)
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
	case !p.emits("dep-info") && !p.probes():
		return compile.Refuse(compile.ReasonOption, "--emit without dep-info")
	case !p.emits("metadata") && !p.emits("link"):
		return compile.Refuse(compile.ReasonDependencies, "--emit=dep-info")
	}
	return nil
}

// finish fills the compilation in.
func (p *parser) finish() *compile.Decline {
	c, inv := p.c, p.inv
	if !p.stdin {
		if info, err := p.files.Stat(c.Source); err != nil || !info.IsRegular() {
			return compile.Refuse(compile.ReasonInput, p.det.source)
		}
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
	p.messageWidth()
	// The names of outputs change with every flag.
	c.Unit = fmt.Sprintf("%s crate %s of type %q, output %q, test %t, target %s", c.Kind, p.det.crate, p.types, p.emit, p.test, p.det.target)
	c.Failures = p.probes()
	if d := p.plainDirs(); d != nil {
		return d
	}
	if d := p.loaded(); d != nil {
		return d
	}
	if !p.stdin {
		c.Inputs = append(c.Inputs, c.Source)
	}
	c.Inputs = append(append(c.Inputs, p.det.crates...), p.named...)
	c.Dirs = slices.Concat(p.det.crateDirs, p.det.nativeDirs)
	if out, ok := inv.Getenv("OUT_DIR"); ok && strings.HasPrefix(out, "/") {
		c.Dirs = append(c.Dirs, out)
	}
	if p.det.reach > reachTokens || p.det.clippy {
		return p.unbounded()
	}
	return nil
}

// roots names the directories of cargo in which paths lie: they may lie elsewhere on another machine, and most outputs do not
// depend on where.
func (p *parser) roots() {
	add := func(name, path string) {
		if path != "" {
			p.c.Roots = append(p.c.Roots, compile.Root{Name: name, Path: path})
		}
	}
	add("target", p.targetDir())
	add("cargo-home", p.cargoHome())
}

// cargoHome returns cargo's home, "" where it is not known.
func (p *parser) cargoHome() string {
	if home, ok := p.inv.Getenv("CARGO_HOME"); ok && strings.HasPrefix(home, "/") {
		return home
	}
	if home, ok := p.inv.Getenv("HOME"); ok && strings.HasPrefix(home, "/") {
		return filepath.Join(home, ".cargo")
	}
	return ""
}

// targetDir returns cargo's target directory, "" where the outputs go to none. Cargo marks it as a cache; an older cargo's, or one that was
// made by hand, is known by its names: .../target/debug/deps, .../target/TRIPLE/debug/deps or .../target/debug/build/PACKAGE-HASH. What is
// made for a target that was asked for lies in a directory of its name in it, which is marked too.
func (p *parser) targetDir() string {
	const tag, deepest = "CACHEDIR.TAG", 8
	out := p.outputDir()
	for i, d := 0, filepath.Dir(out); i < deepest && len(d) > 1; i, d = i+1, filepath.Dir(d) {
		if p.files.Exists(d, tag) {
			return p.aboveTriple(d)
		}
	}
	if filepath.Base(filepath.Dir(out)) == "build" {
		out = filepath.Dir(out)
	}
	if base := filepath.Base(out); base == "deps" || base == "examples" || base == "build" {
		return p.aboveTriple(filepath.Dir(filepath.Dir(out)))
	}
	return ""
}

// aboveTriple returns the directory above that of the compile's target, which others are beside.
func (p *parser) aboveTriple(dir string) string {
	if p.det.target != "" && filepath.Base(dir) == strings.TrimSuffix(filepath.Base(p.det.target), ".json") {
		return filepath.Dir(dir)
	}
	return dir
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
	if p.det.link != nil {
		p.c.EnvNames = sorted(slices.Concat(p.c.EnvNames, linkVariables)...)
	}
	return nil
}
