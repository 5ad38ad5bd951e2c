// Package objects is the contract of what the bucket tier asks of a store of immutable objects: S3 and what speaks like it
// (package s3), or a plain directory (package dir).
//
// # What a store keeps true
//
// An object is written once: a Put of a name that exists changes nothing and says so. An object is visible whole or not at
// all. Names are relative to the place that the store was opened at, of segments of letters, digits and "-._=", joined by "/"; a name
// that is not so is refused before anything is asked (CheckName). No name may be another's directory: a plain directory could
// not hold "a" and "a/b" both. Times are the store's, never this machine's.
//
// Three answers are kept apart. Absent is ErrNotFound. Refused, throttled, unreachable and the like is an *Error, which says what
// failed, on what, with which answer, and what to do about it. What ends with ctx returns ctx's error, perhaps wrapped.
// A refusal is never reported as absence.
//
// All methods may be called from many goroutines, and by many processes on the same place.
package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// ErrNotFound is the answer where there is no object of a name. Stores may wrap it.
var ErrNotFound = errors.New("no such object")

// Store is a place of objects.
type Store interface {
	// Get returns length bytes of an object from offset on; length < 0 means to its end. A range that the object does not have
	// in full is an error, of Get or of the reader. The reader returns exactly the bytes asked for, and must be closed.
	Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error)
	// Put stores an object of size bytes with the SHA-256 sum, unless there is one of that name. body is read from its start, perhaps
	// more than once, and no more after Put has returned. Bytes that are not as size and sum say are refused.
	Put(ctx context.Context, name string, body io.ReadSeeker, size int64, sum [32]byte) (Stored, error)
	// List returns the objects whose names begin with prefix, in byte order of their names, at most limit of them (1 to 1000), and only
	// those after the name after. It is one request.
	List(ctx context.Context, prefix, after string, limit int) (Listing, error)
	// String names the place for people: no secret in it.
	String() string
}

// Stored is what became of a Put.
type Stored struct {
	Time time.Time // of the store, when it answered

	// There was an object of that name; nothing was written. It may be this Put's own: where an answer was lost and the request
	// repeated, the first one may have been heard.
	Existed bool
}

// Listing is one answer of List.
type Listing struct {
	Objects []Object
	More    bool      // there are more after the last
	Time    time.Time // of the store, not after the listing began
}

// Object is one object of a listing.
type Object struct {
	Name string
	Size int64
}

// Kind is what went wrong, as far as it decides what to do next.
type Kind string

// Kinds of errors.
const (
	Denied      Kind = "denied"      // the credentials are good and may not do this
	Credentials Kind = "credentials" // none, wrong, expired or not obtainable
	Throttled   Kind = "throttled"   // asked to slow down
	Unreachable Kind = "unreachable" // no answer: connection refused, reset, timed out, name not found
	Skewed      Kind = "skewed"      // the clocks differ too much
	Absent      Kind = "absent"      // there is no such bucket or directory
	Misplaced   Kind = "misplaced"   // wrong region or endpoint
	Full        Kind = "full"        // no room
	Unavailable Kind = "unavailable" // the store failed: 5xx
	Unexpected  Kind = "unexpected"  // anything else, such as an answer that no store of this kind gives
)

// Error is a store's failure. Two errors of equal Kind, Operation and Code have one cause: people are told once.
type Error struct {
	Kind      Kind
	Operation string // "get", "put", "list"
	Place     string // as Store.String
	Name      string // of the object, or the prefix
	Status    int    // of HTTP; 0 where there was none
	Code      string // of the service: "AccessDenied"
	Message   string // of the service
	RequestID string
	Advice    string // what to do, in one sentence without a full stop
	Cause     error
}

// Error tells everything in one line.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s/%s: %s", e.Operation, e.Place, e.Name, e.Kind)
	if e.Status != 0 {
		fmt.Fprintf(&b, ", status %d", e.Status)
	}
	for _, part := range []struct{ label, text string }{{"code ", e.Code}, {"", e.Message}, {"request id ", e.RequestID}} {
		if part.text != "" {
			b.WriteString(", " + part.label + part.text)
		}
	}
	if e.Message == "" && e.Cause != nil {
		b.WriteString(": " + e.Cause.Error())
	}
	if e.Advice != "" {
		b.WriteString("; " + e.Advice)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Cause }

// Split returns Error's text without the advice, and the advice: who tells people keeps them apart.
func (e *Error) Split() (what, advice string) {
	bare := *e
	bare.Advice = ""
	return bare.Error(), e.Advice
}

// Lasting reports whether asking again soon is no use.
func (e *Error) Lasting() bool {
	switch e.Kind {
	case Denied, Credentials, Skewed, Absent, Misplaced:
		return true
	}
	return false
}

// MaxName bounds a name, in bytes.
const MaxName = 512

// MaxList is the most that one List answers.
const MaxList = 1000

// CheckList says why no store may be asked for such a list. prefix and after may be empty, or end anywhere in a name.
func CheckList(prefix, after string, limit int) error {
	if limit < 1 || limit > MaxList {
		return fmt.Errorf("list of %d objects, want 1 to %d", limit, MaxList)
	}
	for _, begun := range []string{prefix, after} {
		if len(begun) == MaxName {
			begun = begun[:MaxName-1]
		}
		if err := CheckName(begun + "x"); err != nil {
			return err
		}
	}
	return nil
}

// CheckName says why name is none that a store may be asked for. Foreign bytes name packs, so nothing like "../x" may pass.
func CheckName(name string) error {
	if name == "" || len(name) > MaxName {
		return fmt.Errorf("object name of %d bytes", len(name))
	}
	for segment := range strings.SplitSeq(name, "/") {
		if strings.Trim(segment, ".") == "" {
			return fmt.Errorf("object name %.80q has a segment of dots or nothing", name)
		}
		for i := range len(segment) {
			switch c := segment[i]; {
			case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
			case c == '-' || c == '.' || c == '_' || c == '=':
			default:
				return fmt.Errorf("object name %.80q has a byte %#x", name, c)
			}
		}
	}
	return nil
}
