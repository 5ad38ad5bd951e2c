// Package cache is the contract of a store of results, input sets and blobs, which every tier keeps.
//
// # What a store keeps true
//
// A blob is found under the digest of its bytes and under no other; a reader that got a whole blob without an error got
// those bytes. A result is found under its key, an input set under its compilation digest; both are immutable: a second
// put of the same name may replace the bytes by another valid value or be dropped. Results, input sets and blobs may
// disappear at any time, each on its own (trimming); nothing may be half there. What was put by a finished call is
// visible to every later call of the same process, and soon to others.
//
// Three answers are kept apart. Absent is ErrNotFound. There but wrong is a *CorruptError: the store has put the bytes
// aside (quarantine), so the next call finds nothing. Not reachable is any other error: a fault of the tier, which callers
// count and report but never treat as a miss without saying so.
//
// All methods may be called at any time from many goroutines, and by many processes on the same store.
package cache

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// ErrNotFound is the answer where there is nothing under a name. Stores may wrap it.
var ErrNotFound = errors.New("not found")

// ErrReadOnly is the answer to a put where nothing may be written. Stores may wrap it.
var ErrReadOnly = errors.New("read-only")

// ErrWithdrawn is the answer where what lies under a key was found wrong: there is nothing, and nothing is to be put there. It is an
// ErrNotFound. Stores may wrap it.
var ErrWithdrawn error = withdrawnError{}

type withdrawnError struct{}

func (withdrawnError) Error() string {
	return "its key was withdrawn: a recheck found the result wrong"
}
func (withdrawnError) Is(target error) bool { return target == ErrNotFound }

// CorruptError says that what lay under a name was not what the name promises. The bytes are no longer found there.
type CorruptError struct {
	Name  string // what was wrong: "blob 1a2b...", "result 3c4d..."
	Cause error
}

func (e *CorruptError) Error() string { return fmt.Sprintf("corrupt %s: %v", e.Name, e.Cause) }
func (e *CorruptError) Unwrap() error { return e.Cause }

// Store is one tier.
type Store interface {
	// Result returns the result stored under key. The caller must not change it.
	Result(ctx context.Context, key digest.Key) (*compile.Result, error)
	// PutResult stores a result. Its blobs must have been put before.
	PutResult(ctx context.Context, key digest.Key, r *compile.Result) error

	// InputSets returns the newest input sets of a compilation digest, at most MaxInputSets, newest first.
	// No sets at all is an empty slice and no error. The caller must not change them.
	InputSets(ctx context.Context, compilation digest.Key) ([]*compile.InputSet, error)
	// AddInputSet adds a set. Adding an equal one again makes it the newest.
	AddInputSet(ctx context.Context, compilation digest.Key, set *compile.InputSet) error

	// Open returns a blob, positioned at its start, already verified or verified while it is read: a reader that meets
	// wrong bytes returns a *CorruptError instead of io.EOF.
	Open(ctx context.Context, d digest.Digest) (io.ReadCloser, error)
	// Put stores a blob whose bytes open returns; open may be called again after a failure. Bytes that do not match d
	// are refused with an error and not stored. A blob that is there already is not read.
	Put(ctx context.Context, d digest.Digest, open func() (io.ReadCloser, error)) error
}

// MaxInputSets bounds the sets of one compilation digest that a lookup considers.
const MaxInputSets = 16

// FileOpener is implemented by stores whose blobs lie in local files: the restoring side can then clone or copy them
// inside the kernel. The file is verified before it is returned, and read-only.
type FileOpener interface {
	OpenFile(ctx context.Context, d digest.Digest) (File, error)
}

// File is an open local blob.
type File interface {
	io.ReadCloser
	Fd() uintptr
}

// Missing is implemented by stores that can tell without reading it whether they lack a blob.
type Missing interface {
	Missing(d digest.Digest) bool
}

// Notes is implemented by stores that keep small mutable records beside the cache: what the last compiles of a unit
// looked like, so that a miss can be explained. Notes are advice; losing one loses an explanation, never a result.
type Notes interface {
	// Note returns the record under name, or ErrNotFound.
	Note(ctx context.Context, name digest.Key) ([]byte, error)
	// PutNote replaces the record under name; at most MaxNote bytes.
	PutNote(ctx context.Context, name digest.Key, b []byte) error
}

// MaxNote bounds one note, in bytes.
const MaxNote = 1 << 20

// Closer is implemented by stores with background work; Close drains it within ctx.
type Closer interface {
	Close(ctx context.Context) error
}

// Distant is implemented by stores part of which lies far away. InputSets of such a store answers from what is near, without a
// request; what else there is, only who found no hit among those asks for.
type Distant interface {
	// DistantInputSets returns further sets, as InputSets does.
	DistantInputSets(ctx context.Context, compilation digest.Key) ([]*compile.InputSet, error)
}

// Origins is implemented by stores of several tiers.
type Origins interface {
	// Origin names the tier from which this process first got a result that it has returned: "disk", "edge", "bucket".
	Origin(key digest.Key) string
}

// Users is implemented by stores that learn from what runs use: a bucket's profile is made of it.
type Users interface {
	// Use says that a compile used the result under key: was answered from it, wherever it came from, or just stored it.
	// set is the input set of compilation that led to it. Both are shared: nobody changes them any more.
	// Use is called on the hot path: it does no I/O and waits for nothing.
	Use(key, compilation digest.Key, set *compile.InputSet, r *compile.Result)
}

// Publisher is implemented by stores that gather what was put before they make it visible to others.
type Publisher interface {
	// Publish makes all that was put before visible, and returns when that is done or ctx has ended.
	Publish(ctx context.Context) error
}

// Withdrawer is implemented by stores that let what they hold be doubted.
type Withdrawer interface {
	// Withdraw takes a key out of use, because its results were found wrong: from now on, in later processes too, Result and
	// PutResult of it answer ErrWithdrawn.
	Withdraw(ctx context.Context, key digest.Key) error
	// Reverify reads a blob to its end, whatever was known of it, and returns what Open or its reader would: ErrNotFound, or a
	// *CorruptError.
	Reverify(ctx context.Context, d digest.Digest) error
}

type readOnly struct{}

// WithReadOnly returns a context under which no store writes anything, not even what it read from a farther tier.
func WithReadOnly(ctx context.Context) context.Context {
	return context.WithValue(ctx, readOnly{}, true)
}

// IsReadOnly reports whether ctx is one of WithReadOnly.
func IsReadOnly(ctx context.Context) bool { return ctx.Value(readOnly{}) != nil }
