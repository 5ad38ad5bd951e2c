package cc

import (
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// language returns the language of an input, "c", "c++" or one of assembly, or the reason why it is none of ours. An input for the linker has
// neither. given is the value of -x that is in force, "" for none.
func (p *parser) language(arg, given string) (lang string, reason compile.ReasonID) {
	switch given {
	case "", "none":
	case "c", "c++", assemblyWithCPP, plainAssembly:
		return given, ""
	case "c-header", "c++-header":
		return "", compile.ReasonPCH
	case "c++-module", "c++-system-header", "c++-user-header", "c++-system-module", "c++-module-cpp-output":
		return "", compile.ReasonModules
	default:
		return "", compile.ReasonLanguage
	}
	switch ext := extension(arg); ext {
	case ".c":
		if p.cxxDriver {
			return "c++", ""
		}
		return "c", ""
	case ".cc", ".cp", ".cxx", ".cpp", ".CPP", ".c++", ".C":
		return "c++", ""
	case ".CC", ".CXX", ".C++":
		if p.det.clang {
			return "c++", ""
		}
		return "", ""
	case ".S", ".s", ".sx":
		return p.assemblyExtension(ext)
	case ".h", ".hh", ".H", ".hp", ".hxx", ".hpp", ".HPP", ".h++", ".tcc":
		return "", compile.ReasonPCH
	case ".cppm", ".ixx", ".ccm", ".cxxm", ".c++m", ".mpp", ".pcm", ".iim":
		return "", compile.ReasonModules
	default:
		if strings.Contains(otherLanguages, ext+" ") && ext != "" {
			return "", compile.ReasonLanguage
		}
		return "", ""
	}
}

// otherLanguages are the extensions of what gcc and clang compile but we do not. The rest is for the linker.
const otherLanguages = ".i .ii .mi .mii .m .mm .M .asm .ll .bc .ast .gch .cu .cui .hip .hipi .cl .clcpp .cir .rs .go .d .di .dd .mod " +
	".ads .adb .f .F .for .ftn .fpp .FOR .FTN .FPP .f90 .F90 .f95 .F95 .f03 .F03 .f08 .F08 .fii .fi .zip .java .class .swift .brig .hlsl " +
	".cob .cbl .m2 .a68 "

// perSource reports whether one command line compiles many unrelated texts of this name: the probes of configure, and of
// CMake in its constant directory.
func perSource(path string) bool {
	return strings.HasPrefix(baseOf(path), "conftest.") || strings.Contains(path, "/CMakeFiles/CMakeTmp/")
}
