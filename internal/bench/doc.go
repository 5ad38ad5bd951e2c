// Package bench measures the cache side by side with the plain compiler and with ccache, where that is installed; and cargo builds
// with those of other caches.
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
//
// # Cargo builds
//
// RunRust measures whole cargo builds. Each side (plain cargo, ours, sccache, kache, mbx, a pruned target directory from one archive,
// and a replay of outputs that knows nothing, which is the floor) has a copy of the project of its own, and a mark in the environment
// of its processes, by which the CPU of its daemons is found: that of their own and of what they waited for, also where they run the
// compiler. First builds, from empty caches, fill what the other kinds of builds find:
//
//	warm      without target directory; and again, which must compile nothing
//	commit    after an edit of a leaf and of a crate amid the graph, with the target directory and without
//	path      in a checkout that is new in every round; ours also with mapped paths
//	fresh     on a machine that has nothing, from a bucket (the archive: from a file server) behind a link
//	wrapper   the CPU of single calls of ccwrap
//
// Sources that were just written lie still for a moment before a build. CARGO_INCREMENTAL is 0 for all. What a first build leaves
// daemons to do afterwards counts to it; what a fresh machine has to start counts to it too. A side that fails is left out, and
// the report tells why; a run that is cut off reports what it had.
package bench
