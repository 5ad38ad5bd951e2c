package rustc

import (
	"bytes"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/rustc/linker"
)

// linkage is how a compile calls a linker.
type linkage struct {
	linker.Call
	libDirs []string // where libraries are searched for besides the driver's own directories, absolute
}

// linked returns the crate types of a call that makes a linked or static output, each once and sorted as they are restored; other is
// one that is none of these and no Rust library.
func (p *parser) linked() (types []string, other string) {
	if len(p.emit) > 0 && !p.emits("link") {
		return nil, ""
	}
	if p.test {
		return []string{"bin"}, "" // whatever the types are
	}
	for _, t := range p.types {
		if drops(p.det.target, p.staticCRT(), t) {
			p.det.dropped = true
		} else if isLinkedType(t) {
			types = append(types, t)
		} else if t != "lib" && t != "rlib" {
			other = t
		}
	}
	slices.Sort(types)
	return slices.Compact(types), other
}

// makesRlib reports whether a Rust library is among the outputs.
func (p *parser) makesRlib() bool {
	return p.emits("link") && !p.test && (slices.Contains(p.types, "lib") || slices.Contains(p.types, "rlib"))
}

// isProgram reports whether a source of which no crate type is given is that of a program: it is, unless it says otherwise itself. Cargo
// calls tests and benches with a main function of their own so.
func (p *parser) isProgram() bool {
	if len(p.sources) != 1 {
		return false
	}
	text, _, err := p.files.Read(frontend.Absolute(p.inv.Dir, p.sources[0]), maxSource)
	return err == nil && !bytes.Contains(text, []byte("crate_type"))
}

// links returns why a call that makes more than a Rust library is declined.
func (p *parser) links() *compile.Decline {
	for _, e := range p.emit {
		if e != "dep-info" && e != "metadata" && e != "link" {
			return compile.Refuse(compile.ReasonOption, "--emit="+e)
		}
	}
	if len(p.types) == 0 && !p.test && p.isProgram() {
		p.types = []string{"bin"}
	}
	types, other := p.linked()
	switch {
	case len(p.emit) > 0 && !p.emits("link"):
		return nil
	case other != "":
		return compile.Refuse(compile.ReasonLink, "--crate-type "+other)
	case len(p.types) == 0 && !p.test:
		return compile.Refuse(compile.ReasonLink, "no --crate-type")
	case len(types) == 0 && p.det.dropped && !p.makesRlib():
		return compile.Refuse(compile.ReasonLink, "nothing of it for "+p.det.target)
	case len(types) == 0:
		return nil
	case !linksFor(p.det.target, p.linker):
		return compile.Refuse(compile.ReasonLink, "for "+p.det.target)
	case slices.Contains(types, "cdylib") && (slices.Contains(types, "dylib") || isWasm(p.det.target) && slices.Contains(types, "bin")):
		return compile.Refuse(compile.ReasonLink, "two outputs are one file")
	}
	p.det.archives = p.lto || slices.Contains(types, "staticlib")
	p.det.staticlib = slices.Contains(types, "staticlib")
	if slices.Equal(types, []string{"staticlib"}) {
		return nil // no linker is called
	}
	p.det.link = &linkage{Call: linker.Call{Driver: p.linker, LLD: p.lld, Direct: directFlavor(p.det.target, p.linker)}}
	if p.det.link.Direct == "" && machine32.MatchString(p.det.target) {
		p.det.link.Choice = []string{"-m32"} // as rustc tells the driver
	}
	if p.pluginLTO {
		return compile.Refuse(compile.ReasonLink, "-C linker-plugin-lto")
	}
	if f := p.flavor; f != "" && (f != "gcc" && f != "gnu-cc" && f != "gnu-lld-cc" || p.det.link.Direct != "") {
		return compile.Refuse(compile.ReasonLink, "-C linker-flavor="+f)
	}
	if p.linker != "" && p.det.link.Direct == "" && !driverName.MatchString(filepath.Base(p.linker)) {
		return compile.Refuse(compile.ReasonLink, "-C linker="+p.linker)
	}
	if arg := p.linkArgs(); arg != "" {
		return compile.Refuse(compile.ReasonUnknownOption, "-C link-arg="+arg)
	}
	// GNU's linker looks there for what shared libraries need.
	for _, dir := range loaderDirs(p.inv) {
		if !p.files.Exists(dir, "rustlib") && !p.holdsMacrosAlone(dir) {
			p.c.Args = append(p.c.Args, "loaded from", dir)
		}
	}
	for _, name := range []string{"LLD_REPRODUCE", "CCC_OVERRIDE_OPTIONS", "MOLD_REPRO"} {
		if _, ok := p.inv.Getenv(name); ok {
			return compile.Refuse(compile.ReasonEnvironment, name)
		}
	}
	return nil
}

// holdsMacrosAlone reports whether a directory is one unit's of cargo's newer layout (TARGET/debug/build/PACKAGE/HASH/out) in which there is no
// shared library but procedural macros, which no library needs. Cargo has the loader search whichever of these it made first.
func (p *parser) holdsMacrosAlone(dir string) bool {
	if filepath.Base(dir) != "out" || !isHash(filepath.Base(filepath.Dir(dir))) || p.targetDir() == "" || !isBelow(dir, p.targetDir()) {
		return false
	}
	names, err := p.files.Names(dir)
	if err != nil {
		return false
	}
	for _, name := range names {
		if !strings.Contains(name, ".so") {
			continue
		}
		if traits, err := p.f.traits.of(filepath.Join(dir, name), p.files.Digest, p.files.Read); err != nil || !traits.Macro {
			return false
		}
	}
	return true
}

// machine32 are the targets for which a driver for 64 bits is told otherwise.
var machine32 = regexp.MustCompile(`^i[56]86-.*-linux-`)

// driverName is what drivers of gcc's kind are called: from other names rustc concludes that it calls a linker itself.
var driverName = regexp.MustCompile(`^([a-z0-9_.]+-)*(cc|gcc|g\+\+|c\+\+|clang|clang\+\+)(-[0-9.]+)?$`)

// linkVariables are those that drivers and linkers read besides rustc's. PATH, COMPILER_PATH and GCC_EXEC_PREFIX decide which programs are
// started: these are the toolchain's, by content.
var linkVariables = []string{
	"LIBRARY_PATH", "LPATH", "GCC_ROOT", "BINUTILS_ROOT", "GCC_COMPARE_DEBUG", "LD_RUN_PATH", "LDEMULATION", "GNUTARGET",
	"COLLECT_NO_DEMANGLE", "LLD_VERSION", "FORCE_LLD_DIAGNOSTICS_CRASH", "SOURCE_DATE_EPOCH", "VCINSTALLDIR",
}

// Arguments of drivers that change the output and neither read nor write a file but those that they name.
var (
	driverPlain = set("-pthread", "-rdynamic", "-static", "-static-pie", "-static-libgcc", "-static-libstdc++", "-shared", "-shared-libgcc",
		"-no-pie", "-nopie", "-pie", "-nostartfiles", "-nodefaultlibs", "-nostdlib", "-s", "-g", "-w")
	driverStarts = []string{
		"-l", "-m", "-O", "-fuse-ld=", "-fsanitize=", "-fno-", "-fPIC", "-fPIE", "-fpic", "-fpie", "-fstack-", "-fcf-protection", "-B", "-L",
		"--sysroot=", "--target=", "--gcc-toolchain=", "--gcc-install-dir=", "-rtlib=", "--rtlib=", "-unwindlib=", "--unwindlib=", "-stdlib=",
		"--ld-path=", "-Wno-", "-Qunused-arguments", "-u", "-T", "-e", "-z",
	}
	driverValued = set("-l", "-B", "-L", "--sysroot", "-target", "-u", "-T", "-e", "-z", "-Xlinker")
	// Those that decide which programs are started and where they search.
	driverChoice = []string{"-fuse-ld=", "-B", "--sysroot", "--target=", "-target", "--gcc-toolchain=", "--gcc-install-dir=", "--ld-path=", "-m", "-static", "-nostartfiles"}
)

// The same of linkers, without dashes; these are sets of names, and starts of names.
var (
	linkerPlain = set(
		"as-needed", "no-as-needed", "gc-sections", "no-gc-sections", "build-id", "hash-style", "rpath", "rpath-link", "soname", "h",
		"export-dynamic", "export-dynamic-symbol", "no-export-dynamic", "E", "no-undefined", "undefined", "u", "allow-multiple-definition",
		"allow-shlib-undefined", "no-allow-shlib-undefined", "exclude-libs", "whole-archive", "no-whole-archive", "start-group", "end-group",
		"start-lib", "end-lib", "(", ")", "static", "dn", "dy", "icf", "threads", "no-threads", "strip-all", "strip-debug", "s", "S", "x", "X",
		"discard-all", "discard-locals", "discard-none", "compress-debug-sections", "gdb-index", "no-gdb-index", "eh-frame-hdr", "no-eh-frame-hdr", "sort-section",
		"sort-common", "defsym", "wrap", "dynamic-list", "dynamic-list-data", "version-script", "script", "section-start", "image-base", "entry", "e", "dynamic-linker", "no-dynamic-linker", "I", "enable-new-dtags", "disable-new-dtags",
		"push-state", "pop-state", "fatal-warnings", "no-fatal-warnings", "unresolved-symbols", "library", "library-path",
		"nmagic", "n", "omagic", "N", "relax", "no-relax", "pie", "no-pie", "emit-relocs", "q", "pack-dyn-relocs", "orphan-handling", "m", "demangle",
		"no-demangle", "undefined-version", "no-undefined-version", "retain-symbols-file", "symbol-ordering-file", "no-keep-memory", "stack-size",
		"rosegment", "no-rosegment", "merge-exidx-entries", "no-merge-exidx-entries", "fix-cortex-a53-843419", "fix-cortex-a8", "noinhibit-exec",
		"no-ld-generated-unwind-info", "default-symver", "sysroot",
	)
	linkerStarts = []string{"Bs", "Bd", "Bno-symbolic", "warn-", "no-warn-", "error-unresolved"}
	// Behind one dash only, and lld takes long options behind one: lto-obj-path writes a file.
	linkerLetter = []string{"T", "z", "O", "l", "L"}
	linkerLong   = []string{"lto-", "load-"}
)

// linkArgs reads the arguments for the driver, and returns one that is not known: it might write further files. Files that are named
// are inputs.
func (p *parser) linkArgs() (unknown string) {
	link := p.det.link
	if link.Direct != "" {
		return p.linkerArgs(p.forDriver, "")
	}
	var handed []string
	for i := 0; i < len(p.forDriver); i++ {
		arg := p.forDriver[i]
		words := []string{arg}
		if driverValued[arg] {
			i++
			if i == len(p.forDriver) {
				return arg
			}
			words = append(words, p.forDriver[i])
		}
		for _, word := range words {
			if strings.HasPrefix(word, "@") {
				return word // the driver takes it for a file of arguments, wherever it stands
			}
		}
		switch {
		case arg == "-Xlinker":
			handed = append(handed, words[1])
			continue
		case strings.HasPrefix(arg, "-Wl,"):
			handed = append(handed, strings.Split(arg[len("-Wl,"):], ",")...)
			continue
		case !strings.HasPrefix(arg, "-"):
			if !p.namedFile(arg) {
				return arg
			}
		case !driverPlain[arg] && !hasAnyPrefix(arg, driverStarts):
			return arg
		}
		if isNative(arg) {
			p.processor("-C link-arg=" + arg)
		}
		if hasAnyPrefix(arg, driverChoice) {
			link.Choice = append(link.Choice, words...)
		}
		if !p.linkPath(arg, words, "-L", "-B") {
			return arg
		}
		for _, word := range words {
			p.namedIn(word, "-T")
		}
	}
	return p.linkerArgs(handed, "-Wl,")
}

// linkerArgs reads the arguments for the linker itself. unknown is shown behind what hands it on.
func (p *parser) linkerArgs(args []string, handed string) (unknown string) {
	link := p.det.link
	plain := linkerPlain
	if link.Direct == linker.Wasm {
		plain = wasmPlain
	}
	for i, arg := range args {
		if !strings.HasPrefix(arg, "-") {
			if strings.HasPrefix(arg, "@") {
				return arg
			}
			p.namedIn(arg)
			continue
		}
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
		if !plain[name] && !hasAnyPrefix(name, linkerStarts) && (strings.HasPrefix(arg, "--") || !hasAnyPrefix(name, linkerLetter) || hasAnyPrefix(name, linkerLong)) {
			return handed + arg
		}
		p.namedIn(value)
		p.namedIn(arg, "-T")
		words := args[i:min(i+2, len(args))]
		switch name {
		case "rpath", "rpath-link", "library-path":
			if value == "" && len(words) > 1 {
				value = words[1]
			}
			for dir := range strings.SplitSeq(value, ":") {
				if isInSysroot(dir) {
					return "-Wl," + arg
				}
				link.libDirs = append(link.libDirs, frontend.Absolute(p.inv.Dir, dir))
			}
		default:
			if !p.linkPath(arg, words, "-L") {
				return "-Wl," + arg
			}
		}
	}
	return ""
}

// linkPath notes the directory of an option that names one in which libraries are searched for. It reports whether that is known.
func (p *parser) linkPath(arg string, words []string, options ...string) bool {
	for _, option := range options {
		dir, ok := strings.CutPrefix(arg, option)
		if ok && dir == "" && len(words) > 1 {
			dir = words[1]
		}
		if ok && isInSysroot(dir) {
			return false
		}
		if ok && dir != "" {
			p.det.link.libDirs = append(p.det.link.libDirs, frontend.Absolute(p.inv.Dir, dir))
		}
	}
	return true
}

// isInSysroot reports whether a linker takes a directory for one in its sysroot.
func isInSysroot(dir string) bool {
	return strings.HasPrefix(dir, "=") || strings.HasPrefix(dir, "$SYSROOT")
}

// namedFile makes a file that an argument names an input, and reports whether it is one.
func (p *parser) namedFile(arg string) bool {
	path := frontend.Absolute(p.inv.Dir, arg)
	info, err := p.files.Stat(path)
	if arg == "" || err != nil || !info.IsRegular() {
		return false
	}
	if !slices.Contains(p.named, path) {
		p.named = append(p.named, path)
	}
	return true
}

// namedIn does it for an argument, and for what follows one of the options in it.
func (p *parser) namedIn(arg string, options ...string) {
	p.namedFile(arg)
	for _, option := range options {
		if value, ok := strings.CutPrefix(arg, option); ok {
			p.namedFile(value)
		}
	}
}

func hasAnyPrefix(s string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(s, prefix) })
}

// Plan implements frontend.Frontend. The compiler is run as it was called; where it calls a linker, that one is told to list the files it
// reads, and where it calls none of the kind that can, rustc to print the call: neither changes anything in any output.
func (*Frontend) Plan(c *compile.Compilation, _ *compile.Toolchain, scratch string) frontend.Plan {
	plan := frontend.Plan{Args: runArgs(c), Scratch: scratch}
	link := c.Detail.(*detail).link
	if link == nil || strings.ContainsAny(scratch, ",\"\\\n") {
		return plan
	}
	plan.Args = slices.Clone(plan.Args)
	if link.Direct != "" {
		plan.Args = append(plan.Args, "--print", "link-args="+linkCommand(scratch))
		plan.Hidden = append(plan.Hidden, linkCommand(scratch))
	}
	if link.Direct != linker.Wasm {
		option := "--dependency-file=" + linkList(scratch)
		if link.Direct == "" {
			option = "-Wl," + option
		}
		plan.Args = append(plan.Args, "-C", "link-arg="+option)
		plan.Hidden = append(plan.Hidden, linkList(scratch))
		// rustc quotes the command of a link that failed, in messages and in JSON.
		plan.Unmap = []string{` \"` + option + `\"`, "", ` "` + option + `"`, ""}
	}
	return plan
}

// linkList is the file in which the linker lists what it reads.
func linkList(scratch string) string { return scratch + ".link.d" }

// linkCommand is the file into which rustc prints how it calls the linker.
func linkCommand(scratch string) string { return scratch + ".link.args" }
