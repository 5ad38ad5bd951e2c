package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects/objectstest"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/pack"
	"github.com/compile-cache/compile-cache-action/internal/cache/cachetest"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// hooked is a store that tells before it is asked.
type hooked struct {
	objects.Store
	get, put func(name string)
}

func (h *hooked) Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if h.get != nil {
		h.get(name)
	}
	return h.Store.Get(ctx, name, offset, length)
}

func (h *hooked) Put(ctx context.Context, name string, body io.ReadSeeker, size int64, sum [32]byte) (objects.Stored, error) {
	if h.put != nil {
		h.put(name)
	}
	return h.Store.Put(ctx, name, body, size, sum)
}

// onFirstPack has f called once, when a pack is about to be uploaded.
func onFirstPack(store objects.Store, f func()) *hooked {
	var once sync.Once
	return &hooked{Store: store, put: func(name string) {
		if strings.Contains(name, "/pack/") {
			once.Do(f)
		}
	}}
}

// What is put while a publication is under way belongs to the next one.
func TestPutDuringPublication(t *testing.T) {
	store := &objectstest.Memory{}
	var one *machine
	one = newMachine(t, onFirstPack(store, func() { one.build("late", content(2)) }), nil)
	one.build("early", content(1))
	one.publish()
	one.publish()
	two := newMachine(t, store, func(o *Options) { o.Profile = "another" })
	for unit, i := range map[string]int{"early": 1, "late": 2} {
		if got := two.finds(unit, content(i)); got != "hit" {
			t.Errorf("%s: %s, want hit", unit, got)
		}
	}
	if n := one.Counts().Published.Load(); n != 2 {
		t.Errorf("published %d results, want 2", n)
	}
	if left, _ := filepath.Glob(filepath.Join(one.outbox, "*", "*.pack")); len(left) != 0 {
		t.Errorf("packs are left: %v", left)
	}
}

// Nobody asks for a publication, and yet all is published, what came during one too.
func TestBackground(t *testing.T) {
	var ahead atomic.Int64 // of the clock
	later := func() { ahead.Add(int64(2 * atLatest)) }
	store := &objectstest.Memory{}
	indexes := make(chan string, 10)
	var one *machine
	hooks := onFirstPack(store, func() { one.build("late", content(2)) })
	packs := hooks.put
	hooks.put = func(name string) {
		packs(name)
		if strings.Contains(name, "/index/") {
			later()
			indexes <- name
		}
	}
	one = newMachine(t, hooks, func(o *Options) { o.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) } })
	one.build("early", content(1))
	later()
	one.out.nudge() // as a timer of the true clock would
	for n := range 2 {
		select {
		case <-indexes:
		case <-time.After(30 * time.Second):
			t.Fatalf("%d indexes were put, want 2", n)
		}
	}
}

// A pack that is lost takes nothing with it but what it held.
func TestLostPack(t *testing.T) {
	store := &objectstest.Memory{}
	one := newMachine(t, store, nil)
	one.build("lost", content(3))
	open, err := filepath.Glob(filepath.Join(one.outbox, "*", "*.open"))
	if err != nil || len(open) != 1 {
		t.Fatalf("open packs = %v, %v; want one", open, err)
	}
	if err := os.Remove(open[0]); err != nil {
		t.Fatal(err)
	}
	if err := one.Publish(t.Context()); err == nil {
		t.Error("Publish succeeded without its pack")
	}
	one.build("after", content(4))
	one.publish()
	two := newMachine(t, store, func(o *Options) { o.Profile = "another" })
	if got := two.finds("after", content(4)); got != "hit" {
		t.Errorf("what was put after a pack was lost: %s, want hit", got)
	}
	one.out.mu.Lock()
	defer one.out.mu.Unlock()
	if n, waiting := one.Counts().Dropped.Load(), one.out.waitingLocked(); n != 1 || waiting != 0 {
		t.Errorf("dropped %d results and %d bytes wait; want 1 and 0", n, waiting)
	}
}

// A pack that the disk has changed is not tried for ever, with all others behind it.
func TestChangedPack(t *testing.T) {
	store := &objectstest.Memory{}
	puts := 0
	one := newMachine(t, &objectstest.Faulty{Store: store, Plan: func(op string, _ int) objectstest.Fault {
		if op == "put" {
			if puts++; puts == 1 {
				return objectstest.Fault{Kind: objectstest.Fail}
			}
		}
		return objectstest.Fault{}
	}}, nil)
	one.build("changed", content(3))
	if err := one.Publish(t.Context()); err == nil {
		t.Fatal("Publish succeeded")
	}
	sealed, err := filepath.Glob(filepath.Join(one.outbox, "*", "*.pack"))
	if err != nil || len(sealed) != 1 {
		t.Fatalf("packs = %v, %v; want one", sealed, err)
	}
	b, err := os.ReadFile(sealed[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(sealed[0], flip(b, len(b)/2), 0o600); err != nil {
		t.Fatal(err)
	}
	one.build("after", content(4))
	one.publish()
	one.mu.Lock()
	if n := one.Counts().Dropped.Load(); n != 1 || len(one.problems) != 2 {
		t.Errorf("dropped %d results, problems %q; want 1 and 2 of them", n, one.problems)
	}
	one.mu.Unlock()
	two := newMachine(t, store, func(o *Options) { o.Profile = "another" })
	for unit, want := range map[string]string{"after": "hit", "changed": "miss"} {
		if got := two.finds(unit, content(map[string]int{"after": 4, "changed": 3}[unit])); got != want {
			t.Errorf("%s: %s, want %s", unit, got, want)
		}
	}
}

// Uses of what the bucket has do not gather in memory until somebody asks for a publication; others wait for it.
func TestUsesAreTakenIn(t *testing.T) {
	store := &objectstest.Memory{}
	one := newMachine(t, store, nil)
	for i := range usesAtOnce {
		if err := put(t.Context(), one.Tier, fmt.Sprint("u", i), "x"); err != nil {
			t.Fatal(err)
		}
	}
	if err := put(t.Context(), one.near, "old", "y"); err != nil {
		t.Fatal(err)
	}
	one.used("old", "y")
	for i := range usesAtOnce {
		one.used(fmt.Sprint("u", i), "x")
	}
	one.out.takeIn() // unless it happened in the background
	one.out.turn <- struct{}{}
	one.out.useMu.Lock()
	left := len(one.out.uses)
	one.out.useMu.Unlock()
	<-one.out.turn
	if left > 2 {
		t.Errorf("%d uses are left, want 1 or 2", left)
	}
	one.publish()
	two := newMachine(t, store, nil)
	two.landed()
	if got, want := len(two.start.profile.Items), 2*usesAtOnce+1+3; got != want {
		t.Errorf("%d items in the profile, want %d", got, want)
	}
}

// A failing disk's blob costs its own result its place in the profile, and no other.
func TestUseThatCannotBeAdopted(t *testing.T) {
	store := &objectstest.Memory{}
	one := newMachine(t, store, func(o *Options) { o.Near = &unreadable{&cachetest.Memory{}, digest.Of([]byte(content(1)))} })
	for i := range 3 {
		if err := put(t.Context(), one.o.Near, fmt.Sprint("u", i), content(i)); err != nil {
			t.Fatal(err)
		}
		one.used(fmt.Sprint("u", i), content(i))
	}
	if err := one.Publish(t.Context()); !errors.Is(err, errUnreadable) {
		t.Errorf("Publish = %v, want the near store's error", err)
	}
	two := newMachine(t, store, nil)
	two.landed()
	for i, want := range []string{"hit", "miss", "hit"} {
		if got := finds(t.Context(), two.near, fmt.Sprint("u", i), content(i)); got != want {
			t.Errorf("unit %d: %s, want %s", i, got, want)
		}
	}
}

var errUnreadable = errors.New("unreadable")

// unreadable is a near store one of whose blobs cannot be read.
type unreadable struct {
	*cachetest.Memory
	blob digest.Digest
}

func (u *unreadable) Open(ctx context.Context, d digest.Digest) (io.ReadCloser, error) {
	if d == u.blob {
		return nil, errUnreadable
	}
	return u.Memory.Open(ctx, d)
}

// More notes than may wait in memory wait in a pack.
func TestManyNotes(t *testing.T) {
	one := newMachine(t, &objectstest.Memory{}, nil)
	const notes = maxNotes>>20 + 5
	name := func(i int) digest.Key { return digest.KeyOf([]byte(fmt.Sprint("note", i))) }
	for i := range notes {
		if err := one.PutNote(t.Context(), name(i), []byte(strings.Repeat(string(rune('a'+i%26)), cache.MaxNote))); err != nil {
			t.Fatalf("PutNote %d = %v", i, err)
		}
	}
	for i := range notes {
		if b, err := one.Note(t.Context(), name(i)); err != nil || b[0] != byte('a'+i%26) {
			t.Errorf("Note %d = %.1s, %v", i, b, err)
		}
	}
}

// A store of several servers may tell an earlier time than before. The later index is the newer one all the same.
func TestStoreTimeGoesBack(t *testing.T) {
	clock := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	store := &objectstest.Memory{Now: func() time.Time { clock = clock.Add(-time.Second); return clock }}
	one := newMachine(t, store, nil)
	for i := range 4 {
		one.build(fmt.Sprint("u", i), content(i))
		one.publish()
	}
	two := newMachine(t, store, func(o *Options) { o.Profile = "another" })
	three := newMachine(t, store, nil)
	three.landed()
	for i := range 4 {
		if got := two.finds(fmt.Sprint("u", i), content(i)); got != "hit" {
			t.Errorf("unit %d by the indexes: %s, want hit", i, got)
		}
		if got := finds(t.Context(), three.near, fmt.Sprint("u", i), content(i)); got != "hit" {
			t.Errorf("unit %d by the profile: %s, want hit", i, got)
		}
	}
}

// A result that was replaced is fetched ahead no more.
func TestReplacedResult(t *testing.T) {
	store := &objectstest.Memory{}
	one := newMachine(t, store, nil)
	one.build("u", content(1))
	one.publish()
	two := newMachine(t, store, nil)
	two.landed()
	key, compilation, set, r, _ := made("u", content(1))
	r.Stderr = []byte("made anew")
	if err := errors.Join(two.near.PutResult(t.Context(), key, r), two.PutResult(t.Context(), key, r)); err != nil {
		t.Fatal(err)
	}
	two.Use(key, compilation, set, r)
	two.publish()
	three := newMachine(t, store, nil)
	three.landed()
	results := 0
	for _, item := range three.start.profile.Items {
		if item.Kind == pack.Result {
			results++
		}
	}
	if got, err := three.near.Result(t.Context(), key); err != nil || string(got.Stderr) != "made anew" || results != 1 {
		t.Errorf("Result = %+v, %v, one of %d in the profile; want the new one alone", got, err, results)
	}
}

// A set that fills many packs is not scattered because it lies in many, nor again on the day it was gathered.
func TestBigSetIsNotGatheredAgain(t *testing.T) {
	one := newMachine(t, &objectstest.Memory{}, nil)
	now := time.Now()
	one.out.storeTime = now
	lying := func(packs int, age time.Duration, items int, length int64) (all []location) {
		for range packs {
			in := &packFile{held: true, ref: pack.Ref{Time: now.Add(-age)}}
			for range items {
				all = append(all, location{pack.Record{Length: length}, in})
			}
		}
		return all
	}
	for _, tt := range []struct {
		name string
		used []location
		want int // packs to gather from
	}{
		{"gathered", lying(20, 48*time.Hour, 64, 1<<20), 0},
		{"gathered today, and commits since", slices.Concat(lying(20, time.Hour, 64, 1<<20), lying(20, time.Minute, 1, 1<<20)), 20 + 20 - 21 - scattered/2},
		{"gathered yesterday, and commits since", slices.Concat(lying(20, 48*time.Hour, 64, 1<<20), lying(20, time.Minute, 1, 1<<20)), 40},
		{"never gathered", lying(20, time.Hour, 3, 1<<20), 20},
		{"few", lying(scattered, time.Hour, 3, 1<<20), 0},
	} {
		one.out.profile = profileState{used: tt.used}
		if got := len(one.out.scatteredOver()); got != tt.want {
			t.Errorf("%s: gathers from %d packs, want %d", tt.name, got, tt.want)
		}
	}
	one.out.profile = profileState{}
}
