package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects/objectstest"
	"github.com/compile-cache/compile-cache-action/internal/cache/cachetest"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

func TestConformance(t *testing.T) {
	cachetest.Run(t, func(t *testing.T) cache.Store { return newMachine(t, &objectstest.Memory{}, nil).Tier })
}

// What one machine published another finds, byte for byte, in its own process and on its own disk.
func TestSecondMachineHits(t *testing.T) {
	store := &objectstest.Memory{}
	one := newMachine(t, store, nil)
	for i := range 40 {
		one.build(fmt.Sprint("u", i), content(i))
	}
	one.publish()
	two := newMachine(t, store, nil)
	two.landed()
	for i := range 40 {
		if got := finds(t.Context(), two.near, fmt.Sprint("u", i), content(i)); got != "hit" {
			t.Errorf("near store of the second machine, unit %d: %s, want hit", i, got)
		}
		if got := two.finds(fmt.Sprint("u", i), content(i)); got != "hit" {
			t.Errorf("unit %d: %s, want hit", i, got)
		}
	}
	if c := two.counter.Counts(); c.List != 1 || c.Get > 3 || c.Put != 0 {
		t.Errorf("requests = %+v, want 1 list, at most 3 gets and no put", c)
	}
	if n := two.Counts().Prefetched.Load(); n != 40 {
		t.Errorf("prefetched %d results, want 40", n)
	}
}

// holding is a near store whose puts of blobs wait.
type holding struct {
	cache.Store
	entered, leave chan struct{}
}

func (h *holding) Put(ctx context.Context, d digest.Digest, open func() (io.ReadCloser, error)) error {
	h.entered <- struct{}{}
	<-h.leave
	return h.Store.Put(ctx, d, open)
}

// Until the machine is calm one record is landed at a time, and then several are.
func TestLandingWaitsForCalm(t *testing.T) {
	store := &objectstest.Memory{}
	for i := range 3 { // packs of their own: ranges that are read at once
		one := newMachine(t, store, nil)
		one.landed()
		for n := range i {
			one.used(fmt.Sprint("u", n), content(n))
		}
		one.build(fmt.Sprint("u", i), content(i))
		one.publish()
	}
	synctest.Test(t, func(t *testing.T) {
		near := &holding{&cachetest.Memory{}, make(chan struct{}, 9), make(chan struct{})}
		calm := make(chan struct{})
		two := newMachine(t, store, func(o *Options) { o.Near, o.Calm = near, calm })
		synctest.Wait()
		if n := len(near.entered); n != 1 {
			t.Errorf("%d blobs are landed at once before the machine is calm, want 1", n)
		}
		close(calm)
		synctest.Wait()
		if n, want := len(near.entered), min(3, runtime.GOMAXPROCS(0)); n != want {
			t.Errorf("%d blobs are landed at once when the machine is calm, want %d", n, want)
		}
		close(near.leave)
		two.landed()
		for i := range 3 {
			if got := finds(t.Context(), near, fmt.Sprint("u", i), content(i)); got != "hit" {
				t.Errorf("near store, unit %d: %s, want hit", i, got)
			}
		}
	})
	// A decoder that was made in the bubble holds channels that nobody else may use, and went into a pool: two collections empty it.
	runtime.GC()
	runtime.GC()
}

// Where no profile helps, the indexes do: one listing for all that is looked for, found or not.
func TestIndexesServe(t *testing.T) {
	store := &objectstest.Memory{}
	one := newMachine(t, store, nil)
	for i := range 40 {
		one.build(fmt.Sprint("u", i), content(i))
	}
	one.publish()
	two := newMachine(t, store, func(o *Options) { o.Profile = "another" })
	for i := range 40 {
		if got := two.finds(fmt.Sprint("u", i), content(i)); got != "hit" {
			t.Errorf("unit %d: %s, want hit", i, got)
		}
		if got := two.finds(fmt.Sprint("u", i), "never made"); got != "miss" {
			t.Errorf("unit %d with another content: %s, want miss", i, got)
		}
	}
	if c := two.counter.Counts(); c.List != 2 || c.Get > 4 {
		t.Errorf("requests = %+v, want 2 lists and at most 4 gets", c)
	}
}

// A second build adds what it made; what was there is neither stored nor fetched again.
func TestNothingTwice(t *testing.T) {
	store := &objectstest.Memory{}
	one := newMachine(t, store, nil)
	one.build("a", content(1))
	one.build("b", content(2))
	one.publish()
	before := len(store.Names())
	one.publish()
	if got := len(store.Names()); got != before {
		t.Errorf("publishing again stored %d objects, want none", got-before)
	}
	two := newMachine(t, store, nil)
	two.landed()
	two.used("a", content(1))
	two.build("c", content(1)) // the same bytes as a
	two.publish()
	if c := two.counter.Counts(); c.Uploaded > 4000 {
		t.Errorf("uploaded %d bytes, want only a result, a set, an index and a profile", c.Uploaded)
	}
	three := newMachine(t, store, nil)
	three.landed()
	for unit, i := range map[string]int{"a": 1, "b": 2, "c": 1} {
		if got := finds(t.Context(), three.near, unit, content(i)); got != "hit" {
			t.Errorf("unit %s: %s, want hit", unit, got)
		}
	}
	down := three.counter.Counts().Downloaded
	four := newMachine(t, store, func(o *Options) { o.Near = three.near })
	four.landed()
	if c := four.counter.Counts(); c.Downloaded > down/2 || c.Get != 1 {
		t.Errorf("with everything near: %+v, want only the profile to be fetched", c)
	}
}

// What was near before there was a bucket is published when a run uses it.
func TestNearHitsArePublished(t *testing.T) {
	store := &objectstest.Memory{}
	one := newMachine(t, store, nil)
	if err := put(t.Context(), one.near, "old", content(3)); err != nil {
		t.Fatal(err)
	}
	one.used("old", content(3))
	one.publish()
	two := newMachine(t, store, nil)
	if got := two.finds("old", content(3)); got != "hit" {
		t.Errorf("old: %s, want hit", got)
	}
}

// A place outside of the readable scopes does not exist, whatever an index says.
func TestScopes(t *testing.T) {
	store := &objectstest.Memory{}
	scoped := func(own string, others ...string) *machine {
		return newMachine(t, store, func(o *Options) {
			o.Own = Scope{"v1/7", own}
			for _, other := range others {
				o.Others = append(o.Others, Scope{"v1/7", other})
			}
		})
	}
	main := scoped("trusted/main")
	main.build("m", content(1))
	main.publish()
	pr := scoped("pr/5", "trusted/main")
	if got := pr.finds("m", content(1)); got != "hit" {
		t.Errorf("a pull request finds what main made: %s, want hit", got)
	}
	pr.build("p", content(2))
	pr.used("m", content(1))
	pr.publish()
	for _, name := range store.Names() {
		if strings.Contains(name, "trusted/") && !slices.Contains(main.names(), name) {
			t.Errorf("the pull request wrote %s", name)
		}
	}
	for _, tt := range []struct {
		m    *machine
		want string
	}{
		{scoped("trusted/main"), "miss"}, {scoped("pr/6", "trusted/main"), "miss"}, {scoped("pr/5", "trusted/main"), "hit"}, {scoped("pr/5"), "hit"},
	} {
		if got := tt.m.finds("p", content(2)); got != tt.want {
			t.Errorf("%s finds what pr/5 made: %s, want %s", tt.m.o.Own.Name, got, tt.want)
		}
	}
	// pr/5's profile names packs of trusted/main; who may not read them does not.
	alone := scoped("pr/5")
	if got := alone.finds("m", content(1)); got != "miss" {
		t.Errorf("without trusted/main readable: %s, want miss", got)
	}
}

// Lookups, puts, uses and publications of one process, all at once, and its end in the middle of them.
func TestAllAtOnce(t *testing.T) {
	store := &objectstest.Memory{}
	one := newMachine(t, store, nil)
	for i := range 20 {
		one.build(fmt.Sprint("old", i), content(i))
	}
	one.publish()
	two := newMachine(t, store, nil)
	var all sync.WaitGroup
	const workers, rounds = 4, 25
	for w := range workers {
		all.Go(func() {
			for i := range rounds {
				unit := fmt.Sprint("new", w, "-", i)
				if err := put(t.Context(), two.near, unit, unit); err != nil {
					t.Error(err)
				}
				two.used(unit, unit)
				if i == rounds-1 && w == 0 {
					if err := two.Close(t.Context()); err != nil {
						t.Errorf("Close = %v", err)
					}
				}
				if err := put(t.Context(), two.Tier, unit, unit); err != nil && !errors.Is(err, errClosed) {
					t.Error(err)
				}
				if got := two.finds(fmt.Sprint("old", i%20), content(i%20)); got == "wrong bytes" {
					t.Errorf("old %d: %s", i%20, got)
				}
				if i%10 == w {
					_ = two.Publish(t.Context())
				}
			}
		})
	}
	all.Wait()
	three := newMachine(t, store, func(o *Options) { o.Outbox, o.Profile = two.outbox, "another" })
	for i := range rounds - 1 {
		unit := fmt.Sprint("new0-", i)
		if got := three.finds(unit, unit); got != "hit" {
			t.Errorf("%s: %s, want hit", unit, got)
		}
	}
}
