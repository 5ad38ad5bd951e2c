// Package key computes names that are never wrong: the recipe of a compilation, the state of files, and from both the key
// of a result.
//
// # From an invocation to a key
//
//	recipe            labelled prose of all that decides the output besides input contents (recipe.go)
//	compilation       SHA-256 of the recipe: names the manifest, which is a bag of input sets
//	input set         paths, absent names, variable names, roots: no contents (compile.InputSet)
//	key               SHA-256 of compilation, input set, and the set's current state (check.go)
//
// A lookup walks the sets of the manifest, newest first, and asks the file system what each path holds now. Files are
// hashed once and remembered by device, inode, size and both times (state.go), so a lookup is one stat per path.
//
// # Roots
//
// The checkout, the home directory and the like are roots (roots*.go). Recipe, set and text outputs spell them with
// placeholders, so that another checkout finds the same compilation; whether a result may be used there is decided
// by what its outputs held: those roots whose text they contain are bound, and their values are part of the key.
//
// # What may be used at once
//
// State may be used from many goroutines. Everything else here is values.
package key
