package compile

import (
	"time"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// Result is what a compilation produced. Blobs are named by digest; their bytes are in the CAS.
type Result struct {
	Status   int           // exit status, 0 but for rustc's probe calls
	Wall     time.Duration // of the original compile
	CPU      time.Duration // user and system time of the original compile
	Stdout   []byte        // templates (see key.Roots): roots as placeholders
	Stderr   []byte
	Outputs  []StoredOutput
	MadeBy   string // who made it, for people: host, job, commit
	MadeTime time.Time
}

// StoredOutput is one output file of a result.
type StoredOutput struct {
	Role string // as in Output.Role; the path comes from the compilation that is answered
	Mode uint32 // permission bits before the umask, 0666 or 0777
	Text bool   // the blob is a template
	Blob digest.Digest
}

// InputSet says which inputs a compilation had, never their contents. Paths and names are spelled with placeholders
// where they lie below a root (see key.Roots). Sets are immutable; those of one compilation digest are its manifest.
type InputSet struct {
	Bound  []string      // names of the roots whose values are in the key, sorted
	Paths  []string      // in the order in which the compiler read them; the source first
	Absent []AbsentNames // names that must not exist
	Env    []string      // further variables whose values are in the key, sorted
	Once   []int         // indexes of paths that hold #pragma once: for those of equal content, equality of mtimes is in the key
}

// AbsentNames is a group: every one of Names is absent from every one of Dirs. A name has one component.
type AbsentNames struct {
	Dirs  []string
	Names []string
}
