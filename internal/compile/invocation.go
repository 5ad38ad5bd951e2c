// Package compile holds the nouns that every other package shares: what was asked (Invocation, Compilation), what came
// of it (Result, Outcome, Reason, Event) and what it depended on (InputSet, Toolchain). It does nothing with them
// beyond reading and writing their stored form.
package compile

import (
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// Invocation is one call of a compiler as the wrapper saw it. It is never changed after it was received.
type Invocation struct {
	Program string   // absolute path that is executed, found in PATH by the wrapper, links unresolved: argv[0] of the compiler
	Args    []string // arguments without argv[0]
	Dir     string   // physical working directory
	Env     []string // the whole environment, NAME=value
	Umask   uint32   // the caller's umask
	Columns int      // width of the terminal on stderr; 0 where stderr is no terminal
	NoInput bool     // standard input is the null device
	// HasInput is set where standard input is a pipe that the compiler reads, and Input is all that came through it. Each run of the
	// compiler gets it anew.
	HasInput bool
	Input    []byte
}

// Getenv returns the value of a variable and whether it is set. As in execve, the first of two equal names counts.
func (inv *Invocation) Getenv(name string) (string, bool) {
	for _, kv := range inv.Env {
		if len(kv) > len(name) && kv[len(name)] == '=' && strings.HasPrefix(kv, name) {
			return kv[len(name)+1:], true
		}
	}
	return "", false
}

// Compilation is an invocation that a front-end understood and that may be answered from the cache.
type Compilation struct {
	*Invocation

	Kind     string   // compiler kind for statistics and advice: "gcc", "clang", "rustc", "clippy"
	Language string   // "c", "c++", "assembler-with-cpp", "assembler", "rust"
	Source   string   // absolute path of the main source, see Inputs; "" where it is Invocation.Input
	Args     []string // the arguments that decide the output, in order, response files expanded
	EnvNames []string // variables the compiler reads, sorted; unset differs from empty
	Facts    []string // further lines for the recipe, such as the apparent working directory

	// Inputs are files known before the compile to be read: the source, response files, files named by option values.
	// Absolute.
	Inputs []string

	// Outputs are all files the compiler may write on success; none where all goes to standard output.
	Outputs []Output

	// Dirs are the search directories that the arguments name. Absolute.
	Dirs []string

	// Roots are directories of this compile's own that become roots beside those of every invocation.
	Roots []Root

	// BindAll is why outputs depend on all roots though no scan of them may show it ("lto", "define"); "" if they do not.
	BindAll string

	// MappedMessages is set where names of paths are mapped in messages too, so that they must be mapped back.
	MappedMessages bool

	// PerSource is set where one recipe serves many unrelated sources (conftest.c): the recipe then holds the
	// source's digest, so that the manifest does not overflow.
	PerSource bool

	// Unit names, with the source, what is compiled, where the path of the first output says too much to tell earlier compiles of the same
	// thing; "" where it does.
	Unit string

	// Failures is set where a compile that exits non-zero is a result too: build scripts ask rustc what it can do.
	Failures bool

	// Detail belongs to the front-end that parsed the invocation.
	Detail any
}

// Root is a directory below which paths are spelled with a placeholder.
type Root struct {
	Name string // "target", "cargo-home"; see key.FindRoots for those of every invocation
	Path string // absolute
}

// Output is one file that a compilation writes.
type Output struct {
	Role     string // "object", "dependencies", "coverage-notes", "split-dwarf", "stack-usage"; "metadata", "library"
	Path     string // absolute
	Optional bool   // success without it is possible
	Empty    bool   // success with an empty one is possible
	Text     bool   // stored with roots as placeholders and expanded when restored; such an output binds to no root
	Replaced bool   // the compiler replaces the file (a new inode, fresh mode) instead of writing into the old one
	// Notice is text in the line of stderr by which the compiler tells that the file is there before all others are; "" for none.
	Notice string
}

// Toolchain is what besides arguments, environment and inputs decides a compiler's output.
type Toolchain struct {
	Kind  string     // "gcc", "clang"
	Files []ToolFile // by content
	Facts []string   // lines for the recipe, such as the expansion of -march=native
	// Version is what the compiler calls itself, for people; in no recipe. "" where it was not asked.
	Version string
	Detail  any // belongs to the front-end
}

// ToolFile is one file of a toolchain. The recipe holds its role and digest, not its path.
type ToolFile struct {
	Role   string // "driver", "cc1", "as", "library libisl.so.23"
	Path   string
	Digest digest.Digest
}
