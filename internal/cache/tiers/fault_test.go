package tiers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/cache/cachetest"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

var faults = map[string]cachetest.FaultKind{
	"fail": cachetest.Fail, "stall": cachetest.Stall, "short": cachetest.Short, "wrong": cachetest.Wrong, "late": cachetest.Late,
}

// Whatever one call of a far tier does, and all calls from the n-th on: no wrong byte, no wait beyond the deadline, no failed put, and
// a second stack on the same near store finds no half result there.
func TestFaultsOfEveryCall(t *testing.T) {
	texts := []string{"object", "a longer depfile", ""}
	for _, method := range slices.Concat(reading, writing) {
		for name, kind := range faults {
			for _, lasting := range []bool{false, true} {
				for n := range 4 {
					t.Run(fmt.Sprintf("%s/%s/%v/%d", method, name, lasting, n), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							var fired atomic.Int64
							far := &cachetest.Faulty{Store: &cachetest.Memory{}}
							put(t, far.Store, "k", texts...)
							put(t, far.Store, "l", texts...)
							far.Plan = func(m string, i int) cachetest.Fault {
								if m != method || i != n && (!lasting || i < n) {
									return cachetest.Fault{}
								}
								fired.Add(1)
								return cachetest.Fault{Kind: kind, Until: make(chan struct{})}
							}
							checkUnderFaults(t, far, texts)
							if fired.Load() == 0 && n == 0 {
								t.Error("the fault never fired")
							}
						})
					})
				}
			}
		}
	}
}

func checkUnderFaults(t *testing.T, far cache.Store, texts []string) {
	near := &cachetest.Memory{}
	s := New(Options{Near: near, Far: []Far{{Name: "bucket", Store: far, Write: true, Deadline: 3 * time.Second}}, Now: time.Now})
	timed := func(what string, f func()) {
		began := time.Now()
		if f(); time.Since(began) > 3*time.Second {
			t.Errorf("%s took %v, want at most the deadline", what, time.Since(began))
		}
	}
	whole := func(what string, r *compile.Result, err error) {
		if err == nil && (r.MadeBy != "far" || len(r.Outputs) != len(texts)) {
			t.Errorf("%s = %+v, want what was put", what, r)
		}
		if err == nil && !has(t, near, "k", texts...) {
			t.Errorf("%s is given without all blobs near", what)
		}
	}
	timed("DistantInputSets", func() {
		if sets, err := s.DistantInputSets(t.Context(), key("c k")); err == nil && len(sets) != 1 {
			t.Errorf("DistantInputSets = %d sets and no error, want 1", len(sets))
		}
	})
	for range 2 {
		timed("Result", func() {
			r, err := s.Result(t.Context(), key("k"))
			whole("Result", r, err)
		})
	}
	ctx := cache.WithReadOnly(t.Context())
	timed("read-only Result", func() { _, _ = s.Result(ctx, key("l")) })
	for _, text := range texts {
		timed("Open", func() {
			if got, err := cachetest.ReadBlob(ctx, s, blob(text)); err == nil && got != text {
				t.Errorf("Open = %q without an error, want %q", got, text)
			}
		})
	}
	timed("puts", func() {
		for i := range 5 {
			put(t, s, fmt.Sprint("own", i), fmt.Sprint("own object", i))
		}
	})
	closing, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	_ = s.Close(closing)
	if r, err := near.Result(t.Context(), key("k")); err == nil {
		whole("near Result", r, err)
	}
}

// stuck is a store that ignores ctx until it is released.
type stuck struct {
	cache.Store
	release chan struct{}
	asked   atomic.Int64
}

func (s *stuck) wait() { s.asked.Add(1); <-s.release }

func (s *stuck) Result(ctx context.Context, k digest.Key) (*compile.Result, error) {
	s.wait()
	return s.Store.Result(context.WithoutCancel(ctx), k)
}

func (s *stuck) InputSets(ctx context.Context, k digest.Key) ([]*compile.InputSet, error) {
	s.wait()
	return s.Store.InputSets(ctx, k)
}

func (s *stuck) Open(ctx context.Context, d digest.Digest) (io.ReadCloser, error) {
	s.wait()
	return s.Store.Open(ctx, d)
}

func (s *stuck) PutResult(ctx context.Context, k digest.Key, r *compile.Result) error {
	s.wait()
	return s.Store.PutResult(ctx, k, r)
}

func (s *stuck) Publish(context.Context) error { s.wait(); return nil }

func TestStoreThatIgnoresItsContextHoldsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far := &stuck{Store: &cachetest.Memory{}, release: make(chan struct{})}
		put(t, far.Store, "k", "object")
		near := &cachetest.Memory{}
		s := New(Options{Near: near, Far: []Far{{Name: "bucket", Store: far, Write: true}}, Now: time.Now})
		began := time.Now()
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if _, err := s.Result(t.Context(), key("k")); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Result = %v, want the deadline", err)
				}
			})
		}
		all.Wait()
		if got := time.Since(began); got != 2*time.Second {
			t.Errorf("the lookups took %v, want 2 s", got)
		}
		// Who asks for the same again does not wait for the call that is still under way.
		if _, err := s.Result(t.Context(), key("k")); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 2*time.Second {
			t.Errorf("the next Result = %v after %v, want the deadline's error at once", err, time.Since(began))
		}
		if n := far.asked.Load(); n != 1 {
			t.Errorf("%d calls are under way, want 1", n)
		}
		// However many ask for whatever: the breaker ends it.
		for i := range 1000 {
			_, _ = s.Result(t.Context(), key(fmt.Sprint(i)))
			_, _ = s.DistantInputSets(t.Context(), key(fmt.Sprint(i)))
			_, _ = cachetest.ReadBlob(cache.WithReadOnly(t.Context()), s, blob(fmt.Sprint(i)))
		}
		if n, took := far.asked.Load(), time.Since(began); n != 3 || took != 6*time.Second {
			t.Errorf("%d calls in %v, want 3 in 6 s", n, took)
		}
		if err := s.PutResult(t.Context(), key("own"), made("here")); err != nil {
			t.Errorf("PutResult = %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Flush = %v, want the deadline", err)
		}
		if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 results") {
			t.Errorf("Close = %v, want the deadline and what was dropped", err)
		}
		if got := time.Since(began); got != 7*time.Second {
			t.Errorf("Flush and Close took %v more than their context's second", got-7*time.Second)
		}
		close(far.release)
	})
}

// What comes after the deadline is near for the next lookup, and why it was late is told.
func TestLateAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		cause := errors.New("refused at last")
		var told []string
		far := &cachetest.Faulty{Store: &cachetest.Memory{}, Plan: func(m string, n int) cachetest.Fault {
			if m == "Result" && n < 2 {
				return cachetest.Fault{Kind: cachetest.Late, Until: release}
			}
			return cachetest.Fault{}
		}}
		put(t, far.Store, "k", "object")
		s := newStack(t, Options{Far: []Far{{Name: "bucket", Store: &lateFailure{far, cause}}}, Problem: func(tier string, err error) {
			told = append(told, err.Error())
		}})
		for _, name := range []string{"k", "fails"} {
			if _, err := s.Result(t.Context(), key(name)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Result = %v, want the deadline", err)
			}
		}
		close(release)
		synctest.Wait()
		if _, err := s.Result(t.Context(), key("k")); err != nil || far.Calls("Result") != 2 || s.Origin(key("k")) != "bucket" {
			t.Errorf("the next Result = %v with %d far calls, want a near hit of the bucket's", err, far.Calls("Result"))
		}
		if len(told) != 3 || !strings.Contains(told[2], "refused at last") {
			t.Errorf("told %q, want two deadlines and the cause", told)
		}
	})
}

// lateFailure fails for what is not there.
type lateFailure struct {
	*cachetest.Faulty
	cause error
}

func (l *lateFailure) Result(ctx context.Context, k digest.Key) (*compile.Result, error) {
	r, err := l.Faulty.Result(ctx, k)
	if errors.Is(err, cache.ErrNotFound) {
		err = l.cause
	}
	return r, err
}

// dripping gives one byte a second.
type dripping struct{ cache.Store }

func (d dripping) Open(ctx context.Context, name digest.Digest) (io.ReadCloser, error) {
	r, err := d.Store.Open(ctx, name)
	return drip{r}, err
}

type drip struct{ io.ReadCloser }

func (d drip) Read(p []byte) (int, error) {
	time.Sleep(time.Second)
	return d.ReadCloser.Read(p[:1])
}

func TestDrippingStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far := &cachetest.Memory{}
		put(t, far, "k", "object", "o")
		s := newStack(t, Options{Far: []Far{{Name: "bucket", Store: dripping{far}, Deadline: 4500 * time.Millisecond}}})
		ctx, began := cache.WithReadOnly(t.Context()), time.Now()
		if got, err := cachetest.ReadBlob(ctx, s, blob("object")); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 4500*time.Millisecond {
			t.Errorf("a blob at 1 byte/s = %q, %v after %v; want the deadline after 4.5 s", got, err, time.Since(began))
		}
		if got, err := cachetest.ReadBlob(ctx, s, blob("o")); err != nil || got != "o" {
			t.Errorf("a blob of one byte = %q, %v", got, err)
		}
		began = time.Now()
		if _, err := s.Result(t.Context(), key("k")); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 4500*time.Millisecond {
			t.Errorf("Result = %v after %v, want the deadline after 4.5 s", err, time.Since(began))
		}
		// A reader that takes its time is no fault of the tier.
		r, err := s.Open(ctx, blob("o"))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if b, err := io.ReadAll(r); err != nil || string(b) != "o" {
			t.Errorf("a slow reader gets %q, %v", b, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}
