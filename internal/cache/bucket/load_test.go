package bucket

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects/objectstest"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/pack"
)

// broken is a store that refuses to give some objects.
type broken struct {
	objects.Store
	refuses func(name string) bool
}

func (b *broken) Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if b.refuses(name) {
		return nil, &objects.Error{Kind: objects.Denied, Operation: "get", Name: name}
	}
	return b.Store.Get(ctx, name, offset, length)
}

// An index that cannot be read takes nothing from the others.
func TestOneIndexIsRefused(t *testing.T) {
	store := &objectstest.Memory{}
	for i := range 2 {
		one := newMachine(t, store, nil)
		one.build(fmt.Sprint("u", i), content(i))
		one.publish()
	}
	var first string
	for _, name := range store.Names() {
		if strings.Contains(name, "/index/") {
			first = name
		}
	}
	two := newMachine(t, &broken{store, func(name string) bool { return name == first }}, func(o *Options) { o.Profile = "another" })
	if got := two.finds("u1", content(1)); got != "hit" {
		t.Errorf("of the index that can be read: %s, want hit", got)
	}
	if got := two.finds("u0", content(0)); got != "miss" {
		t.Errorf("of the one that cannot: %s, want miss", got)
	}
	two.mu.Lock()
	defer two.mu.Unlock()
	if len(two.problems) != 1 || !strings.Contains(two.problems[0], "denied") {
		t.Errorf("problems = %q, want the refusal once", two.problems)
	}
}

// A checkpoint is found behind however many indexes, and one job's many are no reason for another.
func TestManyIndexes(t *testing.T) {
	clock := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	store := &objectstest.Memory{Now: func() time.Time { clock = clock.Add(time.Millisecond); return clock }}
	for i := range checkpointAfter + 1 {
		m := newMachine(t, store, nil)
		m.finds("something", "new")
		m.build(fmt.Sprint("u", i), content(i))
		m.publish()
	}
	empty, err := pack.EncodeIndex(&pack.Index{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 * listed {
		name := pack.IndexName("v1/7", "trusted/main", clock.Add(time.Duration(i)*time.Second), "1", "busy", "01234567", false)
		if _, err := putBytes(t.Context(), store, name, empty); err != nil {
			t.Fatal(err)
		}
	}
	before := checkpoints(store)
	if before == 0 {
		t.Fatal("there is no checkpoint")
	}
	last := newMachine(t, store, func(o *Options) { o.Profile = "another" })
	for i := range checkpointAfter {
		if got := last.finds(fmt.Sprint("u", i), content(i)); got != "hit" {
			t.Errorf("unit of job %d: %s, want hit", i, got)
		}
	}
	last.build("more", content(50))
	last.publish()
	if c := last.counter.Counts(); c.Get > 25 || c.List > 5 {
		t.Errorf("requests = %+v, want at most 25 gets and 5 lists", c)
	}
	if got := checkpoints(store) - before; got != 0 {
		t.Errorf("%d more checkpoints were written, want none", got)
	}
}

func checkpoints(store *objectstest.Memory) int {
	n := 0
	for _, name := range store.Names() {
		if strings.HasSuffix(name, ".checkpoint") {
			n++
		}
	}
	return n
}

// Jobs that end together write few checkpoints, whatever the margin.
func TestCheckpointsOfManyJobs(t *testing.T) {
	store := &objectstest.Memory{}
	const jobs = 3 * checkpointAfter
	for i := range jobs {
		m := newMachine(t, store, nil)
		m.finds("something", "new")
		m.build(fmt.Sprint("u", i), content(i))
		m.publish()
		m.publish()
	}
	if got := checkpoints(store); got < 2 || got > 3 {
		t.Errorf("%d checkpoints of %d jobs in the same minute, want 2 or 3", got, jobs)
	}
	last := newMachine(t, store, func(o *Options) { o.Profile = "another" })
	for i := range jobs {
		if got := last.finds(fmt.Sprint("u", i), content(i)); got != "hit" {
			t.Errorf("unit of job %d: %s, want hit", i, got)
		}
	}
}

// A lookup does not wait for what its result needs besides, which is fetched by whoever wants it.
func TestResultDoesNotWaitForBlobs(t *testing.T) {
	store := &objectstest.Memory{}
	one := newMachine(t, store, nil)
	one.build("a", content(1))
	one.publish()
	var first string // the pack with the blob
	for _, name := range store.Names() {
		if strings.Contains(name, "/pack/") {
			first = name
		}
	}
	two := newMachine(t, store, nil)
	two.build("b", content(1))
	two.publish()

	release := make(chan struct{})
	stuck := &hooked{Store: store, get: func(name string) {
		if name == first {
			<-release
		}
	}}
	three := newMachine(t, stuck, nil)
	key, _, _, _, _ := made("b", content(1))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if r, err := three.Result(ctx, key); err != nil || string(r.Stderr) != "b" {
		t.Errorf("Result = %+v, %v; want that of b", r, err)
	}
	close(release)
	three.landed()
	if got := finds(t.Context(), three.near, "b", content(1)); got != "hit" {
		t.Errorf("near store: %s, want hit", got)
	}
}

// Each block is fetched once, however many are wanted at the same time and however few are kept.
func TestManyBlocksAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const blocks = 4 * maxBlocks
		store := &objectstest.Memory{}
		in := &packFile{scope: Scope{"v1/7", "local"}, ref: pack.Ref{Size: blocks * blockSize}, held: true}
		if _, err := putBytes(t.Context(), store, in.object(), make([]byte, blocks*blockSize)); err != nil {
			t.Fatal(err)
		}
		release := make(chan struct{})
		counter := &objects.Counter{Store: &hooked{Store: store, get: func(string) { <-release }}}
		b := newBlocks(t.Context(), counter)
		for i := range int64(blocks) {
			go func() {
				if _, err := b.get(t.Context(), blockID{in, i}, in.ref.Size); err != nil {
					t.Errorf("block %d: %v", i, err)
				}
			}()
		}
		synctest.Wait()
		close(release)
		synctest.Wait()
		if got, want := counter.Counts().Downloaded, int64(blocks*blockSize); got != want {
			t.Errorf("downloaded %d bytes, want %d", got, want)
		}
	})
}
