package objectstest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"sync"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
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
	Lost                   // called, and what it does is done; the caller gets Fault.Err
	Late                   // called; the caller gets the true answer after Fault.Until is closed, or ctx's error when ctx is done first

	// Short: the body of a get ends after half of its bytes with io.EOF; a body is put of which the second half is missing; a list
	// shows the first half and claims that there is no more.
	Short
	// Hang: the body of a get gives half of its bytes, then nothing until ctx is done. Other calls: as Stall.
	Hang
	// Wrong: the body of a get has one bit flipped; a put stores an object with one bit flipped, which the store does not notice;
	// a list fails with Unexpected.
	Wrong
	// Extra: the body of a get has one byte more; a body is put that has one byte more; a list shows one object that is not there.
	Extra
)

// Fault is what happens to one call.
type Fault struct {
	Kind  FaultKind
	Err   error           // of Fail and Lost; nil means ErrFault
	Until <-chan struct{} // of Late
}

// Faulty is an objects.Store whose calls fail as planned. Plan is asked before each call, with "get", "put" or "list" and how many
// calls of that there were before (from 0); nil plans nothing. Plan may be called from many goroutines.
type Faulty struct {
	Store objects.Store
	Plan  func(op string, n int) Fault

	mu    sync.Mutex
	calls map[string]int // guarded by mu
	fired map[string]int // guarded by mu; of calls, those with a fault
}

var _ objects.Store = (*Faulty)(nil)

// Calls returns how many calls of an operation there were.
func (f *Faulty) Calls(op string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[op]
}

// Fired returns how many calls of an operation had a fault.
func (f *Faulty) Fired(op string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fired[op]
}

// next counts a call and returns its fault. An error ends the call before the inner store is asked.
func (f *Faulty) next(ctx context.Context, op string) (Fault, error) {
	f.mu.Lock()
	if f.calls == nil {
		f.calls, f.fired = map[string]int{}, map[string]int{}
	}
	n := f.calls[op]
	f.calls[op]++
	f.mu.Unlock()
	if f.Plan == nil {
		return Fault{}, nil
	}
	fault := f.Plan(op, n)
	if fault.Kind != None {
		f.mu.Lock()
		f.fired[op]++
		f.mu.Unlock()
	}
	switch {
	case fault.Kind == Fail:
		return fault, fault.err()
	case fault.Kind == Stall, fault.Kind == Hang && op != "get":
		<-ctx.Done()
		return fault, ctx.Err()
	}
	return fault, nil
}

func (fault Fault) err() error {
	if fault.Err != nil {
		return fault.Err
	}
	return ErrFault
}

// answered is called when the inner store has answered; an error takes the answer's place.
func (fault Fault) answered(ctx context.Context) error {
	switch fault.Kind {
	case Lost:
		return fault.err()
	case Late:
		select {
		case <-fault.Until:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// spoil returns b with the fault's bytes.
func (fault Fault) spoil(b []byte) []byte {
	switch fault.Kind {
	case Short, Hang:
		return b[:len(b)/2]
	case Wrong:
		if len(b) > 0 {
			b[len(b)/2] ^= 1
		}
	case Extra:
		return append(b, 'x')
	}
	return b
}

func (fault Fault) spoils() bool {
	return fault.Kind == Short || fault.Kind == Hang || fault.Kind == Wrong || fault.Kind == Extra
}

// Get implements objects.Store.
func (f *Faulty) Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	fault, err := f.next(ctx, "get")
	if err != nil {
		return nil, err
	}
	r, err := f.Store.Get(ctx, name, offset, length)
	if lost := fault.answered(ctx); lost != nil {
		if err == nil {
			r.Close()
		}
		return nil, lost
	}
	if err != nil || !fault.spoils() {
		return r, err
	}
	b, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	body := io.Reader(bytes.NewReader(fault.spoil(b)))
	if fault.Kind == Hang {
		body = io.MultiReader(body, hanging{ctx})
	}
	return io.NopCloser(body), nil
}

// hanging gives nothing until its context is done.
type hanging struct{ ctx context.Context }

func (h hanging) Read([]byte) (int, error) {
	<-h.ctx.Done()
	return 0, h.ctx.Err()
}

// Put implements objects.Store.
func (f *Faulty) Put(ctx context.Context, name string, body io.ReadSeeker, size int64, sum [32]byte) (objects.Stored, error) {
	fault, err := f.next(ctx, "put")
	if err != nil {
		return objects.Stored{}, err
	}
	if fault.spoils() {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return objects.Stored{}, err
		}
		b, err := io.ReadAll(body)
		if err != nil {
			return objects.Stored{}, err
		}
		b = fault.spoil(b)
		body = bytes.NewReader(b)
		if fault.Kind == Wrong {
			sum = sha256.Sum256(b)
		}
	}
	stored, err := f.Store.Put(ctx, name, body, size, sum)
	if lost := fault.answered(ctx); lost != nil {
		return objects.Stored{}, lost
	}
	return stored, err
}

// List implements objects.Store.
func (f *Faulty) List(ctx context.Context, prefix, after string, limit int) (objects.Listing, error) {
	fault, err := f.next(ctx, "list")
	if err != nil {
		return objects.Listing{}, err
	}
	l, err := f.Store.List(ctx, prefix, after, limit)
	if lost := fault.answered(ctx); lost != nil {
		return objects.Listing{}, lost
	}
	if err != nil {
		return l, err
	}
	switch fault.Kind {
	case Short:
		l.Objects, l.More = l.Objects[:len(l.Objects)/2], false
	case Wrong:
		return objects.Listing{}, &objects.Error{Kind: objects.Unexpected, Operation: "list", Place: f.String(), Name: prefix, Cause: ErrFault}
	case Extra:
		name := max(prefix, after)
		if n := len(l.Objects); n > 0 {
			name = l.Objects[n-1].Name
		}
		l.Objects = append(l.Objects, objects.Object{Name: name + "-not-there", Size: 1})
	}
	return l, nil
}

func (f *Faulty) String() string { return f.Store.String() }
