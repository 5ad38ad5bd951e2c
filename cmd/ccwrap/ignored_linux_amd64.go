package main

import _ "unsafe" // for go:linkname

// ignored has a bit (1 << signal-1) for each signal that was ignored when the process started. Go's runtime installs handlers
// over most of them before any of our code runs, and cannot be asked afterwards; a compiler must find them ignored still
// (SIGQUIT in a shell's background job, SIGPIPE below many build servers).
//
// The runtime lets cgo stand in for its calls of sigaction through the variable _cgo_sigaction. Our stand-in answers the
// runtime's questions about the present handler, and notes them; what changes a handler it leaves to the runtime.
var ignored uint64

//go:linkname sigactionHook sigactionHook
var sigactionHook byte

//go:linkname _cgo_sigaction _cgo_sigaction
var _cgo_sigaction = &sigactionHook
