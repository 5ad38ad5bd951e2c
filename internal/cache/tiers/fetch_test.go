package tiers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/cache/cachetest"
)

func TestFarHitIsCopiedNear(t *testing.T) {
	near, far := &cachetest.Memory{}, &cachetest.Faulty{Store: &cachetest.Memory{}}
	put(t, far.Store, "k", "object", "depfile", "object")
	putBlob(t, near, "depfile")
	s := newStack(t, Options{Near: near, Far: []Far{{Name: "bucket", Store: far, Write: true}}})
	if got := s.Origin(key("k")); got != "disk" {
		t.Errorf("Origin of what was never asked = %s, want disk", got)
	}
	for range 2 {
		if r, err := s.Result(t.Context(), key("k")); err != nil || r.MadeBy != "far" {
			t.Fatalf("Result = %+v, %v; want the far one", r, err)
		}
		if got := s.Origin(key("k")); got != "bucket" {
			t.Errorf("Origin = %s, want bucket", got)
		}
	}
	if !has(t, near, "k", "object", "depfile") {
		t.Error("the result is not near")
	}
	if r, o := far.Calls("Result"), far.Calls("Open"); r != 1 || o != 1 {
		t.Errorf("the far tier was asked for %d results and %d blobs, want 1 and 1", r, o)
	}
	if err := s.Flush(t.Context()); err != nil || calls(far, writing...) != 0 {
		t.Errorf("Flush = %v after %d writes to the tier that had the result, want none", err, calls(far, writing...))
	}
	// What is made here is this machine's.
	if err := s.PutResult(t.Context(), key("k"), made("here")); err != nil || s.Origin(key("k")) != "disk" {
		t.Errorf("PutResult = %v, Origin then = %s; want disk", err, s.Origin(key("k")))
	}
}

func TestResultWithoutItsBlobsIsAMiss(t *testing.T) {
	edge, bucket := &cachetest.Memory{}, &cachetest.Memory{}
	if err := edge.PutResult(t.Context(), key("k"), made("edge", "object")); err != nil {
		t.Fatal(err)
	}
	s := newStack(t, Options{Far: []Far{{Name: "edge", Store: edge}, {Name: "bucket", Store: bucket}}})
	if r, err := s.Result(t.Context(), key("k")); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("Result = %+v, %v; want ErrNotFound", r, err)
	}
	put(t, bucket, "k", "object")
	if r, err := s.Result(t.Context(), key("k")); err != nil || r.MadeBy != "far" || s.Origin(key("k")) != "bucket" {
		t.Errorf("Result = %+v, %v from %s; want the bucket's", r, err, s.Origin(key("k")))
	}
}

// Who asks after an answer gets a new one, not that of a call which is just ending.
func TestAnswersAreFresh(t *testing.T) {
	far := &cachetest.Memory{}
	s := newStack(t, Options{Far: []Far{{Name: "bucket", Store: far}}})
	for i := range 1000 {
		name := fmt.Sprint(i)
		if _, err := s.Result(t.Context(), key(name)); !errors.Is(err, cache.ErrNotFound) {
			t.Fatalf("Result of what is nowhere = %v, want ErrNotFound", err)
		}
		put(t, far, name)
		if _, err := s.Result(t.Context(), key(name)); err != nil {
			t.Fatalf("Result %d of what the far tier just got = %v", i, err)
		}
	}
}

func TestWrongBytesAreTheFarTiersFault(t *testing.T) {
	far := &cachetest.Faulty{Store: &cachetest.Memory{}, Plan: func(m string, n int) cachetest.Fault {
		if m == "Open" {
			return cachetest.Fault{Kind: cachetest.Wrong}
		}
		return cachetest.Fault{}
	}}
	put(t, far.Store, "k", "object")
	var told atomic.Int64
	s := newStack(t, Options{Far: []Far{{Name: "bucket", Store: far}}, Problem: func(string, error) { told.Add(1) }})
	var corrupt *cache.CorruptError
	if _, err := s.Result(t.Context(), key("k")); !errors.As(err, &corrupt) || told.Load() != 1 {
		t.Errorf("Result with a flipped bit = %v, told of %d problems; want a *CorruptError, told once", err, told.Load())
	}
}

func TestCorruptNearIsHealedFromFar(t *testing.T) {
	near := &cachetest.Faulty{Store: &cachetest.Memory{}, Plan: func(m string, n int) cachetest.Fault {
		if m == "Result" && n < 2 {
			return cachetest.Fault{Kind: cachetest.Wrong}
		}
		return cachetest.Fault{}
	}}
	far := &cachetest.Memory{}
	s := newStack(t, Options{Near: near, Far: []Far{{Name: "bucket", Store: far}}})
	var corrupt *cache.CorruptError
	if _, err := s.Result(t.Context(), key("k")); !errors.As(err, &corrupt) {
		t.Errorf("Result of what is corrupt near and absent far = %v, want a *CorruptError", err)
	}
	put(t, far, "k", "object")
	if _, err := s.Result(t.Context(), key("k")); err != nil {
		t.Errorf("Result of what is corrupt near = %v, want the far one", err)
	}
	// A blob that is trimmed near comes back as well.
	putBlob(t, far, "trimmed")
	if got, err := cachetest.ReadBlob(t.Context(), s, blob("trimmed")); err != nil || got != "trimmed" {
		t.Errorf("Open = %q, %v; want the far blob", got, err)
	}
	if got, err := cachetest.ReadBlob(t.Context(), near, blob("trimmed")); err != nil {
		t.Errorf("near Open = %q, %v; want the blob", got, err)
	}
}

// A far hit is shared by all who ask at once, and one that leaves takes nothing from the others.
func TestConcurrentLookupsShareOneFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		far := &cachetest.Faulty{Store: &cachetest.Memory{}, Plan: func(m string, n int) cachetest.Fault {
			if m == "Result" {
				return cachetest.Fault{Kind: cachetest.Late, Until: release}
			}
			return cachetest.Fault{}
		}}
		put(t, far.Store, "k", "object")
		s := newStack(t, Options{Far: []Far{{Name: "bucket", Store: far}}})
		leaving, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				ctx, want := t.Context(), error(nil)
				if i%2 == 0 {
					ctx, want = leaving, context.Canceled
				}
				if _, err := s.Result(ctx, key("k")); err != want {
					t.Errorf("Result of caller %d = %v, want %v", i, err, want)
				}
			})
		}
		synctest.Wait()
		leave()
		synctest.Wait()
		close(release)
		all.Wait()
		if n := far.Calls("Result"); n != 1 {
			t.Errorf("the far tier was asked %d times, want once", n)
		}
	})
}

func TestNearFaultIsNotTheFarTiers(t *testing.T) {
	near := &cachetest.Faulty{Store: &cachetest.Memory{}, Plan: func(m string, n int) cachetest.Fault {
		if m == "Put" {
			return cachetest.Fault{Kind: cachetest.Fail}
		}
		return cachetest.Fault{}
	}}
	far := &cachetest.Memory{}
	for i := range 10 {
		put(t, far, fmt.Sprint(i), "object")
	}
	s := newStack(t, Options{Near: near, Far: []Far{{Name: "bucket", Store: far}}, Problem: func(tier string, err error) {
		t.Errorf("told of a problem of %s: %v", tier, err)
	}})
	for i := range 10 {
		if _, err := s.Result(t.Context(), key(fmt.Sprint(i))); !errors.Is(err, cachetest.ErrFault) {
			t.Errorf("Result = %v, want the near store's failure", err)
		}
	}
	if st := s.Status()[0].Reads; st.State != Closed {
		t.Errorf("the breaker is %s, want closed", st.State)
	}
}
