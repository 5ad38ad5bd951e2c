package cachetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// ErrFault is what a planned failure returns unless the plan names another error.
var ErrFault = errors.New("planned fault")

// FaultKind is how a call goes wrong.
type FaultKind int

// The kinds of faults. What the inner store sees and what the caller gets:
const (
	None  FaultKind = iota // nothing goes wrong
	Fail                   // not called; the caller gets Fault.Err
	Stall                  // not called; the caller gets ctx's error when ctx is done

	// Short: an opened blob ends after half of its bytes with io.EOF, as of a tier that does not notice; a blob is put from
	// half of its bytes; results and input sets are cut in half, so that io.ErrUnexpectedEOF is returned.
	Short
	// Wrong: an opened blob has one bit flipped; a blob is put with one bit flipped; results and input sets are a
	// *cache.CorruptError.
	Wrong
	// Late: called; the caller gets the true answer after Fault.Until is closed or ctx is done.
	Late
)

// Fault is what happens to one call.
type Fault struct {
	Kind  FaultKind
	Err   error           // of Fail; nil means ErrFault
	Until <-chan struct{} // of Late
}

// Faulty is a cache.Store whose calls fail as planned. Plan is asked before each call, with the method's name and how many
// calls of that method there were before (from 0); nil plans nothing. Plan may be called from many goroutines.
type Faulty struct {
	Store cache.Store
	Plan  func(method string, n int) Fault

	mu    sync.Mutex
	calls map[string]int // guarded by mu
}

var _ cache.Store = (*Faulty)(nil)

// Calls returns how many calls of a method there were.
func (f *Faulty) Calls(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[method]
}

// next counts a call and returns its fault. after is called when the inner store has answered. An error ends the call.
func (f *Faulty) next(ctx context.Context, method string) (fault Fault, after func(), err error) {
	f.mu.Lock()
	if f.calls == nil {
		f.calls = map[string]int{}
	}
	n := f.calls[method]
	f.calls[method]++
	f.mu.Unlock()
	after = func() {}
	if f.Plan == nil {
		return Fault{}, after, nil
	}
	switch fault = f.Plan(method, n); fault.Kind {
	case Fail:
		err = fault.Err
		if err == nil {
			err = ErrFault
		}
	case Stall:
		<-ctx.Done()
		err = ctx.Err()
	case Late:
		after = func() {
			select {
			case <-fault.Until:
			case <-ctx.Done():
			}
		}
	}
	return fault, after, err
}

// record is the fault of a method that moves a whole record instead of a stream.
func (fault Fault) record(method string) error {
	switch fault.Kind {
	case Short:
		return io.ErrUnexpectedEOF
	case Wrong:
		return &cache.CorruptError{Name: method, Cause: ErrFault}
	}
	return nil
}

// Result implements cache.Store.
func (f *Faulty) Result(ctx context.Context, key digest.Key) (*compile.Result, error) {
	fault, after, err := f.next(ctx, "Result")
	if err == nil {
		err = fault.record("Result")
	}
	if err != nil {
		return nil, err
	}
	defer after()
	return f.Store.Result(ctx, key)
}

// PutResult implements cache.Store.
func (f *Faulty) PutResult(ctx context.Context, key digest.Key, r *compile.Result) error {
	fault, after, err := f.next(ctx, "PutResult")
	if err == nil {
		err = fault.record("PutResult")
	}
	if err != nil {
		return err
	}
	defer after()
	return f.Store.PutResult(ctx, key, r)
}

// InputSets implements cache.Store.
func (f *Faulty) InputSets(ctx context.Context, compilation digest.Key) ([]*compile.InputSet, error) {
	fault, after, err := f.next(ctx, "InputSets")
	if err == nil {
		err = fault.record("InputSets")
	}
	if err != nil {
		return nil, err
	}
	defer after()
	return f.Store.InputSets(ctx, compilation)
}

// AddInputSet implements cache.Store.
func (f *Faulty) AddInputSet(ctx context.Context, compilation digest.Key, set *compile.InputSet) error {
	fault, after, err := f.next(ctx, "AddInputSet")
	if err == nil {
		err = fault.record("AddInputSet")
	}
	if err != nil {
		return err
	}
	defer after()
	return f.Store.AddInputSet(ctx, compilation, set)
}

// Open implements cache.Store.
func (f *Faulty) Open(ctx context.Context, d digest.Digest) (io.ReadCloser, error) {
	fault, after, err := f.next(ctx, "Open")
	if err != nil {
		return nil, err
	}
	defer after()
	return fault.spoil(f.Store.Open(ctx, d))
}

// Put implements cache.Store.
func (f *Faulty) Put(ctx context.Context, d digest.Digest, open func() (io.ReadCloser, error)) error {
	fault, after, err := f.next(ctx, "Put")
	if err != nil {
		return err
	}
	defer after()
	return f.Store.Put(ctx, d, func() (io.ReadCloser, error) { return fault.spoil(open()) })
}

// spoil returns r with the fault's bytes.
func (fault Fault) spoil(r io.ReadCloser, err error) (io.ReadCloser, error) {
	if err != nil || fault.Kind != Short && fault.Kind != Wrong {
		return r, err
	}
	b, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	switch {
	case fault.Kind == Short:
		b = b[:len(b)/2]
	case len(b) == 0:
		b = []byte{0}
	default:
		b[len(b)/2] ^= 1
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}
