// Package cc is the front-end of C, C++ and assembly as compiled by gcc and clang with -c.
//
// # What it takes
//
// One C, C++ or assembly source, compiled to one object, with the files that may lie beside it (dependencies, coverage notes, split
// debug information, stack usage). Everything else is declined: Parse (parse.go) says what a call is, and options.txt
// lists every option it knows by what the option does. An unknown option, a value that reads what no dependency file
// names, or a spelling that two compilers read differently is never guessed at.
//
// # Where each part is
//
//	program.go            which programs these are, by name
//	options.txt, options.go, suboptions.go   the option table, and lists in one argument (-Wp, -Wa,)
//	expand.go             response files
//	parse.go, apply.go, language.go, assembly.go, environment.go, outputs.go
//	                      an invocation becomes a compilation
//	toolchain*.go         what besides arguments and inputs decides the output
//	maps.go               how roots are kept out of outputs, and what maps leave of them
//	plan.go, depfile.go   how a miss is run so that it says what it read
//	scan*.go, search.go, inputs*.go   what it read without saying, and what it looked for in vain
//
// All methods may be called from many goroutines at once. Parse keeps nothing; the others keep bounded memories: of scanned
// files by content, of toolchains by what selects them, and of the libraries that the loader gives their programs.
package cc

import "github.com/compile-cache/compile-cache-action/internal/frontend/toolchain"

// Frontend implements frontend.Frontend for gcc and clang.
type Frontend struct {
	scans      *scanMemory // what source files say, by content
	assemblies *scanMemory // what they say as parts of assembly sources
	chains     *toolchain.Memory[*toolchain.Answer]
	loads      *toolchain.Loads
}

// New returns a Frontend that remembers nothing yet.
func New() *Frontend {
	return &Frontend{
		scans: newScanMemory(), assemblies: newScanMemory(),
		chains: toolchain.NewMemory[*toolchain.Answer](), loads: toolchain.NewLoads(),
	}
}
