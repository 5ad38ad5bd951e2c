package cc

import (
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// preprocessorList reads the words of a -Wp, argument. gcc hands them to cc1, where -MD and -MMD take a file; clang reads a
// list of exactly two words so. Known are one dependency output, alone in its list, and lists of -D and -U.
func (p *parser) preprocessorList(arg string) {
	words := strings.Split(arg[len("-Wp,"):], ",")
	if words[0] == "-MD" || words[0] == "-MMD" {
		if len(words) != 2 || words[1] == "" || p.wpDeps {
			p.refuse(compile.ReasonOption, arg)
			return
		}
		p.wpDeps = true
		p.dependencies(words[0])
		p.depFile = words[1]
		return
	}
	for _, w := range words {
		if len(w) < 3 || w[0] != '-' || w[1] != 'D' && w[1] != 'U' {
			p.refuse(compile.ReasonOption, arg)
			return
		}
	}
}

// assemblerFlags are words of -Wa, that write no file, read none and ask for no listing.
var assemblerFlags = map[string]bool{
	"--noexecstack": true, "--execstack": true, "--fatal-warnings": true, "--no-warn": true, "-W": true, "--warn": true,
	"--32": true, "--64": true, "--x32": true, "--traditional-format": true, "--divide": true, "-J": true, "-K": true,
	"--nocompress-debug-sections": true, "-EB": true, "-EL": true, "-many": true, "--generate-missing-build-notes=no": true,
	"--generate-missing-build-notes=yes": true, "-L": true, "--keep-locals": true, "-R": true, "--elf-stt-common=no": true, "--elf-stt-common=yes": true, "-n": true, "-Qy": true, "-Qn": true,
}

// assemblerWords reads the words of an argument for the assembler. Debug information that the assembler writes holds the working directory.
func (p *parser) assemblerWords(words []string, arg string) {
	for i := 0; i < len(words); i++ {
		switch w := words[i]; {
		case assemblerFlags[w]:
		case w == "--defsym" && i+1 < len(words): // a symbol and a number
			i++
		case strings.HasPrefix(w, "--defsym="):
		case strings.HasPrefix(w, "-I"):
			dir := w[len("-I"):]
			if i++; dir == "" && i < len(words) {
				dir = words[i]
			} else {
				i--
			}
			p.directory(&p.det.assemblerDirs, arg, dir)
		case w == "-g" || w == "--gen-debug" || strings.HasPrefix(w, "--gdwarf") || strings.HasPrefix(w, "--gstabs") || w == "-gdwarf-2":
			p.bind("assembler debug info")
		case strings.HasPrefix(w, "--compress-debug-sections"):
			p.bind("compressed sections")
		case strings.HasPrefix(w, "-m") && len(w) > 2 && !strings.ContainsAny(w, "/\\"):
		default:
			p.refuse(compile.ReasonOption, arg)
			return
		}
	}
}

// frontendFlags are values of -Xclang that change code or messages only.
var frontendFlags = map[string]bool{
	"-fno-pch-timestamp": true, "-disable-llvm-passes": true, "-disable-O0-optnone": true, "-disable-llvm-optzns": true,
	"-opaque-pointers": true, "-no-opaque-pointers": true, "-relaxed-aliasing": true, "-fcolor-diagnostics": true,
	"-fno-color-diagnostics": true, "-menable-no-infs": true, "-menable-no-nans": true, "-menable-unsafe-fp-math": true,
	"-mdisable-tail-calls": true, "-fnative-half-type": true, "-fallow-half-arguments-and-returns": true,
	"-debug-info-kind=constructor": true, "-fuse-ctor-homing": true, "-fno-use-ctor-homing": true,
	"-fmerge-functions": true, "-fforbid-guard-variables": true,
	"-fno-signed-wchar": true, "-ffake-address-space-map": true, "-fdefault-calling-conv=cdecl": true, "-fno-rtti-data": true,
	"-no-struct-path-tbaa": true, "-new-struct-path-tbaa": true, "-w": true, "-Wall": true, "-Wextra": true,
	"-fexperimental-max-bitint-width=256": true, "-fno-builtin": true, "-fno-dllexport-inlines": true, "-fchar-is-signed": true,
	"-fno-bitfield-type-align": true, "-fno-inline-functions": true,
}

// frontendOption reads one value of -Xclang; a value may itself take the next -Xclang's.
func (p *parser) frontendOption(value string) {
	if p.xclangFeature {
		p.xclangFeature = false
		if len(value) > 1 && (value[0] == '+' || value[0] == '-') {
			return
		}
	} else if value == "-target-feature" {
		p.xclangFeature = true
		return
	}
	if !frontendFlags[value] {
		p.refuse(compile.ReasonOption, "-Xclang "+value)
	}
}

// optimisation reports whether what follows -O is a level that gcc or clang know.
func optimisation(level string) bool {
	for i := range len(level) {
		if level[i] < '0' || level[i] > '9' {
			return slices.Contains([]string{"s", "z", "g", "fast"}, level)
		}
	}
	return true
}
