// Package rustoracle models rustc and a linker so closely that a random search can look for wrong crates, as package oracle does
// for C.
//
// # The model
//
// A Call is one run of the model compiler as cargo calls it. Its language has lines for what makes rustc read things: modules, files that are
// included, variables, crates, static libraries, procedural macros, warnings that quote. Its outputs hold no code but, as sums, everything that
// it consumed, and paths where rustc's hold paths; dep-info, the notices of outputs and the names of crates in metadata are written as rustc
// 1.95 writes them. Like rustc's, a crate's hash (SVH) covers sources, flags, variables and the crates below, but not native
// libraries: these are in a library's members only, and in what is linked of it. A crate that was compiled against another one than
// is there now is refused (E0460).
//
// Procedural macros are ELF files whose code imports what their actions need, so that package procmacro judges them by what they do. The
// driver of the linker is a program beside the compiler that answers the questions which gcc is asked. What the model reads and how it
// lists that is compared with the real rustc (model_test.go).
//
// # The search
//
// The tests make a workspace of five crates in two checkouts, and one crate of a registry, change one thing a step, and compile them in
// order as cargo does, or only one of them. Each compile is a case: the model alone says what is right, the engine answers the same
// invocation, and outputs, modes, messages and status are compared. Each of a table of deliberate omissions must be caught (omission_test.go), and
// what it is caught by is played with nothing left out.
//
// Where paths are mapped (COMPILE_CACHE_ROOTS), right is what the compiler alone makes with the same maps; one that is not cached
// is run without them.
package rustoracle
