package compile

// ReasonID names why an invocation ended as it did. Ids are part of stats --json: one never changes its meaning.
type ReasonID string

// Reason is one row of the table from which statistics, reports and docs/reasons.md are made.
type Reason struct {
	ID       ReasonID
	Outcome  Outcome // the outcome it explains
	Sentence string  // what happened, completing "because ..."
	Remedy   string  // what a person can do; "" where nothing is to be done
}

// Reasons of misses.
const (
	ReasonNew         ReasonID = "new"         // no earlier compile of this file with these arguments
	ReasonChanged     ReasonID = "changed"     // an input, flag, variable or the compiler differs from the nearest earlier compile
	ReasonEvicted     ReasonID = "evicted"     // the result was known but is no longer stored
	ReasonCorrupt     ReasonID = "corrupt"     // stored bytes did not match their digest
	ReasonRecache     ReasonID = "recache"     // COMPILE_CACHE_RECACHE is set
	ReasonStorage     ReasonID = "storage"     // the store could not be read
	ReasonNoOutput    ReasonID = "restore"     // the outputs could not be put in place
	ReasonRecheck     ReasonID = "recheck"     // a hit that was compiled again and compared
	ReasonQuarantined ReasonID = "quarantined" // a recheck found the result wrong
)

// Reasons of uncacheable compiles.
const (
	ReasonUnknownOption   ReasonID = "unknown-option"
	ReasonOption          ReasonID = "option"
	ReasonArguments       ReasonID = "arguments"
	ReasonPreprocess      ReasonID = "preprocess-only"
	ReasonAssembly        ReasonID = "assembly-output"
	ReasonDependencies    ReasonID = "dependencies-only"
	ReasonSyntax          ReasonID = "syntax-only"
	ReasonCompileLink     ReasonID = "compile-and-link"
	ReasonLanguage        ReasonID = "language"
	ReasonMultipleSources ReasonID = "multiple-sources"
	ReasonStdin           ReasonID = "stdin"
	ReasonPCH             ReasonID = "precompiled-header"
	ReasonModules         ReasonID = "modules"
	ReasonTimeMacro       ReasonID = "time-macro"
	ReasonDirective       ReasonID = "directive"
	ReasonComputed        ReasonID = "computed-has-include"
	ReasonEnvironment     ReasonID = "environment"
	ReasonCompiler        ReasonID = "compiler"
	ReasonOutputFile      ReasonID = "output-file"
	ReasonOutputShared    ReasonID = "output-shared"
	ReasonInputChanged    ReasonID = "input-changed"
	ReasonInput           ReasonID = "input"
	ReasonOutputTooLarge  ReasonID = "output-too-large"
	ReasonTerminal        ReasonID = "terminal"
	ReasonLink            ReasonID = "link"
	ReasonIncremental     ReasonID = "incremental"
	ReasonMacro           ReasonID = "procedural-macro"
)

// Reasons of bypassed invocations.
const (
	ReasonOtherNamespace ReasonID = "other-namespace"
	ReasonOtherJob       ReasonID = "other-job"
	ReasonFault          ReasonID = "fault"
	ReasonOverload       ReasonID = "overload"
)
