package main

import (
	"fmt"

	"github.com/alecthomas/kong"
)

// help is kong's help followed by examples, which teach more than flags do.
func help(options kong.HelpOptions, ctx *kong.Context) error {
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	name := ""
	if n := ctx.Selected(); n != nil {
		name = n.Name
	}
	if text := examples[name]; text != "" {
		fmt.Fprintf(ctx.Stdout, "\nExamples:\n%s", text)
	}
	return nil
}

// examples by command; "" are those of the program.
var examples = map[string]string{
	"": `  compile-cache run -- make -j8            build with the cache
  compile-cache stats                      what it saved so far
  compile-cache explain src/main.c         why that file was compiled again
  cmake -DCMAKE_C_COMPILER_LAUNCHER=ccwrap -DCMAKE_CXX_COMPILER_LAUNCHER=ccwrap ...
`,
	"run": `  compile-cache run -- make -j8
  compile-cache run -- ninja -C build
  compile-cache run --max-size 5GiB -- ./build.sh
  compile-cache run -- sh -c './configure && make'
The exit status is that of the command; 127 if it is absent, 126 if it cannot be executed.
`,
	"recheck": `  compile-cache recheck -- make -j8        every hit of the build is compiled again and compared
  compile-cache recheck --percent 5% -- cargo build
  compile-cache recheck                    what was found, and where the records lie
The exit status with a build is the build's; without one, 1 where a stored result was wrong.
`,
	"stats": `  compile-cache stats
  compile-cache stats --json | jq .hit_rate
  compile-cache stats --zero               count from now on; what is stored stays
`,
	"check": `  compile-cache doctor                     every step up to the bucket, and what to do where one fails
  compile-cache doctor --json | jq '.findings[] | select(.state == "problem")'
  compile-cache doctor iam                 what the bucket lets this job do that it should not
The exit status is 1 where there is a problem.
`,
	"iam": `  compile-cache doctor iam
It tries, in COMPILE_CACHE_BUCKET and COMPILE_CACHE_EDGE, to write what others read, to replace and to delete. The exit status is 1
where something of that is allowed.
`,
	"shim": `  compile-cache shim ~/shims && PATH=~/shims:$PATH make
`,
	"explain": `  compile-cache explain src/main.c
  compile-cache explain --last --json
`,
}
