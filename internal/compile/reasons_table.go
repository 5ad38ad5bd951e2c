package compile

// Reasons lists every reason once, in the order in which reports show them: misses, uncacheable, bypassed. It is never
// changed.
var Reasons = []Reason{
	{ReasonNew, Miss, "no compile of this file with these arguments was seen before", ""},
	{ReasonChanged, Miss, "an input, an argument, a variable or the compiler differs from the nearest earlier compile",
		"compile-cache explain FILE names what differs"},
	{ReasonEvicted, Miss, "the result was known but is no longer stored", "raise COMPILE_CACHE_MAX_SIZE"},
	{ReasonCorrupt, Miss, "the stored bytes did not match their digest; they were put aside", "compile-cache doctor checks the store"},
	{ReasonRecache, Miss, "COMPILE_CACHE_RECACHE is set", "unset COMPILE_CACHE_RECACHE to use stored results"},
	{ReasonStorage, Miss, "the store could not be read", "compile-cache doctor tells what the store answers"},
	{ReasonNoOutput, Miss, "the outputs could not be put in place", "check space and permissions where the outputs go"},
	{ReasonRecheck, Miss, "COMPILE_CACHE_RECHECK chose it to be compiled again and compared", "unset COMPILE_CACHE_RECHECK to use stored results"},
	{ReasonQuarantined, Miss, "a recheck found the stored result wrong, and its key incomplete; it is not used any more", "compile-cache recheck tells what differed"},

	{ReasonUnknownOption, Uncacheable, "the option is not known to this version", "report the option, or leave it out"},
	{ReasonOption, Uncacheable, "the option writes further files, reads files that no dependency output names, or prints what changes from call to call",
		"leave the option out where its effect is not needed"},
	{ReasonArguments, Uncacheable, "the arguments are incomplete, contradictory, or spelled in a way that compilers read differently",
		"spell the arguments in the plain way"},
	{ReasonPreprocess, Uncacheable, "the call only preprocesses", ""},
	{ReasonAssembly, Uncacheable, "the call writes assembly text", ""},
	{ReasonDependencies, Uncacheable, "the call only writes dependencies", "write them while compiling: -MD or -MMD beside -c"},
	{ReasonSyntax, Uncacheable, "the call only checks the source", ""},
	{ReasonCompileLink, Uncacheable, "the call compiles and links at once", "compile with -c, then link"},
	{ReasonLanguage, Uncacheable, "the language is not cached", ""},
	{ReasonMultipleSources, Uncacheable, "the call has more than one source", "compile one source per call"},
	{ReasonStdin, Uncacheable, "the source comes from standard input", "compile a file; build scripts' feature probes (autocfg) are small, and may stay as they are"},
	{ReasonPCH, Uncacheable, "a precompiled header is made or used", "build without precompiled headers"},
	{ReasonModules, Uncacheable, "modules are made or used", "build without modules"},
	{ReasonTimeMacro, Uncacheable, "the source uses __DATE__, __TIME__ or __TIMESTAMP__",
		"set SOURCE_DATE_EPOCH, which gcc and clang since 16 read (__TIMESTAMP__ takes no notice), or leave the macros out"},
	{ReasonDirective, Uncacheable, "a directive in the source reads files that cannot be followed", "include such files in another way"},
	{ReasonComputed, Uncacheable, "the operand of __has_include is a macro", "write the header's name into __has_include"},
	{ReasonEnvironment, Uncacheable, "a variable makes the compiler write another file or work in another way", "unset the variable"},
	{ReasonCompiler, Uncacheable, "the program is not a compiler that is understood, such as a script or another wrapper",
		"name the compiler itself"},
	{ReasonOutputFile, Uncacheable, "an output cannot be written safely: it is no plain file, has several links, is an input too, or its directory is missing",
		"write outputs to plain files of their own"},
	{ReasonOutputShared, Uncacheable, "another call wrote the same output at the same time", "give each call outputs of its own"},
	{ReasonInputChanged, Uncacheable, "an input changed while it was compiled", "make the build wait for whatever writes its inputs"},
	{ReasonInput, Uncacheable, "an input cannot be read as a plain file", ""},
	{ReasonOutputTooLarge, Uncacheable, "an output is larger than what is stored", ""},
	{ReasonTerminal, Uncacheable, "the compiler's messages depend on the terminal in a way that cannot be repeated", "redirect stderr"},
	{ReasonLink, Uncacheable, "the call of rustc links in a way that is not understood: by a script or another cache, by a linker that cannot list the files it reads, or for a target that is neither Linux nor WebAssembly nor without a system",
		"link with gcc or clang and ld, lld, gold or mold of 2021 or later"},
	{ReasonIncremental, Uncacheable, "rustc compiles incrementally", "set CARGO_INCREMENTAL=0"},
	{ReasonMacro, Uncacheable, "a procedural macro in use may do what no key covers: ask the clock, start programs, use the network, write files", "name it in COMPILE_CACHE_PURE_MACROS if it reads nothing that matters outside the package that uses it"},

	{ReasonOtherNamespace, Bypassed, "the call ran in another mount namespace than the daemon", "run compile-cache start there, or compile-cache container run"},
	{ReasonOtherJob, Bypassed, "the daemon belongs to another job or trust class", "run compile-cache start in this job"},
	{ReasonFault, Bypassed, "the cache itself failed", "see the daemon's log: compile-cache log"},
	{ReasonOverload, Bypassed, "the daemon had more calls than it takes", ""},
}

// Lookup returns the row of a reason. An id of a later version has its id for a sentence.
func Lookup(id ReasonID) Reason {
	for _, r := range Reasons {
		if r.ID == id {
			return r
		}
	}
	return Reason{ID: id, Sentence: string(id)}
}
