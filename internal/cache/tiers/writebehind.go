package tiers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// writePatience is how long one write to a far tier may take. Nobody waits for it but what is queued behind.
const writePatience = time.Minute

// writer is the one worker that writes to a far tier what was put near. Blobs are read back from near when their turn comes, so that
// a build may change its files at once; a result whose blobs are no longer near is dropped, as is one that the tier refuses. While
// the tier's breaker is open, all waits; what finds the queue full is dropped: always a whole result, with its blobs.
type writer struct {
	tier *far
	near cache.Store

	stop   context.CancelFunc // ends the worker, whatever is queued
	ended  chan struct{}
	wakeup chan struct{} // of one element: the worker looks again

	mu      sync.Mutex
	queue   queue // guarded by mu, as the rest
	added   uint64
	written uint64 // of those added, dropped ones among them
	dropped Drops
	overrun bool          // the overflow has been logged
	closing bool          // nothing is added any more; the worker ends with the queue
	changed chan struct{} // closed and replaced when written grows
}

// Drops is what was put near and not handed to a far tier.
type Drops struct{ Results, Sets, Notes int64 }

func startWriter(t *far, near cache.Store, o *Options) *writer {
	w := &writer{
		tier: t, near: near, ended: make(chan struct{}), wakeup: make(chan struct{}, 1),
		queue: queue{maxOperations: o.QueueOperations, maxBlobBytes: o.QueueBytes, waiting: map[jobName]*job{}}, changed: make(chan struct{}),
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.stop = cancel
	go func() {
		defer close(w.ended)
		w.work(ctx)
	}()
	return w
}

func (w *writer) addResult(key digest.Key, record []byte, outputs []compile.StoredOutput) {
	w.add(&job{kind: jobResult, key: key, record: record, blobs: blobsOf(outputs)})
}

func (w *writer) addSet(compilation digest.Key, record []byte) {
	w.add(&job{kind: jobSet, key: compilation, record: record})
}

func (w *writer) addNote(name digest.Key, note []byte) {
	w.add(&job{kind: jobNote, key: name, record: note})
}

func (w *writer) add(j *job) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closing {
		w.dropped.count(j)
		return
	}
	added, full := w.queue.add(j)
	if full {
		w.dropped.count(j)
		if !w.overrun {
			w.overrun = true
			w.tier.log.Warn("what waits to be written is too much; dropped from now on", "operations", w.queue.operations, "bytes", w.queue.blobBytes)
		}
		return
	}
	if added {
		w.added++
	}
	w.wake()
}

func (w *writer) wake() {
	select {
	case w.wakeup <- struct{}{}:
	default:
	}
}

// work writes job after job until ctx ends or the writer closes.
func (w *writer) work(ctx context.Context) {
	for ctx.Err() == nil {
		w.mu.Lock()
		empty, closing := len(w.queue.jobs) == 0, w.closing
		w.mu.Unlock()
		pause, _ := w.tier.writes.blocked()
		var resume <-chan time.Time
		switch {
		case closing && (empty || pause > 0):
			return
		case empty:
		case pause > 0:
			resume = time.After(pause)
		default:
			w.next(ctx)
			continue
		}
		select {
		case <-w.wakeup:
		case <-resume:
		case <-ctx.Done():
		}
	}
}

// next writes the first job.
func (w *writer) next(ctx context.Context) {
	p, ok := w.tier.writes.allow()
	if !ok {
		return
	}
	w.mu.Lock()
	j := w.queue.first()
	w.mu.Unlock()
	_, err := recovered(w.tier.log, func() (struct{}, error) { return struct{}{}, w.write(ctx, j) })
	switch {
	case err != nil && ctx.Err() != nil:
		w.tier.writes.forgo(p)
		return // close counts it
	case isNear(err):
		// The tier did nothing wrong; what was put is trimmed or cannot be read any more.
		w.tier.writes.report(p, nil, 0)
		w.tier.log.Info("not written: it is no longer near", "kind", j.kind.String(), "key", j.key.Short(), "error", err)
	default:
		if errors.Is(err, cache.ErrNotFound) {
			err = fmt.Errorf("refused: %v", err) // "not found" is no answer to a put
		}
		err = w.tier.named(err)
		w.tier.writes.report(p, err, 0)
		w.tier.tell(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.dropped.count(j)
	}
	w.queue.done()
	w.written++
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *writer) write(ctx context.Context, j *job) error {
	store := w.tier.Store
	switch j.kind {
	case jobSet:
		set, err := compile.ParseInputSet(j.record)
		if err != nil {
			return &nearError{err}
		}
		return patiently(ctx, func(ctx context.Context) error { return store.AddInputSet(ctx, j.key, set) })
	case jobNote:
		notes, ok := store.(cache.Notes)
		if !ok {
			return nil
		}
		return patiently(ctx, func(ctx context.Context) error { return notes.PutNote(ctx, j.key, j.record) })
	}
	r, err := compile.ParseResult(j.record)
	if err != nil {
		return &nearError{err}
	}
	for _, d := range j.blobs {
		if err := w.writeBlob(ctx, d); err != nil {
			return err
		}
	}
	return patiently(ctx, func(ctx context.Context) error { return store.PutResult(ctx, j.key, r) })
}

func (w *writer) writeBlob(ctx context.Context, d digest.Digest) error {
	var from source
	err := patiently(ctx, func(ctx context.Context) error {
		return w.tier.Store.Put(ctx, d, from.opener(func() (io.ReadCloser, error) { return w.near.Open(ctx, d) }))
	})
	if nerr := from.failure(); err != nil && nerr != nil && ctx.Err() == nil && !errors.Is(nerr, context.DeadlineExceeded) {
		return &nearError{nerr}
	}
	return err
}

// patiently calls f with a context that ends after writePatience.
func patiently(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, writePatience)
	defer cancel()
	return f(ctx)
}

// flush waits until what is queued now is handed over. A tier that is blocked is tried once more, unless that is no use.
func (w *writer) flush(ctx context.Context) error {
	w.tier.writes.retry()
	w.mu.Lock()
	target := w.added
	w.mu.Unlock()
	w.wake()
	for {
		w.mu.Lock()
		left, changed := int64(target)-int64(w.written), w.changed
		w.mu.Unlock()
		if left <= 0 {
			return nil
		}
		if pause, last := w.tier.writes.blocked(); pause > 0 {
			return fmt.Errorf("%d writes wait for a tier that failed: %w", left, last)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return w.tier.named(fmt.Errorf("%d writes wait: %w", left, ctx.Err()))
		}
	}
}

// close writes what is queued, as long as ctx lasts and the tier takes it, and drops the rest.
func (w *writer) close(ctx context.Context) error {
	w.mu.Lock()
	w.closing = true
	w.mu.Unlock()
	w.tier.writes.retry()
	w.wake()
	select {
	case <-w.ended:
	case <-ctx.Done():
	}
	w.stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	var left Drops
	for _, j := range w.queue.jobs {
		left.count(j)
	}
	w.dropped.add(left)
	if left == (Drops{}) {
		return nil
	}
	why := ctx.Err()
	if why == nil {
		_, why = w.tier.writes.blocked()
	}
	return fmt.Errorf("tier %s: %v were not written: %w", w.tier.Name, left, why)
}

func (d *Drops) count(j *job) {
	switch j.kind {
	case jobResult:
		d.Results++
	case jobSet:
		d.Sets++
	case jobNote:
		d.Notes++
	}
}

func (d *Drops) add(o Drops) {
	d.Results += o.Results
	d.Sets += o.Sets
	d.Notes += o.Notes
}

// String tells what for people, as in "3 results, 1 input sets and 0 notes".
func (d Drops) String() string {
	return fmt.Sprintf("%d results, %d input sets and %d notes", d.Results, d.Sets, d.Notes)
}

// String names the kind for people.
func (k jobKind) String() string { return [...]string{"result", "input set", "note"}[k] }
