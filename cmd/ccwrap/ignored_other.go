//go:build !(linux && amd64)

package main

// ignored is unknown here: of the signals that were ignored at the start only those that Go's runtime leaves alone, SIGHUP and
// SIGINT, stay so for the compiler.
const ignored = uint64(0)
