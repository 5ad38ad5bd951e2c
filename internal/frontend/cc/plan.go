package cc

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// Names of the files that our own options write, after the scratch prefix.
const (
	scratchDeps      = ".d"  // what the compiler read
	scratchAssembler = ".as" // what gcc's assembler read
)

// Plan implements frontend.Frontend: the original arguments, with those of Map in front, and hidden options that make the compiler (and gcc's
// assembler) say what they read. Where the user's own options say it already, or would not agree with ours, there are none.
func (f *Frontend) Plan(c *compile.Compilation, tc *compile.Toolchain, scratch string) frontend.Plan {
	var hidden, files []string
	if hidesDeps(c) {
		hidden = append(hidden, "-MD", "-MF", scratch+scratchDeps)
		files = append(files, scratch+scratchDeps)
	}
	if hidesAssembler(c, tc, scratch) {
		hidden = append(hidden, "-Wa,--MD,"+scratch+scratchAssembler)
		files = append(files, scratch+scratchAssembler)
	}
	at := slices.Index(c.Invocation.Args, "--")
	if at < 0 {
		at = len(c.Invocation.Args)
	}
	args := slices.Concat(c.Detail.(*detail).mapArgs, slices.Insert(slices.Clone(c.Invocation.Args), at, hidden...))
	return frontend.Plan{Args: args, Scratch: scratch, Hidden: files}
}

// hidesDeps reports whether a hidden -MD tells what the compiler read: there is no dependency output of the user's, nor
// an option that means something only with one.
func hidesDeps(c *compile.Compilation) bool {
	if c.Detail.(*detail).userDeps != depsNone || c.Language == plainAssembly {
		return false
	}
	return !slices.ContainsFunc(c.Args, func(arg string) bool {
		return strings.HasPrefix(arg, "-M") || strings.HasPrefix(arg, "-Wp,-M")
	})
}

// hidesAssembler reports whether gcc's assembler is asked. -Wa splits at commas, so a path with one cannot be given; and
// objects for link-time optimisation record the assembler's options: those that gcc itself makes.
func hidesAssembler(c *compile.Compilation, tc *compile.Toolchain, scratch string) bool {
	if tc.Detail.(*chain).clang || strings.Contains(scratch, ",") {
		return false
	}
	return isAssembly(c.Language) || !slices.ContainsFunc(c.Args, func(arg string) bool { return strings.HasPrefix(arg, "-flto") })
}

// prerequisites returns the files that the compiler read, as it spells them, the source first.
func (f *Frontend) prerequisites(ctx context.Context, c *compile.Compilation, run frontend.Run, files frontend.Files, ask frontend.Prober) ([]string, error) {
	d := c.Detail.(*detail)
	var text []byte
	switch path := d.depFile; {
	case c.Language == plainAssembly:
		return nil, nil
	case hidesDeps(c):
		path = run.Plan.Scratch + scratchDeps
		fallthrough
	case d.userDeps == depsAll && path != "":
		var err error
		if text, _, err = files.Read(path, maxDepfile); err != nil {
			return nil, compile.Refuse(compile.ReasonInput, fmt.Sprintf("dependency file: %v", err))
		}
	default:
		argv := append([]string{c.Program}, depsArgs(c)...)
		said, err := ask.Probe(ctx, argv, nil)
		if err != nil {
			return nil, fmt.Errorf("probe %s -M: %w", c.Program, err)
		}
		if said.Status != 0 {
			return nil, compile.Refuse(compile.ReasonInput, fmt.Sprintf("%s -M exits %d", c.Program, said.Status))
		}
		text = said.Stdout
	}
	paths, err := parseDepfile(text)
	if err != nil {
		return nil, compile.Refuse(compile.ReasonInput, err.Error())
	}
	if d.userDeps == depsUser && d.depFile != "" {
		return paths, agree(paths, d.depFile, files)
	}
	return paths, nil
}

// agree checks that a list asked for after the compile holds all that the compile itself listed: a header may have been there
// only for a while.
func agree(paths []string, depFile string, files frontend.Files) error {
	text, _, err := files.Read(depFile, maxDepfile)
	if err != nil {
		return compile.Refuse(compile.ReasonInput, fmt.Sprintf("dependency file: %v", err))
	}
	own, err := parseDepfile(text)
	if err != nil {
		return compile.Refuse(compile.ReasonInput, err.Error())
	}
	listed := make(map[string]bool, len(paths))
	for _, path := range paths {
		listed[path] = true
	}
	for _, path := range own {
		if !listed[path] {
			return compile.Refuse(compile.ReasonInputChanged, path)
		}
	}
	return nil
}

// maxDepfile bounds a dependency file; 20,000 paths of 400 bytes are 8 MB.
const maxDepfile = 16 << 20

// depsArgs returns the arguments that make the compiler print what a compile would read: the same ones without those that
// name outputs, and -M.
func depsArgs(c *compile.Compilation) []string {
	d := c.Detail.(*detail)
	var args []string
	for i := 0; i < len(c.Args); i++ {
		switch arg := c.Args[i]; {
		case arg == "-c":
		case arg == "-o", arg == "-MF", arg == "-MT", arg == "-MQ", arg == "-MJ":
			i++
		case strings.HasPrefix(arg, "-o"), strings.HasPrefix(arg, "-M"):
		case strings.HasPrefix(arg, "-Wp,-M"):
		default:
			args = append(args, arg)
		}
	}
	at := slices.Index(args, "--")
	if at < 0 {
		at = len(args)
	}
	if !slices.Contains(args, d.sourceArg) {
		args = append(args, d.sourceArg)
	}
	return slices.Insert(args, at, "-M", "-MT", "x")
}

// assembled returns the files that gcc's assembler names, as it spells them; ok is false where it did not say. It names what it
// opened, the compiler's output included, and what line markers around inline assembly name, which it did not open.
func assembled(c *compile.Compilation, run frontend.Run, tc *compile.Toolchain, files frontend.Files) (paths []string, ok bool) {
	if !hidesAssembler(c, tc, run.Plan.Scratch) {
		return nil, false
	}
	text, _, err := files.Read(run.Plan.Scratch+scratchAssembler, maxDepfile)
	if err != nil {
		return nil, false
	}
	paths, err = parseDepfile(text)
	return paths, err == nil
}

// isTemporary reports whether a path has the form of the files between gcc and its assembler: ccXXXXXX.s.
func isTemporary(path string) bool {
	base := baseOf(path)
	return len(base) == len("ccXXXXXX.s") && strings.HasPrefix(base, "cc") && strings.HasSuffix(base, ".s")
}
