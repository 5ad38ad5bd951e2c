package tiers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/cache/cachetest"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// refusal is an error that lasts.
type refusal struct{}

func (refusal) Error() string { return "refused" }
func (refusal) Lasting() bool { return true }

// mood is the error that a far tier fails with, nil for none.
type mood struct{ err atomic.Pointer[error] }

func (m *mood) set(err error) { m.err.Store(&err) }

// fickle is a far tier that fails as its mood is.
func fickle(m *mood) *cachetest.Faulty {
	return &cachetest.Faulty{Store: &cachetest.Memory{}, Plan: func(string, int) cachetest.Fault {
		if p := m.err.Load(); p != nil && *p != nil {
			return cachetest.Fault{Kind: cachetest.Fail, Err: *p}
		}
		return cachetest.Fault{}
	}}
}

func TestBreakerOpensAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fault mood
		far := fickle(&fault)
		var log strings.Builder
		s := newStack(t, Options{Far: []Far{{Name: "bucket", Store: far}}, Log: slog.New(slog.NewTextHandler(&log, nil))})
		n := 0
		// lookup asks for something new and checks whether the far tier was asked.
		lookup := func(asked bool, want error) {
			t.Helper()
			n++
			before := far.Calls("Result")
			_, err := s.Result(t.Context(), key(fmt.Sprint(n)))
			if !errors.Is(err, want) || (far.Calls("Result") > before) != asked {
				t.Fatalf("Result = %v, asked %v; want %v, asked %v (%+v)", err, !asked, want, asked, s.Status()[0].Reads)
			}
		}
		state := func(want State) {
			t.Helper()
			if got := s.Status()[0].Reads; got.State != want {
				t.Fatalf("the breaker is %+v, want %s", got, want)
			}
		}
		state(Closed)
		fault.set(cachetest.ErrFault)
		lookup(true, cachetest.ErrFault)
		lookup(true, cachetest.ErrFault)
		fault.set(nil)
		lookup(true, cache.ErrNotFound) // not in a row
		fault.set(cachetest.ErrFault)
		lookup(true, cachetest.ErrFault)
		lookup(true, cachetest.ErrFault)
		state(Closed)
		lookup(true, cachetest.ErrFault)
		state(Open)
		lookup(false, cache.ErrNotFound)
		for pause := 30 * time.Second; pause < 20*time.Minute; pause *= 2 {
			time.Sleep(min(pause, 5*time.Minute) - 1)
			lookup(false, cache.ErrNotFound)
			time.Sleep(time.Nanosecond)
			lookup(true, cachetest.ErrFault)
			lookup(false, cache.ErrNotFound)
		}
		fault.set(nil)
		time.Sleep(5 * time.Minute)
		lookup(true, cache.ErrNotFound)
		state(Closed)
		fault.set(refusal{})
		lookup(true, refusal{})
		state(Open)
		lookup(false, cache.ErrNotFound)
		st := s.Status()[0].Reads
		if !errors.Is(st.Last, refusal{}) || !st.Since.Equal(time.Now()) || st.Skipped < 5 {
			t.Errorf("status %+v, want the refusal, now, and what was skipped", st)
		}
		if got := strings.Count(log.String(), "works again"); got != 1 {
			t.Errorf("said %d times that the tier works again, want once:\n%s", got, log.String())
		}
		if got := strings.Count(log.String(), "not asked for a while"); got != 8 {
			t.Errorf("said %d times that the tier failed, want 8:\n%s", got, log.String())
		}
	})
}

func TestOneProbeWhileOthersAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fault mood
		fault.set(refusal{})
		far := fickle(&fault)
		release := make(chan struct{})
		s := newStack(t, Options{Far: []Far{{Name: "bucket", Store: far}}})
		_, _ = s.Result(t.Context(), key("first"))
		time.Sleep(firstPause)
		far.Plan = func(string, int) cachetest.Fault { return cachetest.Fault{Kind: cachetest.Late, Until: release} }
		probe := make(chan error)
		go func() {
			_, err := s.Result(t.Context(), key("probe"))
			probe <- err
		}()
		synctest.Wait()
		began := time.Now()
		for i := range 100 {
			if _, err := s.Result(t.Context(), key(fmt.Sprint(i))); !errors.Is(err, cache.ErrNotFound) {
				t.Errorf("Result beside a probe = %v, want ErrNotFound", err)
			}
		}
		if st := s.Status()[0].Reads; st.State != Probing || st.Skipped != 100 || !time.Now().Equal(began) || far.Calls("Result") != 2 {
			t.Errorf("beside a probe: %+v, %v passed, %d calls; want 100 skipped at once", st, time.Since(began), far.Calls("Result"))
		}
		close(release)
		if err := <-probe; !errors.Is(err, cache.ErrNotFound) {
			t.Errorf("the probe = %v, want ErrNotFound", err)
		}
		if st := s.Status()[0].Reads; st.State != Closed {
			t.Errorf("after the probe the breaker is %s, want closed", st.State)
		}
	})
}

// A reader that goes away leaves the question open: the next call is the probe.
func TestProbeThatWasGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fault mood
		fault.set(refusal{})
		far := fickle(&fault)
		s := newStack(t, Options{Far: []Far{{Name: "bucket", Store: far}}})
		_, _ = s.Result(t.Context(), key("first"))
		time.Sleep(firstPause)
		far.Plan = func(string, int) cachetest.Fault { return cachetest.Fault{Kind: cachetest.Stall} }
		ctx, cancel := context.WithTimeout(cache.WithReadOnly(t.Context()), time.Second)
		defer cancel()
		if _, err := s.Open(ctx, blob("x")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Open = %v, want its context's end", err)
		}
		far.Plan = nil
		if _, err := s.Result(t.Context(), key("next")); !errors.Is(err, cache.ErrNotFound) || s.Status()[0].Reads.State != Closed {
			t.Errorf("the next Result = %v, %+v; want it to close the breaker", err, s.Status()[0].Reads)
		}
	})
}

// Every second lookup succeeds, so three failures in a row never come.
func TestFruitlessWaitingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far := &cachetest.Faulty{Store: &cachetest.Memory{}, Plan: func(m string, n int) cachetest.Fault {
			if n%2 == 0 {
				return cachetest.Fault{Kind: cachetest.Stall}
			}
			return cachetest.Fault{}
		}}
		s := newStack(t, Options{Far: []Far{{Name: "bucket", Store: far}}})
		began := time.Now()
		for i := range 1000 {
			_, _ = s.Result(t.Context(), key(fmt.Sprint(i)))
		}
		if got := time.Since(began); got != 6*time.Second {
			t.Errorf("1000 lookups waited %v, want 6 s", got)
		}
	})
}

// unwritable takes no results while it is in a mood.
type unwritable struct {
	cachetest.Memory
	mood *mood
}

func (u *unwritable) PutResult(ctx context.Context, k digest.Key, r *compile.Result) error {
	if p := u.mood.err.Load(); p != nil && *p != nil {
		return *p
	}
	return u.Memory.PutResult(ctx, k, r)
}

// Reads and writes fail apart.
func TestBreakersAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fault mood
		inner := &unwritable{mood: &fault}
		put(t, inner, "k", "object")
		fault.set(refusal{})
		s := newStack(t, Options{Far: []Far{{Name: "bucket", Store: inner, Write: true}}})
		put(t, s, "own", "own object")
		put(t, s, "more", "own object")
		synctest.Wait()
		if err := s.Flush(t.Context()); !errors.Is(err, refusal{}) {
			t.Errorf("Flush = %v, want the refusal", err)
		}
		if _, err := s.Result(t.Context(), key("k")); err != nil {
			t.Errorf("Result = %v, want a hit", err)
		}
		st := s.Status()[0]
		if st.Reads.State != Closed || st.Writes.State != Open || st.Queued != 3 || st.Drops != (Drops{Results: 1}) {
			t.Errorf("status %+v, want reads closed, writes open, 3 queued and 1 result dropped", st)
		}
		// Once it may write again, what waited is written.
		fault.set(nil)
		time.Sleep(firstPause)
		if err := s.Flush(t.Context()); err != nil || !has(t, inner, "more", "own object") {
			t.Errorf("Flush = %v, want the result there", err)
		}
	})
}
