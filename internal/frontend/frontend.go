// Package frontend is the contract of a compiler family: how an invocation becomes a compilation, what its toolchain is,
// how it is run on a miss, and what it turned out to have read.
//
// A front-end knows compilers; it knows neither keys nor stores. It sees the file system only through Files, whose answers
// are memoised, and runs programs only through Prober, because the daemon never executes what a client chose: the
// wrapper runs the program in its own environment and sends back what it printed.
package frontend

import (
	"context"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// Frontend is one family of compilers. Its methods may be called from many goroutines.
type Frontend interface {
	// Match reports whether a program of this base name (links unresolved) belongs to the family.
	Match(base string) bool

	// Parse decides what an invocation is. What it does not understand it declines; it never guesses. Beside a Decline the
	// Compilation is nil, or holds Kind, Source and Outputs as far as they are known, for people who ask about the call.
	//
	// The Compilation's Invocation is inv, or a copy of it with further variables, which input sets may name and no program is given.
	Parse(inv *compile.Invocation, files Files) (*compile.Compilation, *compile.Decline)

	// Toolchain returns what besides arguments and inputs decides the output, as it is now. It is called for every
	// compilation, so it answers from memory while everything that its answer rests on is unchanged, the contents of the
	// files it lists included, and otherwise asks the compiler. Equal answers may be one pointer; nobody changes it.
	// An error that is a *compile.Decline makes the call uncacheable.
	Toolchain(ctx context.Context, c *compile.Compilation, files Files, ask Prober) (*compile.Toolchain, error)

	// Plan returns how to run the compiler on a miss. scratch is a path prefix for files of its own: the front-end may
	// append to it; whoever calls removes Plan.Hidden afterwards.
	Plan(c *compile.Compilation, tc *compile.Toolchain, scratch string) Plan

	// Inputs is called after a run that may be stored and returns everything the compiler read or looked for in vain.
	// An error that is a *compile.Decline says why the result must not be stored.
	Inputs(ctx context.Context, c *compile.Compilation, tc *compile.Toolchain, run Run, files Files, ask Prober) (*Inputs, error)
}

// Asker is a Frontend that knows calls which compile nothing and have one answer.
type Asker interface {
	// Ask returns a name for what decides what such a call prints: where it is equal, the answer is. It returns "" for calls that do more
	// than print, or whose answer may depend on more. ask serves to learn what the compiler is.
	Ask(ctx context.Context, inv *compile.Invocation, files Files, ask Prober) string
}

// Plan is how a compile is run on a miss.
type Plan struct {
	Args    []string // arguments for the compiler, without argv[0]
	Scratch string   // the prefix given to Plan, for Inputs
	Hidden  []string // files that these arguments make the compiler write for us
	Unmap   []string // pairs of texts: what of these arguments would show in messages, and what a plain run says there
}

// Run is a finished compile that succeeded, or whose failure is a result too.
type Run struct {
	Status int
	Plan   Plan
	Start  time.Time // of the compile, on the file system's clock: what changed at or after it is suspect
	Stdout []byte
	Stderr []byte
}

// Inputs is what a compile depended on, with absolute paths as the compiler spelled them: joined to the working directory
// where relative, "." components and doubled slashes removed, ".." and links kept.
type Inputs struct {
	Paths  []string // files read; the source first, then in the compiler's order, each once
	Absent []compile.AbsentNames
	// Env are variables that count. Where names of paths are mapped, a value that lies below a mapped root is spelled with it: outputs that
	// depend on such a value otherwise than by which files it led to must be bound, by BindPaths.
	Env []string
	// OnlyNotices says that the compiler's messages hold nothing but its notices of this compile's outputs, so no text of an input.
	OnlyNotices bool

	Once    []int  // indexes into Paths, see compile.InputSet
	BindAll string // why the outputs depend on all roots, as in compile.Compilation; "" otherwise
	// BindPaths are paths whose spelling decided the outputs, perhaps without a trace in them: the roots that they lie in are bound.
	BindPaths []string
	// Dirs are directories whose identity (device and inode) decided where names were found: search directories.
	Dirs []string
}

// Files is the file system with memory. Paths are absolute. Every answer is current: it is checked against the
// file system (by stat) on each call, so it costs about a microsecond, and reads only what changed.
type Files interface {
	// Stat follows links.
	Stat(path string) (FileInfo, error)
	// Digest returns the digest of a regular file's content.
	Digest(path string) (digest.Digest, error)
	// ToolDigest is Digest for parts of a compiler: where times say nothing (FUSE, 9p) it is computed once.
	ToolDigest(path string) (digest.Digest, error)
	// Read returns a regular file's content and digest, at most limit bytes, else an error.
	Read(path string, limit int64) ([]byte, digest.Digest, error)
	// Exists reports whether dir has an entry of this name, of any type, a dangling link included. A missing dir has none.
	Exists(dir, name string) bool
	// Names returns the entries of a directory, sorted. A missing directory has none and is no error.
	Names(dir string) ([]string, error)
}

// FileInfo is what stat says.
type FileInfo struct {
	Dev, Ino     uint64
	Size         int64
	Mode         uint32 // as in st_mode, type included
	Nlink        uint64
	Mtime, Ctime int64 // nanoseconds since the epoch
}

// Prober asks a program something. It is run by the wrapper, with the invocation's environment and directory, no input, and
// the further variables in env.
type Prober interface {
	Probe(ctx context.Context, argv []string, env []string) (ProbeResult, error)
}

// ProbeResult is what a probed program said; Status is 128+n where signal n ended it.
type ProbeResult struct {
	Status         int
	Stdout, Stderr []byte
}
