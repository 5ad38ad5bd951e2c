// Package bench measures the cache side by side with the plain compiler and with ccache, where that is installed.
//
// # How it measures
//
// The variants of a case take turns: in each round every one runs once, and the round after begins with another. What the machine
// does meanwhile falls on all alike, so ratios are stable where times are not. A ratio is given twice: of the medians, and as
// the median of the rounds' own ratios.
//
// Wall time is from before the start of the process to after its end. CPU is user and system time of the process and of all
// below it that were waited for, as wait4 gives it. For ccwrap the daemon's CPU is added, and shown apart: what it used from the
// start of a run to the start of its next one. It is read from the process's CPU clock, which counts nanoseconds where /proc counts
// hundredths of a second.
//
// Everything lies in a directory of the run: sources, caches, sockets, outputs. The daemon is a child of the benchmark. A case that
// measured something else than it says (a miss in place of a hit, other bytes than the plain compiler's) is an error, or
// says so in its numbers.
//
// # The cases
//
//	small     a hit on a C file with some 25 headers
//	headers   a hit on a C++ file with some 400 headers
//	project   a build of 200 files at -j2: cold, warm, and warm with a new daemon
//	tax       the CPU of a cold first build, against the plain build and a bare copy of its outputs
//	daemon    hits over held connections, without wrappers
//	herd      5,000 wrappers of a fake compiler at once
//	bucket    a build of 500 C++ files on a machine that has nothing, from an S3 bucket at 0, 30 and 80 ms, beside one from a warm local
//	          cache, a plain one, and ccache with its HTTP storage at the same distance. The distance is a proxy's, in this process (see
//	          link). A machine is a cache directory and a daemon of its own; its time includes the start of the daemon.
package bench
