package tiers

import (
	"errors"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/cache/cachetest"
	"github.com/compile-cache/compile-cache-action/internal/cache/disk"
)

func TestLand(t *testing.T) {
	near, far := &cachetest.Memory{}, &cachetest.Faulty{Store: &cachetest.Memory{}}
	s := newStack(t, Options{Near: near, Far: []Far{{Name: "bucket", Store: far, Write: true}}})
	if err := near.PutResult(t.Context(), key("old"), made("here")); err != nil {
		t.Fatal(err)
	}
	landing := s.Land("bucket")
	put(t, landing, "old", "object")
	put(t, landing, "new", "object")
	for name, want := range map[string]struct{ origin, by string }{"old": {"disk", "here"}, "new": {"bucket", "far"}} {
		r, err := s.Result(t.Context(), key(name))
		if err != nil || r.MadeBy != want.by || s.Origin(key(name)) != want.origin {
			t.Errorf("%s: Result = %+v, %v from %s; want %+v", name, r, err, s.Origin(key(name)), want)
		}
	}
	// A compile that finds the same inputs again does not publish them again.
	if err := errors.Join(s.AddInputSet(t.Context(), key("c new"), setOf("new")), s.Flush(t.Context())); err != nil {
		t.Fatal(err)
	}
	if n := calls(far, "Result", "InputSets", "Open", "PutResult", "AddInputSet", "Put"); n != 0 {
		t.Errorf("%d calls to the tier that everything came from, want none", n)
	}
}

// What was withdrawn here is wrong wherever it comes from.
func TestWithdrawnIsNeitherFetchedNorLanded(t *testing.T) {
	far := &cachetest.Faulty{Store: &cachetest.Memory{}}
	put(t, far, "wrong", "object")
	s := newStack(t, Options{Near: &cachetest.Memory{}, Far: []Far{{Name: "bucket", Store: far, Write: true}}})
	if err := s.Withdraw(t.Context(), key("wrong")); err != nil {
		t.Fatal(err)
	}
	if err := s.Land("bucket").PutResult(t.Context(), key("wrong"), made("far")); err != nil {
		t.Errorf("landing it = %v, want it passed over", err)
	}
	asked := far.Calls("Result")
	if r, err := s.Result(t.Context(), key("wrong")); !errors.Is(err, cache.ErrWithdrawn) || far.Calls("Result") != asked {
		t.Errorf("Result = %+v, %v after %d calls to the bucket; want ErrWithdrawn after none", r, err, far.Calls("Result")-asked)
	}
}

func TestLandTellsWhatIsMissing(t *testing.T) {
	near, err := disk.Open(disk.Options{Dir: t.TempDir(), Class: "local", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	putBlob(t, near, "here")
	m, ok := newStack(t, Options{Near: near}).Land("bucket").(cache.Missing)
	if !ok || m.Missing(blob("here")) || !m.Missing(blob("absent")) {
		t.Error("what lands on disk does not tell what is missing")
	}
	if _, ok := newStack(t, Options{}).Land("bucket").(cache.Missing); ok {
		t.Error("what lands in memory claims to know what is missing")
	}
}
