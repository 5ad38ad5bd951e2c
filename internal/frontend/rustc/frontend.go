// Package rustc is the front-end of Rust as compiled by rustc and clippy-driver, the way cargo calls them.
//
// # What it takes
//
// Crates of every type with any of the outputs dep-info, metadata and link; what links only on Linux, with a driver like gcc or clang
// whose linker can list what it reads (links.go), or with lld for WebAssembly and for targets without a system (links_direct.go). Everything else is declined with a reason: other links,
// incremental compiles, options that are not in the table (options.go).
//
// # What a compile depends on
//
// Besides arguments and variables: the sources and variables that its dep-info lists, each crate that it loads, and the compiler.
// Loaded crates are not only those of --extern: the metadata of each names all crates below it by their -C extra-filename,
// which cargo makes a hash (crates.go). A crate that loads a procedural macro, however deep, runs a program of somebody's
// that may read anything. What it can read is told from its library's code (package procmacro), and so much counts: nothing more,
// the environment (environment.go), or the files of the package or of the workspace as well (trees.go). Macros that may do what no
// key covers are declined (macros.go), unless they are known to read less than they could (macros_known.go).
//
// A link depends on the code in all crates below it, not only on their metadata, on the files that the linker reads and those that it would
// have found first (links_inputs.go), and on the programs that it runs (package linker).
//
// Nothing but maps of paths, where they are asked for, is added to a compile's arguments, least of all an output: the set of outputs is part of
// what rustc writes into metadata, so a hidden dep-info would change it. Calls without one are declined. The linker's list is no output of rustc,
// and changes none.
//
// # Where each part is
//
//	options.go, parse.go   an invocation becomes a compilation
//	outputs.go             where its outputs go
//	crates.go, dylibs.go   the crates that it will load
//	macros*.go             what macros among them may read
//	processor*.go          what -C target-cpu=native stands for
//	environment.go, named.go, trees.go   the variables and files that they may read
//	toolchain*.go          the compiler, by content, and where it lies
//	probe.go               what build scripts ask by compiling: failures are results
//	question.go            what cargo asks without compiling
//	depinfo.go, inputs.go  what a compile read, and what it looked for in vain
//	assembly.go            sources whose assembly may read files
//	links*.go              the same of what links: arguments for the linker, the files it reads
//	archive.go             what a library holds beside the crate's own code
//	maps.go, values.go     outputs that name no directory of this machine
//
// All methods may be called from many goroutines at once. Bounded memories are kept: what crates load, which variables they
// name, whether they hold assembly that reads files, and what macros can do, by content, what compilers say of themselves, and what toolchains are made of.
package rustc

import (
	"path/filepath"
	"strings"
	"sync"

	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/rustc/linker"
	"github.com/compile-cache/compile-cache-action/internal/frontend/toolchain"
	"github.com/compile-cache/compile-cache-action/internal/recent"
)

// Frontend implements frontend.Frontend for rustc and clippy-driver.
type Frontend struct {
	crates   *crateMemory // what crates load
	named    *crateMemory // names of variables in sources and crates
	holding  *crateMemory // directives of assembly in crates
	linking  *crateMemory // arguments for the linker in crates
	traits   traitsMemory
	stripped *crateMemory // what sources of macros without names of functions do beyond reading files
	dylibs   *crateMemory // what dylibs were made of
	spells   *crateMemory // whether metadata spells a name: +NAME, -NAME
	chains   *toolchain.Memory[*knownChain]
	answers  *recent.Map[digest.Key, answer] // what compilers say of themselves, by all that they load
	loaded   *toolchain.Loads
	linkers  *linker.Linkers

	processor func() string // what the processor says of itself, "" where that is not known
}

var _ frontend.Frontend = (*Frontend)(nil)

// New returns a Frontend that remembers nothing yet.
func New() *Frontend {
	loaded := toolchain.NewLoads()
	return &Frontend{
		crates:    newCrateMemory(),
		named:     newCrateMemory(),
		holding:   newCrateMemory(),
		linking:   newCrateMemory(),
		traits:    traitsMemory{recent.New[digest.Digest, judged](maxTraits)},
		stripped:  newCrateMemory(),
		dylibs:    newCrateMemory(),
		spells:    newCrateMemory(),
		chains:    toolchain.NewMemory[*knownChain](),
		answers:   recent.New[digest.Key, answer](toolchain.MaxAnswers),
		loaded:    loaded,
		linkers:   linker.New(loaded),
		processor: sync.OnceValue(processorSays),
	}
}

// Match implements frontend.Frontend.
func (*Frontend) Match(base string) bool { return kindOf(base) != "" }

// kindOf returns the kind of a program by its base name, "" for another program.
func kindOf(base string) string {
	switch strings.TrimSuffix(base, ".exe") {
	case "rustc":
		return "rustc"
	case "clippy-driver":
		return "clippy"
	}
	return ""
}

// detail is what Parse learnt beyond compile.Compilation. It is the Detail of every compilation of this front-end.
type detail struct {
	clippy bool
	source string // as on the command line
	target string // of --target, "" for the host's

	crate, extra string             // --crate-name, -C extra-filename
	rlib         string             // the output of link, "" for none
	depInfo      string             // the output of dep-info
	metadata     bool               // metadata is an output
	link         *linkage           // how a linker is called, nil where none is
	dropped      bool               // the target has no output for one of the crate types, and rustc warns
	staticlib    bool               // a static library is among the outputs
	archives     bool               // rustc reads the code in the crates, not only the linker
	humanText    bool               // messages are not JSON
	width        bool               // how wide they may be counts where there are some
	crateDirs    []string           // -L dependency, absolute
	nativeDirs   []string           // -L native, and -L without a kind, absolute
	plainDirs    []string           // -L without a kind
	plainShared  []string           // of each of these, the names of shared libraries in it
	nativeLibs   []string           // -l: names that may be looked for in them
	static       bool               // one of these is static whatever the source says
	crates       []string           // files of the crates that will be loaded, direct ones first
	dylibs       []string           // those of crates that are shared libraries without macros
	reach        reach              // of the procedural macros among them
	asked        bool               // they may be told by their users which variables to read
	pkg          string             // CARGO_MANIFEST_DIR where what lies there counts, else ""
	trees        []tree             // directories of which all files count
	rpath        bool               // programs hold the way to the compiler's libraries
	unmappable   bool               // names of paths must stay as they are
	places       bool               // macros may ask for names of paths as they are
	maps         []frontend.PathMap // ours, in the order of their arguments; nil where paths are not mapped
}

// parents returns a directory and all above it, "/" left out.
func parents(dir string) []string {
	var out []string
	for d := filepath.Clean(dir); len(d) > 1; d = filepath.Dir(d) {
		out = append(out, d)
	}
	return out
}
