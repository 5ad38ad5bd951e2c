// Command ccwrap is called in a compiler's place: ccwrap gcc -c a.c, or as a link named gcc. See internal/wrapper.
package main

import (
	"os"

	"github.com/compile-cache/compile-cache-action/internal/wrapper"
)

// Version is set by the linker in a release.
var Version = "devel"

func main() { os.Exit(wrapper.Main(Version, os.Args, ignored)) }
