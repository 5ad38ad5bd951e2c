package rustc

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/rustc/linker"
)

// Some targets are linked without a driver: rustc calls lld itself, its own or the one that -C linker names.
//
// lld for ELF lists what it reads like any linker behind a driver. lld for WebAssembly has no such option; but it reads nothing that its
// arguments do not name: it knows no linker scripts, and no libraries that name others. So rustc prints these arguments (--print
// link-args=FILE, since 1.72), and the few rules by which lld finds libraries are followed here.

var (
	wasmTarget = regexp.MustCompile(`^wasm(32|64)-(unknown-unknown|wasip1|wasip1-threads|wasip2|wasi)$|^wasm32v1-none$`)
	// Targets without a system for which rustc calls its own lld.
	bareTarget = regexp.MustCompile(`^thumbv[678][a-z.]*-none-eabi(hf)?$|^arm(eb)?v[78][a-z]*-none-eabi(hf)?$|^riscv(32|64)[a-z]*-unknown-none-elf$|` +
		`^(aarch64|x86_64)-unknown-none(-softfloat)?$`)
	// Targets of Linux for which it calls cc.
	linuxTarget = regexp.MustCompile(`^(x86_64|i[56]86|aarch64|arm|armv[a-z0-9]+|thumbv7neon|riscv64[a-z]*|powerpc[a-z0-9]*|s390x|loongarch64|mips[a-z0-9]*)-[a-z]+-linux-(gnu|musl|uclibc)[a-z0-9]*$`)
	// lldName is what lld is called, perhaps with its version behind.
	lldName = regexp.MustCompile(`^(rust-lld|lld|ld\.lld|wasm-ld)(-[0-9]+)?$`)
)

func isWasm(target string) bool { return wasmTarget.MatchString(target) }

// linksFor reports whether links for a target by a linker of this name, "" for the target's own, are understood.
func linksFor(target, name string) bool {
	switch {
	case linker.IsComponent(target):
		return name == ""
	case isWasm(target):
		return name == "" || lldName.MatchString(filepath.Base(name))
	case target == "":
		return true
	}
	return linuxTarget.MatchString(target) || bareTarget.MatchString(target)
}

// directFlavor returns the flavor of lld that rustc calls for a target.
func directFlavor(target, name string) linker.Flavor {
	base := filepath.Base(name)
	switch {
	case isWasm(target):
		return linker.Wasm
	case name == "" && bareTarget.MatchString(target), name != "" && lldName.MatchString(base) && !strings.HasPrefix(base, "wasm"):
		return linker.ELF
	}
	return ""
}

// linkedFile returns the role and the name of the output of a crate type other than rlib.
func linkedFile(crateType, target, stem string) (role, name string) {
	switch crateType {
	case "bin":
		role, name = roleProgram, stem
	case "cdylib":
		role, name = roleCShared, "lib"+stem+".so"
	case "staticlib":
		return roleStatic, "lib" + stem + ".a"
	default:
		return roleShared, "lib" + stem + ".so"
	}
	if isWasm(target) {
		name = stem + ".wasm"
	}
	return role, name
}

// isLinkedType reports whether a crate type is one that linkedFile knows.
func isLinkedType(crateType string) bool {
	return slices.Contains([]string{"bin", "proc-macro", "dylib", "cdylib", "staticlib"}, crateType)
}

// drops reports whether a target has no output for a crate type. rustc warns then and goes on, and Inputs refuses where it did not.
func drops(target string, staticCRT bool, crateType string) bool {
	switch crateType {
	case "dylib", "proc-macro":
		return isWasm(target) || bareTarget.MatchString(target) || staticCRT
	case "cdylib":
		return bareTarget.MatchString(target) || staticCRT
	}
	return false
}

const dropping = "dropping unsupported crate type"

// staticCRT reports whether programs of the target hold the C library, so that it has no shared ones.
func (p *parser) staticCRT() bool {
	static := strings.Contains(p.det.target, "-linux-musl")
	for _, f := range p.features {
		switch f {
		case "+crt-static":
			static = strings.Contains(p.det.target, "-linux-musl")
		case "-crt-static":
			static = false
		}
	}
	return static
}

// wasmPlain are linkerPlain of lld for WebAssembly. A value that names a file is an input.
var wasmPlain = set(
	"export", "export-if-defined", "export-all", "export-dynamic", "export-memory", "export-table", "growable-table", "import-memory", "import-table",
	"import-undefined", "initial-memory", "initial-heap", "max-memory", "no-growable-memory", "shared-memory", "global-base", "table-base", "stack-first",
	"no-stack-first", "no-entry", "entry", "e", "check-features", "no-check-features", "features", "extra-features", "allow-undefined",
	"allow-undefined-file", "unresolved-symbols", "strip-all", "strip-debug", "s", "S", "keep-section", "compress-relocations", "merge-data-segments",
	"no-merge-data-segments", "gc-sections", "no-gc-sections", "demangle", "no-demangle", "whole-archive", "no-whole-archive", "start-lib", "end-lib",
	"wrap", "undefined", "u", "Bstatic", "Bdynamic", "Bsymbolic", "pie", "no-pie", "shared", "experimental-pic", "fatal-warnings", "no-fatal-warnings",
	"no-shlib-sigcheck", "soname", "threads", "build-id", "emit-relocs", "q", "page-size", "library", "library-path",
)

// linkerCalled returns what the linker was called to read, and fails where rustc called another than was expected. Of lld for ELF, which
// lists what it reads, only the latter counts.
func (g *gathering) linkerCalled(tools *linker.Tools) ([]string, error) {
	text, _, err := g.files.Read(linkCommand(g.run.Plan.Scratch), maxLinkList)
	if err != nil {
		return nil, fmt.Errorf("the compiler prints no link: %w", err)
	}
	words, err := linker.ParseCommand(string(text))
	if err != nil {
		return nil, err
	}
	if len(words) < 3 || words[0] != tools.Program || words[1] != "-flavor" || words[2] != string(g.d.link.Direct) {
		return nil, fmt.Errorf("the compiler calls %q", words[:min(len(words), 3)])
	}
	if g.d.link.Direct == linker.ELF {
		return nil, nil
	}
	return g.wasmReads(words[3:])
}

// wasmReads returns the files that lld for WebAssembly reads. A library is looked for in each directory as a shared one and as an archive.
func (g *gathering) wasmReads(words []string) ([]string, error) {
	var read, dirs, libs []string
	for i := 0; i < len(words); i++ {
		word := words[i]
		operand := func(options ...string) (string, bool) {
			for _, option := range options {
				value, ok := strings.CutPrefix(word, option)
				if !ok {
					continue
				}
				if value == "" && i+1 < len(words) {
					i++
					value = words[i]
				}
				return value, true
			}
			return "", false
		}
		if dir, ok := operand("--library-path=", "--library-path", "-library-path", "-L"); ok {
			dirs = append(dirs, frontend.Absolute(g.c.Dir, strings.TrimPrefix(dir, "=")))
			continue
		}
		if lib, ok := operand("--library=", "--library", "-library", "-l"); ok {
			libs = append(libs, lib)
			continue
		}
		if word == "-o" {
			i++
			continue
		}
		if strings.HasPrefix(word, "@") {
			return nil, fmt.Errorf("the linker reads arguments from %s", word)
		}
		_, value, _ := strings.Cut(word, "=")
		for _, name := range []string{word, value} {
			if name == "" || strings.HasPrefix(name, "-") {
				continue
			}
			path := frontend.Absolute(g.c.Dir, name)
			if info, err := g.files.Stat(path); err == nil && info.IsRegular() || isCode(path) {
				read = append(read, name)
			}
		}
	}
	for _, lib := range libs {
		names := []string{"lib" + lib + ".so", "lib" + lib + ".a"}
		if exact, ok := strings.CutPrefix(lib, ":"); ok {
			names = []string{exact}
		}
		path := g.firstIn(dirs, names)
		if path == "" {
			return nil, fmt.Errorf("the linker found -l%s, and nobody knows where", lib)
		}
		read = append(read, path)
	}
	for _, name := range read {
		if path := frontend.Absolute(g.c.Dir, name); isArchive(path) {
			if thin, err := isThin(path); err == nil && thin {
				return nil, fmt.Errorf("%s is a thin archive", path)
			}
		}
	}
	return read, nil
}

// isCode reports whether a path is called as what a linker reads is: then it counts even where it is gone.
func isCode(path string) bool {
	return slices.Contains([]string{".o", ".a", ".rlib", ".so"}, filepath.Ext(path))
}

// firstIn returns the first regular file of one of the names, "" where there is none.
func (g *gathering) firstIn(dirs, names []string) string {
	for _, dir := range dirs {
		for _, name := range names {
			path := filepath.Join(dir, name)
			if info, err := g.files.Stat(path); err == nil && info.IsRegular() {
				return path
			}
		}
	}
	return ""
}

// kept refuses a compile of which rustc made outputs that its target was thought not to have.
func (g *gathering) kept() error {
	if g.d.dropped && !strings.Contains(string(g.run.Stderr), dropping) {
		return compile.Refuse(compile.ReasonLink, "for "+g.d.target+", which has outputs of all crate types")
	}
	return nil
}
