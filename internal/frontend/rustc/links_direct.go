package rustc

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// Some targets are linked without a driver: rustc calls lld itself, its own or the one that -C linker names.
//
// lld for ELF lists what it reads like any linker behind a driver. lld for WebAssembly has no such option; but it reads nothing that its
// arguments do not name: it knows no linker scripts, and no libraries that name others. So rustc prints these arguments (--print
// link-args=FILE, since 1.72), and the few rules by which lld finds libraries are followed here.

// flavor is lld's, of a link without a driver; "" of one with a driver.
type flavor string

const (
	flavorELF  flavor = "gnu"
	flavorWasm flavor = "wasm"
)

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

// isComponent reports whether programs of a target are components: they are made by a linker that starts lld, which lies beside it in the
// sysroot, and turns what that made into one.
func isComponent(target string) bool { return target == "wasm32-wasip2" }

// linksFor reports whether links for a target by a linker, "" for the target's own, are understood.
func linksFor(target, linker string) bool {
	switch {
	case isComponent(target):
		return linker == ""
	case isWasm(target):
		return linker == "" || lldName.MatchString(filepath.Base(linker))
	case target == "":
		return true
	}
	return linuxTarget.MatchString(target) || bareTarget.MatchString(target)
}

// directFlavor returns the flavor of lld that rustc calls for a target.
func directFlavor(target, linker string) flavor {
	base := filepath.Base(linker)
	switch {
	case isWasm(target):
		return flavorWasm
	case linker == "" && bareTarget.MatchString(target), linker != "" && lldName.MatchString(base) && !strings.HasPrefix(base, "wasm"):
		return flavorELF
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

// direct makes the linker part of the toolchain, and refuses where it or the compiler does not know what Plan adds.
func (p *probe) direct(link *linkage, bins []string) error {
	name := link.driver
	if name == "" {
		name = "rust-lld"
	}
	if isComponent(p.d.target) {
		name = "wasm-component-ld"
	}
	p.tools.program = name
	path, err := p.driver(name, bins)
	if err != nil {
		return err
	}
	if isComponent(p.d.target) && (filepath.Dir(path) != bins[0] || !p.Files.Exists(bins[0], "rust-lld")) {
		return p.Refuse("%s is not the compiler's own, or has no lld beside it", path)
	}
	argv := []string{path, "-flavor", string(link.direct), "--version"}
	if link.direct == flavorELF {
		argv = append(argv, "--dependency-file=/dev/null")
	}
	if _, err := p.askDriver(argv); err != nil {
		return err
	}
	_, err = p.say([]string{p.C.Program, "--print", "sysroot", "--print", "link-args=/dev/null"})
	return err
}

// linkerCalled returns what the linker was called to read, and fails where rustc called another than was expected. Of lld for ELF, which
// lists what it reads, only the latter counts.
func (g *gathering) linkerCalled(tools *linkTools) ([]string, error) {
	text, _, err := g.files.Read(linkCommand(g.run.Plan.Scratch), maxLinkList)
	if err != nil {
		return nil, fmt.Errorf("the compiler prints no link: %w", err)
	}
	words, err := parseLinkCommand(string(text))
	if err != nil {
		return nil, err
	}
	if len(words) < 3 || words[0] != tools.program || words[1] != "-flavor" || words[2] != string(g.d.link.direct) {
		return nil, fmt.Errorf("the compiler calls %q", words[:min(len(words), 3)])
	}
	if g.d.link.direct == flavorELF {
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
			dirs = append(dirs, absolute(g.c.Dir, strings.TrimPrefix(dir, "=")))
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
			path := absolute(g.c.Dir, name)
			if info, err := g.files.Stat(path); err == nil && isRegular(info) || isCode(path) {
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
		if path := absolute(g.c.Dir, name); isArchive(path) {
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
			if info, err := g.files.Stat(path); err == nil && isRegular(info) {
				return path
			}
		}
	}
	return ""
}

// assignment is a variable in front of a printed command.
var assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*="`)

// parseLinkCommand returns program and arguments of a command as rustc prints it: variables with their values in front, and all but their
// names quoted as in Rust.
func parseLinkCommand(text string) ([]string, error) {
	if strings.Count(text, "\n") > 1 {
		return nil, fmt.Errorf("the compiler prints more than one link")
	}
	rest := strings.TrimSpace(text)
	var words []string
	for rest != "" {
		variable := false
		if m := assignment.FindString(rest); m != "" && len(words) == 0 {
			variable, rest = true, rest[len(m)-1:]
		}
		word, tail, err := quoted(rest)
		if err != nil {
			return nil, err
		}
		if !variable {
			words = append(words, word)
		}
		rest = strings.TrimLeft(tail, " ")
	}
	return words, nil
}

// quoted reads a text in quotes, and returns what follows. What Rust escapes otherwise than a path needs is refused.
func quoted(s string) (word, rest string, err error) {
	bad := func() (string, string, error) {
		return "", "", fmt.Errorf("the compiler prints a link that is not understood: %s", strconv.Quote(s[:min(len(s), 80)]))
	}
	if !strings.HasPrefix(s, `"`) {
		return bad()
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return b.String(), s[i+1:], nil
		case c != '\\':
			b.WriteByte(c)
		case i+1 < len(s) && strings.IndexByte(`"\'`, s[i+1]) >= 0:
			i++
			b.WriteByte(s[i])
		default:
			return bad()
		}
	}
	return bad()
}

// kept refuses a compile of which rustc made outputs that its target was thought not to have.
func (g *gathering) kept() error {
	if g.d.dropped && !strings.Contains(string(g.run.Stderr), dropping) {
		return compile.Refuse(compile.ReasonLink, "for "+g.d.target+", which has outputs of all crate types")
	}
	return nil
}
