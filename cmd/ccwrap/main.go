// Command ccwrap is called in a compiler's place: ccwrap gcc -c a.c, or as a link named gcc. See internal/wrapper.
//
// Its settings of Go's runtime spare every start what only suits long-lived programs: to name mappings, and to watch for another
// limit of CPUs. They make a hit about 5 % quicker.
//
//go:debug updatemaxprocs=0
//go:debug decoratemappings=0
package main

import (
	"os"

	"github.com/compile-cache/compile-cache-action/internal/wrapper"
)

// Version is set by the linker in a release.
var Version = "devel"

func main() { os.Exit(wrapper.Main(Version, os.Args, ignored)) }
