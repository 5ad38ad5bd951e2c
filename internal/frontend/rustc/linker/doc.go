// Package linker finds out what a link of Rust runs, and reads what it says it has read.
//
// rustc links by calling another compiler (cc, or what -C linker names: the driver), which starts a linker, or by calling lld itself. All of these, with
// what they load, are part of the toolchain of a compile that links, by content: the driver, each program that it starts and its plugins,
// what rustc has of its own, and the directories in which the driver has libraries and start files searched for. The files that a link reads are
// its inputs, which this package knows nothing of but the form in which a linker lists them (list.go).
//
// # Asking
//
// The driver is had to start its linker as rustc would, beside the option by which a linker lists what it reads, with -v and --version: so it says what it starts,
// and a linker that does not know the option is found out before a user's link fails because of us. Whether rustc has its own lld or the driver's linker work depends on its
// version, target and options; both are asked for, and both are part.
//
// # Memory
//
// The driver and the linkers are asked by a dozen processes, and cargo compiles each package in a directory of its own: who asked anew in each
// would ask hundreds of times. What they say does not depend on the directory where nothing that they are told is relative to it, and the driver
// is the compiler itself: a program that chooses one by directory (those that manage versions do) says by its answers that another one gave them.
// Nor does it depend on LD_LIBRARY_PATH, of which cargo has several values, where that leads to the same libraries: then the same questions are put to the
// answers of before, and only the loader is asked.
//
// Linkers may be used by many goroutines at once.
package linker
