package tiers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

const (
	// maxCalls bounds the calls to one tier that are under way, those that nobody waits for any more and that will never end
	// among them. It is more than a build has compilers.
	maxCalls = 256
	// maxCopies bounds the blobs that are copied from one tier at once.
	maxCopies = 16
	// afterwards is how long a fetch goes on when the lookup that began it has given up.
	afterwards = time.Minute
)

// far is one far tier with what guards it.
type far struct {
	Far
	bit           uint8 // in marks of input sets
	now           func() time.Time
	log           *slog.Logger
	problem       func(tier string, err error)
	reads, writes *breaker
	copies        chan struct{} // a slot for each blob being copied
	writer        *writer       // nil where the tier is not written

	base   context.Context // of all calls; ends with the stack
	cancel context.CancelFunc

	mu     sync.Mutex
	calls  map[callName]*call // of which others may take the answer; guarded by mu, as the rest
	under  int                // how many calls are under way, streams among them
	closed bool
	ended  sync.WaitGroup // of the calls; grows only while not closed
}

// callName is what makes two calls one.
type callName struct {
	kind     callKind
	key      digest.Key
	size     int64 // of a blob
	readOnly bool
}

type callKind uint8

const (
	callResult callKind = iota
	callSets
	callNote
	callBlob
)

// call is one call to a tier, for all who want its answer. It is answered when the tier answers or when the deadline has passed,
// whichever comes first; it stays among the calls until the tier has answered, so that none is asked twice at once.
type call struct {
	answered chan struct{}
	once     sync.Once
	value    any // written before answered is closed, as err
	err      error
}

// lateError is the answer of a tier that has not answered.
type lateError struct{ after time.Duration }

func (e *lateError) Error() string { return fmt.Sprintf("no answer within %v", e.after) }
func (e *lateError) Unwrap() error { return context.DeadlineExceeded }

// nearError is the near store's failure to take what a tier gave.
type nearError struct{ err error }

func (e *nearError) Error() string { return e.err.Error() }
func (e *nearError) Unwrap() error { return e.err }

// ask calls the tier through its breaker and returns at the deadline at the latest, or when ctx ends, whatever f does. f gets a
// context of its own that lives up to extra beyond the deadline. An error names the tier, but for cache.ErrNotFound, which
// is also the answer of a tier that is not asked.
func ask[T any](ctx context.Context, t *far, name callName, extra time.Duration, f func(context.Context) (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	name.readOnly = cache.IsReadOnly(ctx)
	c := t.join(name, extra, func(ctx context.Context) (any, error) { return f(ctx) })
	if c == nil {
		return none, cache.ErrNotFound
	}
	for soon, waiting := cache.AwaySoon(ctx), true; waiting; {
		select {
		case <-c.answered:
			waiting = false
		case <-ctx.Done():
			return none, ctx.Err()
		case <-soon:
			cache.Away(ctx)
			soon = nil
		}
	}
	if c.err != nil {
		return none, c.err
	}
	return c.value.(T), nil
}

// join returns the call of this name that is under way, or a new one; nil where the tier is not to be asked.
func (t *far) join(name callName, extra time.Duration, f func(context.Context) (any, error)) *call {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.calls[name]; c != nil {
		return c
	}
	p, ok := t.begin()
	if !ok {
		return nil
	}
	c := &call{answered: make(chan struct{})}
	t.calls[name] = c
	go func() {
		t.run(c, p, name, extra, f)
		t.forget(c, name)
		t.mu.Lock()
		defer t.mu.Unlock()
		t.end()
	}()
	return c
}

// forget has the next who asks make a new call.
func (t *far) forget(c *call, name callName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.calls[name] == c {
		delete(t.calls, name)
	}
}

// run makes the call and answers it.
func (t *far) run(c *call, p permit, name callName, extra time.Duration, f func(context.Context) (any, error)) {
	ctx, cancel := context.WithTimeout(t.base, t.Deadline+extra)
	defer cancel()
	if name.readOnly {
		ctx = cache.WithReadOnly(ctx)
	}
	timer := time.AfterFunc(t.Deadline, func() {
		c.once.Do(func() { t.answer(c, p, nil, &lateError{t.Deadline}, t.Deadline) })
	})
	defer timer.Stop()
	value, err := recovered(t.log, func() (any, error) { return f(ctx) })
	inTime := false
	c.once.Do(func() {
		inTime = true
		var waited time.Duration
		if t.base.Err() != nil {
			err = cache.ErrNotFound // our end, not the tier's fault
		} else if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			err, waited = &lateError{t.Deadline}, t.Deadline
		}
		t.forget(c, name) // whoever asks after this answer may find more
		t.answer(c, p, value, err, waited)
	})
	if inTime || ctx.Err() != nil || !isFailure(err) {
		return
	}
	// Nobody waits any more, but this tells why it was late.
	if !isNear(err) {
		t.reads.late(t.named(err))
		t.tell(t.named(err))
	}
}

// answer ends the waiting of all who want the call's answer. It is called once.
func (t *far) answer(c *call, p permit, value any, err error, waited time.Duration) {
	c.value, c.err = value, t.named(err)
	if isNear(err) {
		t.reads.report(p, nil, 0)
	} else {
		t.reads.report(p, c.err, waited)
		t.tell(c.err)
	}
	close(c.answered)
}

// begin takes the right to one more call. It is called with mu held, as end.
func (t *far) begin() (permit, bool) {
	if t.closed || t.under >= maxCalls {
		return permit{}, false
	}
	p, ok := t.reads.allow()
	if ok {
		t.under++
		t.ended.Add(1)
	}
	return p, ok
}

func (t *far) end() {
	t.under--
	t.ended.Done()
}

// close ends all calls and waits for them while ctx lasts.
func (t *far) close(ctx context.Context) error {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.cancel()
	ended := make(chan struct{})
	go func() {
		t.ended.Wait()
		close(ended)
	}()
	var err error
	select {
	case <-ended:
	case <-ctx.Done():
		err = fmt.Errorf("tier %s: calls are still under way: %w", t.Name, ctx.Err())
	}
	if c, ok := t.Store.(cache.Closer); ok {
		if cerr := t.within(ctx, c.Close); cerr != nil {
			err = errors.Join(err, t.named(cerr))
		}
	}
	return err
}

// named puts the tier's name before a failure.
func (t *far) named(err error) error {
	if !isFailure(err) {
		return err
	}
	if isNear(err) {
		return fmt.Errorf("keep what tier %s gave: %w", t.Name, err)
	}
	return fmt.Errorf("tier %s: %w", t.Name, err)
}

// tell reports a failure.
func (t *far) tell(err error) {
	if isFailure(err) {
		t.problem(t.Name, err)
	}
}

func isNear(err error) bool {
	var n *nearError
	return errors.As(err, &n)
}

// recovered calls f and makes an error of a panic: a defect in reading foreign bytes must not end the daemon.
func recovered[T any](log *slog.Logger, f func() (T, error)) (v T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
			log.Error("panic in a far tier", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	return f()
}

// within calls f and returns when it has ended or ctx has.
func (t *far) within(ctx context.Context, f func(context.Context) error) error {
	done := make(chan error, 1)
	go func() {
		_, err := recovered(t.log, func() (struct{}, error) { return struct{}{}, f(ctx) })
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	// Both may have happened: what f says is then the better answer.
	select {
	case err := <-done:
		return err
	default:
		return ctx.Err()
	}
}

func newFar(o Far, bit uint8, opts *Options) *far {
	if o.Deadline <= 0 {
		o.Deadline = defaultDeadline
	}
	log := opts.Log.With("tier", o.Name)
	t := &far{
		Far: o, bit: bit, now: opts.Now, log: log, problem: opts.Problem,
		reads:  newBreaker(opts.Now, log.With("calls", "reads")),
		writes: newBreaker(opts.Now, log.With("calls", "writes")),
		copies: make(chan struct{}, maxCopies),
		calls:  map[callName]*call{},
	}
	t.base, t.cancel = context.WithCancel(context.Background())
	return t
}
