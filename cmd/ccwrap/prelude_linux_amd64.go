//go:build go1.26 && !go1.27 && !plainstart

package main

import (
	_ "unsafe" // for go:linkname

	"github.com/compile-cache/compile-cache-action/internal/wrapper"
)

// Go's runtime lets cgo do something before the runtime itself does anything, through the variable _cgo_init. Our stand-in asks the
// daemon: most calls end there, and the runtime never starts. See wrapper.Prelude.
//
// It knows how the runtime calls it, so each release of Go is named above once internal/wrapper's tests have passed with it;
// with others, and with the tag plainstart, ccwrap does the same and takes longer.

//go:linkname preludeHook preludeHook
var preludeHook byte

//go:linkname _cgo_init _cgo_init
var _cgo_init = &preludeHook

// local is the local storage of the first thread: a word for g, and the one that the register points to.
//
//lint:ignore U1000 preludeHook uses it
var local [2]uint64

// prelude is called by preludeHook.
//
//lint:ignore U1000 preludeHook calls it
func prelude(argc int, argv **byte) { wrapper.Prelude(argc, argv) }
