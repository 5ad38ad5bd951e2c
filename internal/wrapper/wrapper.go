// Package wrapper is what ccwrap does: it is called in a compiler's place, asks the daemon, and in the end has either replayed a
// cached compile, run the compiler as its child, or become the compiler.
//
// # What it keeps true
//
// The build sees the plain compiler: same arguments, environment, descriptors, umask, limits, signals and exit status. Any fault
// on our side (no daemon, a mute one, garbage on the wire) ends in the compiler being executed as if we were not
// there, and in one byte appended to protocol.Place.Unrecorded. Nothing is printed but the compiler's own words, except one line
// where the compiler is absent (status 127) or cannot be executed (126).
//
// Four traces remain. A compiler that is a script finds COMPILE_CACHE_NESTED in its environment (see nestVariable). A standard
// descriptor that was closed is /dev/null, because Go's runtime opens it; a compiler that writes its messages into an
// open output file instead is not worth imitating. Signals that the caller blocked and
// that end or tell a process (SIGINT, SIGTERM, SIGCHLD ...) are not blocked for the compiler, because Go's runtime unblocks them
// before any of our code runs. And while a compile is captured, stdout and stderr are pipes, or a pty where
// stderr is a terminal.
//
// # How it finds its way
//
//	ccwrap gcc -c a.c        prefix: the first argument is the compiler
//	/shims/gcc -c a.c        masquerade: gcc is a link to ccwrap, and the compiler is the next gcc in PATH
//
// A directory of shims holds a copy of ccwrap, links to it under the compilers' names, a link compile-cache to the program that is
// the daemon, and a link .instance to the directory of its instance.
//
// While the daemon waits for another machine, the caller's jobserver has its token back (jobserver_unix.go).
//
// A hit from this machine costs few system calls, no goroutine and no child, and on Linux not even the start of Go's runtime, which is
// several times the rest: Prelude asks before it, and the conversation goes on where it left off. The package imports the standard library's
// small parts and protocol, because every other compile pays for its start.
//
// Where address space is too scarce for the runtime, what Prelude does not answer it gives to the compiler, uncached.
package wrapper

import "os"

const usage = `usage: ccwrap COMPILER [ARGUMENT...]
       COMPILER [ARGUMENT...]     where COMPILER is a link to ccwrap

Runs COMPILER, or answers from the cache what it would have done.
COMPILE_CACHE_DISABLE=1 runs it at once.
`

// Main is ccwrap called with args (argv, whole), with a bit (1 << signal-1) in ignored for each signal that the caller had it ignore.
// becomes the compiler.
func Main(version string, args []string, ignored uint64) int {
	if len(args) == 0 {
		return 2
	}
	name, rest, ok := compilerName(args)
	switch {
	case ok:
		return run(name, rest, ignored)
	case len(rest) > 0 && rest[0] == "--version":
		os.Stdout.WriteString("ccwrap " + version + "\n")
		return 0
	case len(rest) > 0 && rest[0] == "--help":
		os.Stdout.WriteString(usage)
		return 0
	}
	os.Stderr.WriteString(usage)
	return 2
}

// compilerName returns what the caller names as the compiler, and its arguments. More than one ccwrap in a row comes from a launcher
// in front of a compiler that is set to "ccwrap gcc". ok is false where behind the last of them comes no name: then rest is what
// does come.
func compilerName(args []string) (name string, rest []string, ok bool) {
	name, rest = base(args[0]), args[1:]
	for isOwnName(base(name)) {
		if len(rest) == 0 || rest[0] == "" || rest[0][0] == '-' {
			return "", rest, false
		}
		name, rest = rest[0], rest[1:]
	}
	return name, rest, true
}

// isOwnName reports whether a file of this name is taken for ccwrap.
func isOwnName(name string) bool { return name == "ccwrap" || name == "ccwrap.exe" }

// complain prints the one line that ccwrap ever says about a compile.
func complain(name, cause string) { os.Stderr.WriteString("ccwrap: " + name + ": " + cause + "\n") }
