package cc

// depsMode is what the user's own dependency output lists.
type depsMode int

const (
	depsNone depsMode = iota // no dependency output was asked for
	depsAll                  // -MD: every prerequisite
	depsUser                 // -MMD: all but those from system directories
)

// detail is what Parse learnt beyond compile.Compilation; Plan, Toolchain and Inputs read it. It is the Detail of every
// compilation of this front-end and never changes after Parse.
type detail struct {
	clang    bool     // by name only: the toolchain probe decides finally
	userDeps depsMode // what the user's own dependency output lists
	depFile  string   // absolute path of the user's dependency output, "" for none or /dev/null

	// Search directories as given, in their order, joined to the working directory: absolute, "." removed, ".." kept.
	quoteDirs   []string // -iquote
	includeDirs []string // -I
	systemDirs  []string // -isystem
	afterDirs   []string // -idirafter

	assemblerDirs []string // -Wa,-I: searched by the assembler after those of -I

	preIncludes []string // values of -include and -imacros, as given

	// probeArgs are the arguments that decide toolchain and built-in search directories, in order: -m*, --sysroot,
	// -isysroot, -nostdinc*, -stdlib=, --target, --gcc-toolchain, -std=, -pthread, -ansi, -x LANG and the like, but
	// nothing of -I, -D, -U, -W, -O, -f, -g, -o, -M.
	probeArgs []string

	maps     []prefixMap // in the order of the arguments
	mapArgs  []string    // the arguments by which Map maps
	compDirs []string    // absolute values of options that name the compilation directory

	native     bool   // -march, -mcpu or -mtune=native: the expansion is part of the recipe
	splitDwarf bool   // objcopy takes part
	sourceArg  string // the source as on the command line
}
