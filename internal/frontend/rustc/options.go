package rustc

import (
	"regexp"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// longOptions tells of each long option whether it has a value. What is not here is not known.
var longOptions = map[string]bool{
	"cfg": true, "check-cfg": true, "crate-type": true, "crate-name": true, "edition": true, "emit": true, "print": true,
	"out-dir": true, "explain": true, "test": false, "target": true, "allow": true, "warn": true, "force-warn": true,
	"deny": true, "forbid": true, "cap-lints": true, "codegen": true, "version": false, "verbose": false, "extern": true,
	"sysroot": true, "error-format": true, "json": true, "color": true, "diagnostic-width": true,
	"remap-path-prefix": true, "remap-path-scope": true, "help": false,
}

// shortOptions is the same for options of one letter.
var shortOptions = map[byte]bool{
	'L': true, 'l': true, 'C': true, 'A': true, 'W': true, 'D': true, 'F': true, 'o': true, 'Z': true,
	'g': false, 'O': false, 'v': false, 'V': false, 'h': false,
}

// names of short options that have a long one.
var longNames = map[byte]string{'C': "codegen", 'A': "allow", 'W': "warn", 'D': "deny", 'F': "forbid", 'V': "version", 'h': "help", 'v': "verbose"}

// plainCodegen are the options of -C that are covered by the recipe's verbatim arguments: they change code or metadata and read no
// file, or matter to links only.
var plainCodegen = set(
	"ar", "code-model", "codegen-units", "collapse-macro-debuginfo", "control-flow-guard", "debug-assertions", "debuginfo",
	"default-linker-libraries", "dlltool", "dwarf-version", "extra-filename", "force-frame-pointers", "force-unwind-tables",
	"inline-threshold", "jump-tables", "link-arg", "link-args", "link-dead-code", "link-self-contained", "linker",
	"linker-features", "linker-flavor", "metadata", "no-prepopulate-passes", "no-redzone", "no-stack-check",
	"no-vectorize-loops", "no-vectorize-slp", "opt-level", "overflow-checks", "panic", "prefer-dynamic", "relocation-model",
	"relro-level", "rpath", "soft-float", "strip", "symbol-mangling-version", "target-feature",
)

// plainUnstable are such options of -Z. What a sanitizer links is in the directory of the compiler's own libraries.
var plainUnstable = set(
	"allow-features", "always-encode-mir", "branch-protection", "cf-protection", "cross-crate-inline-threshold", "default-visibility",
	"dwarf-version", "fewer-names", "fmt-debug", "force-unstable-if-unmarked", "function-return", "function-sections", "hint-mostly-unused",
	"inline-mir", "inline-mir-hint-threshold", "inline-mir-threshold", "instrument-mcount", "layout-seed", "location-detail",
	"macro-backtrace", "merge-functions", "min-function-alignment", "mir-enable-passes", "mir-opt-level", "mutable-noalias",
	"next-solver", "no-unique-section-names", "panic-abort-tests", "plt", "polonius", "proc-macro-backtrace", "randomize-layout",
	"relax-elf-relocations", "sanitizer", "sanitizer-memory-track-origins", "sanitizer-recover", "saturating-float-casts",
	"share-generics", "stack-protector", "strict-init-checks", "threads", "tls-model", "trap-unreachable", "tune-cpu", "ub-checks",
	"unstable-options", "validate-mir", "verify-llvm-ir",
)

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

// readArgs reads all arguments, also behind one that declines: what the call is decides before that.
func (p *parser) readArgs(args []string) {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if strings.HasPrefix(arg, "@") {
			// rustc puts the lines of that file here, wherever it stands: behind --cfg too.
			p.refuse(compile.ReasonArguments, arg)
			continue
		}
		var name, value string
		var valued, given bool
		switch {
		case arg == "-":
			p.stdin = true
			p.c.Args = append(p.c.Args, arg)
			continue
		case !strings.HasPrefix(arg, "-"):
			p.input(arg)
			continue
		case arg == "-vV" || arg == "-Vv":
			p.question = arg
			p.asked = append(p.asked, "version")
			continue
		case strings.HasPrefix(arg, "--"):
			name, value, given = strings.Cut(arg[2:], "=")
			var known bool
			if valued, known = longOptions[name]; !known || given && !valued {
				p.refuse(compile.ReasonUnknownOption, arg)
				continue
			}
		default:
			var known bool
			if valued, known = shortOptions[arg[1]]; !known || !valued && len(arg) > 2 {
				p.refuse(compile.ReasonUnknownOption, arg)
				continue
			}
			name, value, given = arg[1:2], arg[2:], len(arg) > 2
			if long, ok := longNames[arg[1]]; ok {
				name = long
			}
		}
		verbatim := []string{arg}
		if valued && !given {
			i++
			if i == len(args) {
				p.refuse(compile.ReasonArguments, arg)
				return
			}
			value = args[i]
			verbatim = append(verbatim, value)
			if strings.HasPrefix(value, "@") {
				p.refuse(compile.ReasonArguments, value)
			}
		}
		p.option(name, value, verbatim)
	}
}

// option applies one option. What stands in the recipe is the option as it was spelled, but for those whose values are paths:
// these stand alone, so that they can be spelled with roots.
func (p *parser) option(name, value string, verbatim []string) {
	keep := func(args ...string) { p.c.Args = append(p.c.Args, args...) }
	shown := strings.Join(verbatim, " ")
	switch name {
	case "version", "help", "explain", "print":
		p.question = shown
		p.asked = append(p.asked, strings.TrimSpace(name+" "+value))
	case "crate-name":
		p.det.crate = value
		keep(verbatim...)
	case "crate-type":
		p.types = append(p.types, strings.Split(value, ",")...)
		keep(verbatim...)
	case "emit":
		p.emit = append(p.emit, strings.Split(value, ",")...)
		keep(verbatim...)
	case "test":
		p.test = true
		keep(verbatim...)
	case "out-dir":
		if p.outDir != "" || value == "" {
			p.refuse(compile.ReasonArguments, shown)
		}
		p.outDir = value
		keep("--out-dir", value)
	case "extern":
		p.extern(value)
	case "L":
		p.search(value)
	case "l":
		p.native(value)
		keep(verbatim...)
	case "target":
		p.det.target = value
		if strings.HasSuffix(value, ".json") {
			p.named = append(p.named, frontend.Absolute(p.inv.Dir, value))
		}
		keep("--target", value)
	case "json":
		if strings.Contains(value, "timings") {
			p.refuse(compile.ReasonOption, shown)
		}
		p.notices = p.notices || strings.Contains(value, "artifacts")
		keep(verbatim...)
	case "diagnostic-width":
		if p.width != "" || value == "" {
			p.refuse(compile.ReasonArguments, shown)
		}
		p.width = value
	case "error-format":
		p.det.humanText = value != "json"
		keep(verbatim...)
	case "codegen":
		p.codegen(value, shown)
		keep(verbatim...)
	case "Z":
		option, v, _ := strings.Cut(value, "=")
		if option = strings.ReplaceAll(option, "_", "-"); !plainUnstable[option] {
			p.refuse(compile.ReasonUnknownOption, shown)
		}
		if option == "tune-cpu" && v == native {
			p.processor(shown)
		}
		keep(verbatim...)
	case "remap-path-prefix":
		if strings.Count(value, "=") > 1 {
			p.bind("prefix-map") // the recipe takes the first "=" for the end of the path, rustc the last
		}
		keep("--remap-path-prefix=" + value)
	case "remap-path-scope":
		p.det.unmappable = true // ours would be narrowed too, and paths left in metadata
		keep(verbatim...)
	case "o":
		if p.outFile != "" || value == "" {
			p.refuse(compile.ReasonArguments, shown)
		}
		p.outFile = value
		keep("-o", value)
	case "sysroot":
		p.refuse(compile.ReasonOption, shown)
	default:
		keep(verbatim...)
	}
}

func (p *parser) codegen(value, shown string) {
	name, v, given := strings.Cut(value, "=")
	name = strings.ReplaceAll(name, "_", "-")
	switch {
	case plainCodegen[name]:
		switch name {
		case "codegen-units":
			p.units = v
		case "extra-filename":
			p.det.extra = v
		case "linker":
			p.linker = v
		case "linker-flavor":
			p.flavor = v
		case "linker-features", "link-self-contained":
			p.lld = true
		case "target-feature":
			p.features = append(p.features, strings.Split(v, ",")...)
		case "link-arg":
			p.forDriver = append(p.forDriver, v)
		case "link-args":
			p.forDriver = append(p.forDriver, strings.Fields(v)...)
		case "rpath":
			if !given || !isNo(v) {
				p.bind("rpath") // relative paths between directories
				p.det.rpath = true
			}
		}
	case name == "incremental":
		p.refuse(compile.ReasonIncremental, shown)
	case name == "embed-bitcode":
		p.noBitcode = given && isNo(v)
	case name == "lto", name == "linker-plugin-lto":
		if !given || !isNo(v) && v != "off" {
			p.bitcode = true
			p.lto = p.lto || name == "lto"
			p.pluginLTO = p.pluginLTO || name == "linker-plugin-lto"
		}
	case name == "instrument-coverage":
		if !given || !isNo(v) && v != "off" && v != "0" {
			p.bind("coverage")
			p.det.unmappable = true // reports look for the sources
		}
	case name == "profile-generate":
		p.bind("profile")
	case name == "profile-use":
		p.named = append(p.named, frontend.Absolute(p.inv.Dir, v))
	case name == "llvm-args" && tunesLLVM(v):
	case name == "target-cpu":
		if v == native {
			p.processor(shown)
		}
	case name == "split-debuginfo" && v == "off":
	default:
		// These write or read further files.
		switch name {
		case "llvm-args", "split-debuginfo", "save-temps", "passes", "remark", "no-integrated-as":
			p.refuse(compile.ReasonOption, shown)
		default:
			p.refuse(compile.ReasonUnknownOption, shown)
		}
	}
}

// tuning is an option of LLVM that can name no file: a switch, a number or a word of those that are known. Of the switches some write files.
var (
	tuning  = regexp.MustCompile(`^--?[A-Za-z0-9_-]+(?:=(?:-?[0-9]+|true|false))?$|^--?x86-asm-syntax=(?:intel|att)$`)
	drawing = regexp.MustCompile(`\b(?:dot|view|dump|save|write|file|output|json)\b`)
)

// tunesLLVM reports whether options of LLVM read and write no file.
func tunesLLVM(v string) bool {
	return !slices.ContainsFunc(strings.Fields(v), func(word string) bool { return !tuning.MatchString(word) || drawing.MatchString(word) })
}

func isNo(v string) bool { return v == "no" || v == "n" || v == "off" || v == "false" }

// pathless are the crates that --extern may name without a path: they come with the compiler.
var pathless = set("proc_macro", "std", "core", "alloc", "test")

// extern notes --extern [MODIFIERS:]NAME[=PATH]. The recipe has the name; the file's content is an input.
func (p *parser) extern(value string) {
	name, path, given := strings.Cut(value, "=")
	if !given {
		if !pathless[name[strings.LastIndexByte(name, ':')+1:]] {
			p.refuse(compile.ReasonOption, "--extern "+value)
		}
		p.c.Args = append(p.c.Args, "--extern "+name)
		return
	}
	if path == "" {
		p.refuse(compile.ReasonArguments, "--extern "+value)
		return
	}
	p.externs = append(p.externs, frontend.Absolute(p.inv.Dir, path))
	p.c.Args = append(p.c.Args, "--extern "+name, path)
}

// searchKinds are the kinds of directories that -L names. Another word before "=" belongs to the path.
var searchKinds = set("all", "crate", "dependency", "framework", "native")

// search notes -L [KIND=]PATH. Where a directory is searched for crates by their names alone, a new file may change which is
// found, and no listing of a directory that every compile writes to could be part of a key.
func (p *parser) search(value string) {
	kind, path, given := strings.Cut(value, "=")
	if !given || !searchKinds[kind] {
		kind, path = "all", value
	}
	if path == "" || strings.HasPrefix(path, "@") {
		p.refuse(compile.ReasonOption, "-L "+value)
		return
	}
	switch kind {
	case "all":
		p.plainDir(path)
	case "dependency":
		p.det.crateDirs = append(p.det.crateDirs, frontend.Absolute(p.inv.Dir, path))
	case "native":
		p.det.nativeDirs = append(p.det.nativeDirs, frontend.Absolute(p.inv.Dir, path))
	default:
		p.refuse(compile.ReasonOption, "-L "+value)
		return
	}
	p.c.Args = append(p.c.Args, "-L "+kind, path)
}

// native notes -l [KIND[:MODIFIERS]=]NAME[:RENAME]. Only static libraries are read, and only by a compile that makes a library.
func (p *parser) native(value string) {
	kind, name, given := strings.Cut(value, "=")
	if !given {
		kind, name = "", value
	}
	kind, modifiers, _ := strings.Cut(kind, ":")
	if strings.Contains(modifiers, "verbatim") {
		p.refuse(compile.ReasonOption, "-l "+value)
		return
	}
	switch kind {
	case "dylib", "framework":
	case "", "static": // "" is static where the source says so
		name, _, _ = strings.Cut(name, ":")
		p.det.nativeLibs = append(p.det.nativeLibs, name)
		p.det.static = p.det.static || kind == "static"
	default:
		p.refuse(compile.ReasonOption, "-l "+value)
	}
}
