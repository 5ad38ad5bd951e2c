// Command ccwrap is called in a compiler's place: ccwrap gcc -c a.c, or as a link named gcc. See internal/wrapper.
//
// Its settings of Go's runtime spare every start what only suits long-lived programs: to read /proc/self/cgroup and mountinfo for
// a CPU limit, and to name mappings.

//go:debug containermaxprocs=0
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
