// Package toolchain finds out what a compiler is made of, and knows it until that changes. It is what all front-ends do alike; which questions
// a compiler understands, and what its answers mean, is theirs.
//
// # Asking
//
// An Asking is one asking of a compiler. It has the wrapper put the questions, makes files part of the toolchain (File), and notes what all this
// rests on. What it ends in is an Answer: a toolchain, or the refusal to have anything to do with this compiler.
//
// # What an answer rests on
//
// A hit must not start a process, so an answer counts as long as nothing that led to it has changed. That is its Basis: the content of
// every file that takes part (Watch), the names whose appearance would lead elsewhere (Absent), the names in directories
// that are looked through (List), and where links lead (Leads). Current looks at all of them, on every compile: some stats, and nothing that was
// hashed before is read again. So each is noted once however often it is met.
//
// Variables and arguments, and where the program itself lies, are no part of it: they are the question (Key).
//
// # Memory
//
// A Memory holds answers by what was asked. Of those who want to know the same at once one asks, and the others wait, then look at the
// answer with their own eyes: what the first one began to ask may have changed before the others came. Where one asks too long, since a process
// may be stopped or gone, one of the others takes over.
//
// # Libraries
//
// Code of a compiler is also in the shared libraries that the loader gives it. The loader says which these are (--list), by every one of its
// rules, and does not start the program. Loads remembers what it said, and says itself whether another value of LD_LIBRARY_PATH
// would lead to the same libraries: cargo calls rustc, and build scripts call gcc, with several values of it, whose directories hold no library
// of either.
//
// Nothing here executes a file, keeps a Prober or a Files beyond a call, or writes anything.
package toolchain
