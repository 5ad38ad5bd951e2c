package compile

import "time"

// Event is the one wide record of an invocation, a line of JSON in the spool. Reports are made of events alone.
// New fields may appear; none changes its meaning. Durations are in milliseconds with fractions. An event without an Outcome
// is no invocation: it has Time, Run and Storage only.
type Event struct {
	Time         time.Time `json:"time"`          // when the wrapper's request arrived
	Run          string    `json:"run,omitempty"` // the compile-cache run or job it belongs to; "outer/inner" where one ran inside another
	Outcome      Outcome   `json:"outcome"`
	Reason       ReasonID  `json:"reason,omitempty"`     // of a miss, uncacheable or bypassed
	Detail       string    `json:"detail,omitempty"`     // what exactly: the option, file or variable
	Causes       []Cause   `json:"causes,omitempty"`     // of a miss: what differs from the nearest earlier compile
	NotStored    string    `json:"not_stored,omitempty"` // of a miss: why the result was not stored, e.g. a full disk
	Tier         string    `json:"tier,omitempty"`       // of a hit: memory, disk, edge, bucket, reapi
	Compiler     string    `json:"compiler"`             // gcc, clang, rustc, clippy, other
	Program      string    `json:"program"`              // path of the compiler
	Dir          string    `json:"dir"`
	Source       string    `json:"source,omitempty"` // absolute; "DIR: standard input" where that is the source
	Output       string    `json:"output,omitempty"` // main output, absolute
	Status       int       `json:"status"`
	Key          string    `json:"key,omitempty"`         // hex, of a hit or a stored miss
	Compilation  string    `json:"compilation,omitempty"` // hex
	WallMS       float64   `json:"wall_ms"`               // from request to the last answer
	CompileMS    float64   `json:"compile_ms,omitempty"`  // the compiler's wall time, of a hit the original compile's
	CompileCPUMS float64   `json:"compile_cpu_ms,omitempty"`
	LookupMS     float64   `json:"lookup_ms,omitempty"`
	StoreMS      float64   `json:"store_ms,omitempty"`
	BytesRead    int64     `json:"bytes_read,omitempty"`   // of outputs, from the cache
	BytesStored  int64     `json:"bytes_stored,omitempty"` // newly written to the cache
	Inputs       int       `json:"inputs,omitempty"`       // files the key depends on
	Recheck      Verdict   `json:"recheck,omitempty"`      // of a hit that was compiled again: what came of it
	Quarantine   string    `json:"quarantine,omitempty"`   // path of the record of what a recheck found
	Storage      *Storage  `json:"storage,omitempty"`      // of no invocation: what a tier beyond this machine did
}

// Cause names one thing that differs between a missed compile and the nearest earlier one.
type Cause struct {
	// Kind is source, header, header-added, header-removed, header-appeared, flag, variable, compiler, directory or other; of Rust also
	// file, file-removed, file-appeared, feature, and crate: a library that was compiled before, whose own compile tells more.
	Kind string `json:"kind"`
	Name string `json:"name"` // the path, flag, variable, feature or version
	Was  string `json:"was,omitempty"`
	Now  string `json:"now,omitempty"`
}
