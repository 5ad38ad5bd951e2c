package cc

import (
	"runtime"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// Languages of assembly sources, spelled as -x spells them. The preprocessor reads the first and lists what it read as it does for C; the
// other goes to the assembler as it is, and options for the preprocessor have no effect.
const (
	assemblyWithCPP = "assembler-with-cpp"
	plainAssembly   = "assembler"
)

func isAssembly(language string) bool {
	return language == assemblyWithCPP || language == plainAssembly
}

// assemblyExtension returns the language of an assembly source by its extension. clang takes .sx for the linker's; where it compiles for
// Apple's systems it preprocesses .s too.
func (p *parser) assemblyExtension(ext string) (lang string, reason compile.ReasonID) {
	switch {
	case ext == ".S", ext == ".sx" && !p.det.clang:
		return assemblyWithCPP, ""
	case ext == ".s" && !(p.det.clang && p.forApple()):
		return plainAssembly, ""
	}
	return "", compile.ReasonLanguage
}

func (p *parser) forApple() bool {
	if runtime.GOOS == "darwin" {
		return true
	}
	for i, arg := range p.args {
		target, ok := strings.CutPrefix(arg, "--target=")
		if i > 0 && p.args[i-1] == "-target" {
			target, ok = arg, true
		}
		if ok && (strings.Contains(target, "apple") || strings.Contains(target, "darwin") || strings.Contains(target, "os")) {
			return true
		}
	}
	name := baseOf(p.inv.Program)
	return strings.Contains(name, "apple") || strings.Contains(name, "darwin")
}

// assembly refuses what is read differently in an assembly source: the traditional preprocessor joins what a comment separates, and before C99
// two slashes are no comment.
func (p *parser) assembly() *compile.Decline {
	for _, arg := range p.args {
		switch arg {
		case "-ansi", "-traditional", "-traditional-cpp":
			return compile.Refuse(compile.ReasonOption, arg)
		}
		if _, standard, ok := strings.Cut(arg, "-std="); ok && (strings.Contains(standard, "89") || strings.Contains(standard, "90") || strings.Contains(standard, "199409")) {
			return compile.Refuse(compile.ReasonOption, arg)
		}
	}
	return nil
}

// namesTemporary reports whether messages name the file between preprocessor and assembler, whose name is another in each run: ccXXXXXX.s of
// gcc, NAME-xxxxxx.s of clang.
func namesTemporary(stderr []byte, source string) bool {
	stem := withExtension(baseOf(source), "-")
	for word := range strings.FieldsFuncSeq(plainText(string(stderr)), func(r rune) bool { return strings.ContainsRune(" \t\n:'\"`", r) }) {
		if !strings.HasSuffix(word, ".s") || !strings.Contains(word, "/") {
			continue
		}
		if rest, ok := strings.CutPrefix(baseOf(word), stem); isTemporary(word) || ok && len(rest) == len("xxxxxx.s") {
			return true
		}
	}
	return false
}

// probeLanguage returns the language in which a compiler is asked what it is made of: it says nothing of a source that it only assembles.
func probeLanguage(language string) string {
	if language == plainAssembly {
		return assemblyWithCPP
	}
	return language
}
