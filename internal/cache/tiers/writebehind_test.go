package tiers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/cachetest"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// gated is a far tier that takes no write before its gate opens, and notes their order.
type gated struct {
	cachetest.Memory
	gate      chan struct{}
	mu        sync.Mutex
	order     []string // guarded by mu, as published
	published int
}

func (g *gated) note(ctx context.Context, what string) error {
	select {
	case <-g.gate:
	case <-ctx.Done():
		return ctx.Err()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.order = append(g.order, what)
	return nil
}

func (g *gated) Put(ctx context.Context, d digest.Digest, open func() (io.ReadCloser, error)) error {
	return errors.Join(g.note(ctx, fmt.Sprint("blob of ", d.Size())), g.Memory.Put(ctx, d, open))
}

func (g *gated) PutResult(ctx context.Context, k digest.Key, r *compile.Result) error {
	return errors.Join(g.note(ctx, "result by "+r.MadeBy), g.Memory.PutResult(ctx, k, r))
}

func (g *gated) AddInputSet(ctx context.Context, c digest.Key, set *compile.InputSet) error {
	return errors.Join(g.note(ctx, "set "+set.Paths[0]), g.Memory.AddInputSet(ctx, c, set))
}

func (g *gated) Publish(context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.published++
	return nil
}

func (g *gated) writes() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return strings.Join(g.order, ", ")
}

func TestWritesKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gated{gate: make(chan struct{})}
		s := newStack(t, Options{Far: []Far{{Name: "bucket", Store: g, Write: true}}})
		put(t, s, "first", "1")
		synctest.Wait() // the first is under way, the others wait
		r := made("old", "22")
		putBlob(t, s, "22")
		if err := s.PutResult(t.Context(), key("k"), r); err != nil {
			t.Fatal(err)
		}
		r.MadeBy = "changed after the put"
		set := setOf("a")
		if err := s.AddInputSet(t.Context(), key("c"), set); err != nil {
			t.Fatal(err)
		}
		set.Paths[0] = "changed after the put"
		// Made again before it was written: only the newest counts.
		putBlob(t, s, "333")
		if err := s.PutResult(t.Context(), key("k"), made("new", "333", "333")); err != nil {
			t.Fatal(err)
		}
		flushed := make(chan error)
		go func() { flushed <- s.Flush(t.Context()) }()
		synctest.Wait()
		if g.published != 0 {
			t.Error("published before all was written")
		}
		close(g.gate)
		if err := <-flushed; err != nil || g.published != 1 {
			t.Errorf("Flush = %v, published %d times; want once", err, g.published)
		}
		if got, want := g.writes(), "blob of 1, result by far, set first, blob of 3, result by new, set a"; got != want {
			t.Errorf("written: %s\nwant: %s", got, want)
		}
		if n := s.Dropped(); n != 0 {
			t.Errorf("dropped %d, want none", n)
		}
		// Under way is too late to be replaced: it is written again.
		if err := errors.Join(s.PutResult(t.Context(), key("k"), made("newest")), s.Flush(t.Context())); err != nil {
			t.Fatal(err)
		}
		if r, err := g.Result(t.Context(), key("k")); err != nil || r.MadeBy != "newest" {
			t.Errorf("the far tier has %+v, %v; want the newest", r, err)
		}
	})
}

func TestOverflowDropsWholeResults(t *testing.T) {
	for name, o := range map[string]Options{
		"operations": {QueueOperations: 20},
		"bytes":      {QueueBytes: 40},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := &gated{gate: make(chan struct{})}
				o.Far = []Far{{Name: "bucket", Store: g, Write: true}}
				s := newStack(t, o)
				const all = 50
				text := func(i, of int) string { return fmt.Sprintf("%02d/%d.", i, of) }
				for i := range all {
					put(t, s, fmt.Sprint(i), text(i, 0), text(i, 1), text(i, 2))
				}
				dropped := s.Status()[0].Drops
				if got, want := s.Dropped(), dropped.Results+dropped.Sets; got != want || dropped.Results == 0 {
					t.Errorf("Dropped = %d, want %d and some", got, want)
				}
				close(g.gate)
				if err := s.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				whole := 0
				for i := range all {
					switch _, err := g.Result(t.Context(), key(fmt.Sprint(i))); {
					case has(t, &g.Memory, fmt.Sprint(i), text(i, 0), text(i, 1), text(i, 2)):
						whole++
					case err == nil:
						t.Errorf("result %d is there without its blobs", i)
					}
				}
				if whole == 0 || int64(whole)+dropped.Results != all {
					t.Errorf("%d results written and %d dropped, want %d in all", whole, dropped.Results, all)
				}
				// There is room again, also for one that is larger than the queue.
				long := strings.Repeat("long", 1000)
				put(t, s, "long", long)
				if err := s.Flush(t.Context()); err != nil || !has(t, &g.Memory, "long", long) {
					t.Errorf("after the overflow: Flush = %v, want the result there", err)
				}
			})
		})
	}
}

func TestBlobThatIsNoLongerNear(t *testing.T) {
	far := &cachetest.Memory{}
	gone := blob("gone")
	near := &forgetful{gone: gone}
	s := newStack(t, Options{Near: near, Far: []Far{{Name: "bucket", Store: far, Write: true}}, Problem: func(tier string, err error) {
		t.Errorf("told of a problem of %s: %v", tier, err)
	}})
	for i := range 5 {
		put(t, s, fmt.Sprint("trimmed", i), "gone")
	}
	put(t, s, "k", "object")
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if has(t, far, "trimmed0") || !has(t, far, "k", "object") {
		t.Error("want the result whose blob is trimmed dropped and the other one written")
	}
	if st := s.Status()[0]; st.Drops != (Drops{Results: 5}) || st.Writes.State != Closed {
		t.Errorf("status %+v, want 5 results dropped and no fault of the tier", st)
	}
}

// forgetful has lost a blob.
type forgetful struct {
	cachetest.Memory
	gone digest.Digest
}

func (f *forgetful) Open(ctx context.Context, d digest.Digest) (io.ReadCloser, error) {
	if d == f.gone {
		d = digest.Of([]byte("something that was never put"))
	}
	return f.Memory.Open(ctx, d)
}

func TestCloseDrainsAsLongAsItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, patient := range []bool{true, false} {
			g := &gated{gate: make(chan struct{})}
			s := New(Options{Near: &cachetest.Memory{}, Far: []Far{{Name: "bucket", Store: g, Write: true}}, Now: time.Now})
			put(t, s, "k", "object")
			put(t, s, "l", "object")
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if patient {
				time.AfterFunc(time.Second/2, func() { close(g.gate) })
			}
			began := time.Now()
			err := s.Close(ctx)
			took := time.Since(began)
			cancel()
			if patient && (err != nil || !has(t, &g.Memory, "k", "object") || took != time.Second/2) {
				t.Errorf("Close = %v after %v, want all written after half a second", err, took)
			}
			if !patient && (took != time.Second || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "2 results, 2 input sets")) {
				t.Errorf("Close = %v after %v, want what was not written after a second", err, took)
			}
			if n := s.Dropped(); !patient && n != 4 {
				t.Errorf("Dropped = %d, want 4", n)
			}
			// What is put now stays near.
			if err := s.PutResult(t.Context(), key("m"), made("here")); err != nil {
				t.Errorf("PutResult after Close = %v", err)
			}
			synctest.Wait()
			if slices.Contains(g.order, "result by here") {
				t.Error("written after Close")
			}
		}
	})
}

// A tier that has failed gets one more chance at the end, and nobody waits for its pause.
func TestCloseOfATierThatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, works := range []bool{true, false} {
			var fault mood
			fault.set(cachetest.ErrFault)
			far := fickle(&fault)
			s := New(Options{Near: &cachetest.Memory{}, Far: []Far{{Name: "bucket", Store: far, Write: true}}, Now: time.Now})
			for i := range 10 {
				put(t, s, fmt.Sprint(i))
			}
			synctest.Wait()
			if st := s.Status()[0]; st.Writes.State != Open || st.Queued != 17 {
				t.Errorf("status %+v, want writes open and 17 queued", st)
			}
			if works {
				fault.set(nil)
			}
			began := time.Now()
			err := s.Close(t.Context())
			if time.Since(began) != 0 {
				t.Errorf("Close took %v, want no wait", time.Since(began))
			}
			if works && (err != nil || !has(t, far.Store, "9")) {
				t.Errorf("Close = %v, want the rest written", err)
			}
			if !works && (!errors.Is(err, cachetest.ErrFault) || s.Dropped() != 20) {
				t.Errorf("Close = %v, dropped %d; want the tier's failure and 20", err, s.Dropped())
			}
		}
	})
}
