// Package cc is the front-end of C and C++ as compiled by gcc and clang with -c.
package cc

// Frontend implements frontend.Frontend for gcc and clang.
type Frontend struct {
	scans  scanMemory  // what source files say, by content
	chains chainMemory // what toolchains are, by program and what selects its parts
}

// New returns a Frontend that remembers nothing yet.
func New() *Frontend { return &Frontend{} }
