package pack

import (
	"time"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// Kind is what a record holds.
type Kind uint8

// Kinds of records. Readers leave out kinds they do not know.
const (
	Blob     Kind = 1 // name: the SHA-256 of the bytes
	Result   Kind = 2 // name: the key; the stored form of a compile.Result
	InputSet Kind = 3 // name: the compilation digest; the stored form of a compile.InputSet. Several may have one name
	Note     Kind = 4 // name: the unit; what an explanation needs
)

// Record says what lies where in a pack.
type Record struct {
	Kind   Kind
	Name   digest.Key
	Sum    digest.Key // SHA-256 of the payload; of a Blob it is the Name
	Size   int64      // of the payload, in bytes
	Offset int64      // of the record in its pack, its header included
	Length int64      // of the record in its pack, its header included
}

// ID names a record's payload among all: equal IDs have equal payloads.
type ID struct {
	Kind Kind
	Name digest.Key
	Sum  digest.Key
}

// ID returns the record's ID.
func (r Record) ID() ID { return ID{r.Kind, r.Name, r.Sum} }

// Ref names a pack.
type Ref struct {
	Scope string     // "trusted/main"; whose prefix it lies under
	Sum   digest.Key // SHA-256 of the pack; its object's name in hex
	Size  int64
	Time  time.Time // when it was stored, by the store's clock, in seconds
}

// Located is a record and the pack it lies in.
type Located struct {
	Record
	Pack int // index into the packs of the table it comes from
}

// Provenance is who made something, for people and for revocation. All is as the runner said it, so nothing is decided by it.
type Provenance struct {
	Version    string `json:"version"` // of the program
	Repository string `json:"repository,omitempty"`
	Ref        string `json:"ref,omitempty"`
	Commit     string `json:"commit,omitempty"`
	Run        string `json:"run,omitempty"`
	Attempt    string `json:"attempt,omitempty"`
	Job        string `json:"job,omitempty"`
	Actor      string `json:"actor,omitempty"`
	Event      string `json:"event,omitempty"`
	Workflow   string `json:"workflow,omitempty"`
	Runner     string `json:"runner,omitempty"`
}

// Item is one thing that a run used.
type Item struct {
	Located
	Age int // profiles written since a run used it; 0: the last one did
}
