package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects/objectstest"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/pack"
	"github.com/compile-cache/compile-cache-action/internal/cache/cachetest"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// machine is a tier over a shared store of objects, as one process of one job has it.
type machine struct {
	*Tier
	t        *testing.T
	near     *cachetest.Memory
	counter  *objects.Counter
	outbox   string
	mu       sync.Mutex
	problems []string
}

var machines atomic.Int64

// newMachine opens a tier; change may adapt its options.
func newMachine(t *testing.T, store objects.Store, change func(*Options)) *machine {
	t.Helper()
	m := &machine{t: t, near: &cachetest.Memory{}, counter: &objects.Counter{Store: store}, outbox: t.TempDir()}
	n := machines.Add(1)
	o := Options{
		Objects: m.counter, Own: Scope{"v1/7", "trusted/main"}, Profile: "ci.yml-build", Run: fmt.Sprint("run", n), Job: "build", ID: fmt.Sprint("p", n),
		Write: true, Outbox: m.outbox, Near: m.near, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Problem: func(err error) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.problems = append(m.problems, err.Error())
		},
	}
	if change != nil {
		change(&o)
	}
	tier, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	m.Tier = tier
	tier.Start(o.Near, nil)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = m.Close(ctx)
	})
	return m
}

// build stores what a compile of a unit makes, near and in the tier, as the stack of tiers does.
func (m *machine) build(unit, content string) {
	m.t.Helper()
	for _, s := range []cache.Store{m.near, m.Tier} {
		if err := put(m.t.Context(), s, unit, content); err != nil {
			m.t.Fatalf("put %s: %v", unit, err)
		}
	}
	m.used(unit, content)
}

func (m *machine) used(unit, content string) {
	key, compilation, set, r, _ := made(unit, content)
	m.Use(key, compilation, set, r)
}

// made is what a compile of a unit makes: its output is content.
func made(unit, content string) (key, compilation digest.Key, set *compile.InputSet, r *compile.Result, blob digest.Digest) {
	blob = digest.Of([]byte(content))
	r = &compile.Result{Stderr: []byte(unit), Outputs: []compile.StoredOutput{{Role: "object", Mode: 0o666, Blob: blob}}}
	return digest.KeyOf([]byte(unit + content)), digest.KeyOf([]byte(unit)), &compile.InputSet{Paths: []string{unit}}, r, blob
}

func put(ctx context.Context, s cache.Store, unit, content string) error {
	key, compilation, set, r, blob := made(unit, content)
	err := s.Put(ctx, blob, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil })
	return errors.Join(err, s.PutResult(ctx, key, r), s.AddInputSet(ctx, compilation, set))
}

// finds reports what a tier answers for a unit: "hit", "miss" or an error.
func (m *machine) finds(unit, content string) string {
	return finds(m.t.Context(), m.Tier, unit, content)
}

func finds(ctx context.Context, s cache.Store, unit, content string) string {
	key, compilation, _, _, blob := made(unit, content)
	r, err := s.Result(ctx, key)
	if errors.Is(err, cache.ErrNotFound) {
		return "miss"
	}
	if err != nil {
		return "result: " + err.Error()
	}
	sets, err := s.InputSets(ctx, compilation)
	if err != nil || len(sets) != 1 || !slices.Equal(sets[0].Paths, []string{unit}) {
		return fmt.Sprintf("sets: %v, %v", sets, err)
	}
	got, err := cachetest.ReadBlob(ctx, s, blob)
	if err != nil {
		return "blob: " + err.Error()
	}
	if got != content || string(r.Stderr) != unit {
		return "wrong bytes"
	}
	return "hit"
}

func (m *machine) publish() {
	m.t.Helper()
	if err := m.Publish(m.t.Context()); err != nil {
		m.t.Fatalf("Publish = %v", err)
	}
}

// landed waits until nothing more is fetched ahead.
func (m *machine) landed() { <-m.Landed() }

func content(i int) string { return strings.Repeat(fmt.Sprintf("object %d ", i), 400+i) }

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

// names are the objects there were when the machine last published.
func (m *machine) names() []string {
	var all []string
	for _, x := range m.counter.Store.(*objectstest.Memory).Names() {
		if b := m.counter.Store.(*objectstest.Memory).Bytes(x); b != nil && strings.HasPrefix(x, m.o.Own.Root+"/"+m.o.Own.Name+"/") {
			all = append(all, x)
		}
	}
	return all
}

// Every byte of every object may be wrong, or missing: what is found is right or is not found.
func TestDamage(t *testing.T) {
	store := &objectstest.Memory{}
	one := newMachine(t, store, nil)
	for i := range 3 {
		one.build(fmt.Sprint("u", i), fmt.Sprintf("object %d", i))
	}
	one.publish()
	if err := one.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	tried, misses := 0, 0
	for _, name := range store.Names() {
		whole := store.Bytes(name)
		step := max(1, len(whole)/150)
		for i := 0; i < len(whole); i += step {
			for _, damaged := range [][]byte{flip(whole, i), whole[:i]} {
				store.Replace(name, damaged)
				m := newMachine(t, store, func(o *Options) { o.Write = false })
				m.landed()
				for u := range 3 {
					tried++
					switch got := m.finds(fmt.Sprint("u", u), fmt.Sprintf("object %d", u)); {
					case got == "wrong bytes":
						t.Fatalf("%s damaged at %d: %s", name, i, got)
					case got != "hit":
						misses++
					}
					if got := finds(t.Context(), m.near, fmt.Sprint("u", u), fmt.Sprintf("object %d", u)); got == "wrong bytes" {
						t.Fatalf("%s damaged at %d, near store: %s", name, i, got)
					}
				}
				_ = m.Close(t.Context())
			}
		}
		store.Replace(name, whole)
	}
	if misses == 0 || misses == tried {
		t.Errorf("%d of %d lookups failed, want some and not all", misses, tried)
	}
}

func flip(b []byte, i int) []byte {
	b = slices.Clone(b)
	b[i] ^= 0x10
	return b
}

// A pack that its owner collected is no hit and no failure.
func TestCollectedPack(t *testing.T) {
	store := &objectstest.Memory{}
	one := newMachine(t, store, nil)
	one.build("u", content(1))
	one.publish()
	for _, name := range store.Names() {
		if strings.Contains(name, "/pack/") {
			store.Remove(name)
		}
	}
	two := newMachine(t, store, nil)
	two.landed()
	if got := two.finds("u", content(1)); got != "miss" {
		t.Errorf("with its pack gone: %s, want miss", got)
	}
	two.build("u", content(1))
	two.publish()
	three := newMachine(t, store, nil)
	if got := three.finds("u", content(1)); got != "hit" {
		t.Errorf("stored again: %s, want hit", got)
	}
}

// What a killed process left in the outbox, sealed or torn, the next one publishes.
func TestLeftovers(t *testing.T) {
	for _, cut := range []int64{0, 1, 40, 200} {
		store := &objectstest.Memory{}
		down := &objectstest.Faulty{Store: store, Plan: func(string, int) objectstest.Fault { return objectstest.Fault{Kind: objectstest.Fail} }}
		one := newMachine(t, down, nil)
		for i := range 10 {
			one.build(fmt.Sprint("u", i), content(i))
		}
		if cut == 0 {
			var lost *UnpublishedError
			if err := one.Publish(t.Context()); !errors.As(err, &lost) || lost.Results != 10 {
				t.Errorf("Publish = %v, want 10 unpublished results", err)
			}
		}
		one.kill()
		if cut > 0 {
			torn, err := filepath.Glob(filepath.Join(one.outbox, "*", "*.open"))
			if err != nil || len(torn) != 1 {
				t.Fatalf("open packs = %v, %v; want one", torn, err)
			}
			info, err := os.Stat(torn[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(torn[0], info.Size()-cut); err != nil {
				t.Fatal(err)
			}
		}
		two := newMachine(t, store, func(o *Options) { o.Outbox = one.outbox })
		for { // until it has taken them over
			two.publish()
			if left, _ := filepath.Glob(filepath.Join(one.outbox, "*", "*.*")); len(left) == 0 {
				break
			}
		}
		three := newMachine(t, store, nil)
		hits := 0
		for i := range 10 {
			if three.finds(fmt.Sprint("u", i), content(i)) == "hit" {
				hits++
			}
		}
		if want := map[bool]int{true: 10, false: 9}[cut == 0]; hits < want-1 {
			t.Errorf("cut by %d: %d of 10 were published, want %d", cut, hits, want)
		}
	}
}

// kill ends a tier as a signal would: nothing is published, the lock is free.
func (m *machine) kill() {
	m.cancel()
	m.running.Wait()
	m.out.box.lock.Close()
	m.out.box = nil
}

// After many jobs a reader still needs few indexes, because jobs write checkpoints.
func TestCheckpoint(t *testing.T) {
	clock := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	store := &objectstest.Memory{Now: func() time.Time { clock = clock.Add(time.Minute); return clock }}
	const jobs = 40
	for i := range jobs {
		m := newMachine(t, store, func(o *Options) { o.Profile = fmt.Sprint("job", i%3) })
		m.finds("something", "new")
		m.build(fmt.Sprint("u", i), content(i))
		m.publish()
		clock = clock.Add(20 * time.Minute)
	}
	checkpoints := 0
	for _, name := range store.Names() {
		if id, err := pack.ParseIndexName(name); err == nil && id.Checkpoint {
			checkpoints++
		}
	}
	if checkpoints < 2 || checkpoints > 6 {
		t.Errorf("%d checkpoints after %d jobs, want a few", checkpoints, jobs)
	}
	last := newMachine(t, store, func(o *Options) { o.Profile = "new" })
	for i := range jobs {
		if got := last.finds(fmt.Sprint("u", i), content(i)); got != "hit" {
			t.Errorf("unit of job %d: %s, want hit", i, got)
		}
	}
	if c := last.counter.Counts(); c.List != 2 {
		t.Errorf("requests = %+v, want 2 lists", c)
	}
}

// A working set that is scattered over many packs is gathered, so that the request budget holds at commit 200.
func TestScatteredSetIsGathered(t *testing.T) {
	store := &objectstest.Memory{}
	for i := range 30 {
		m := newMachine(t, store, nil)
		m.landed()
		for u := range i {
			m.used(fmt.Sprint("u", u), content(u))
		}
		m.build(fmt.Sprint("u", i), content(i))
		m.publish()
	}
	last := newMachine(t, store, nil)
	last.landed()
	for i := range 30 {
		if got := finds(t.Context(), last.near, fmt.Sprint("u", i), content(i)); got != "hit" {
			t.Errorf("unit %d: %s, want hit", i, got)
		}
	}
	if c := last.counter.Counts(); c.List+c.Get > 2+scattered*2 {
		t.Errorf("requests = %+v, want at most %d", c, 2+scattered*2)
	}
}

// A day of commits, each of which changes a little of what one job built that day, is not a request for each commit.
func TestSmallPacksAreGathered(t *testing.T) {
	store := &objectstest.Memory{}
	const units, commits = 60, 40
	version := func(commit, unit int) string {
		if changed := commit - (commit-unit+units)%units; unit > 0 && changed > 0 {
			return content(unit) + fmt.Sprint(" at ", changed)
		}
		return content(unit)
	}
	var put int64
	for commit := range commits {
		m := newMachine(t, store, nil)
		m.landed()
		for u := range units {
			if name := fmt.Sprint("u", u); commit == 0 || version(commit, u) != version(commit-1, u) {
				m.build(name, version(commit, u))
			} else if got := finds(t.Context(), m.near, name, version(commit, u)); got == "hit" {
				m.used(name, version(commit, u))
			} else {
				t.Fatalf("commit %d, unit %d: %s, want hit", commit, u, got)
			}
		}
		const most = 2 + 1 + (1 + scattered) + (1 + otherIndexes) // lists, a profile, packs, indexes
		if c := m.counter.Counts(); c.List+c.Get > most {
			t.Errorf("commit %d: requests = %+v, want at most %d to read", commit, c, most)
		}
		m.publish()
		put += m.counter.Counts().Put
	}
	if want := int64(commits * 6); put > want {
		t.Errorf("%d objects put, want at most %d", put, want)
	}
}

// Whatever request fails, nothing wrong is found, and what could not be published is found by the next process.
func TestFaults(t *testing.T) {
	for _, kind := range []objectstest.FaultKind{objectstest.Fail, objectstest.Short, objectstest.Wrong, objectstest.Extra, objectstest.Lost} {
		for _, op := range []string{"get", "put", "list"} {
			for n := range 4 {
				name := fmt.Sprintf("%v of %s %d", kind, op, n)
				store := &objectstest.Memory{}
				plan := func(o string, i int) objectstest.Fault {
					if o == op && i == n {
						return objectstest.Fault{Kind: kind}
					}
					return objectstest.Fault{}
				}
				one := newMachine(t, &objectstest.Faulty{Store: store, Plan: plan}, nil)
				for i := range 3 {
					one.build(fmt.Sprint("u", i), content(i))
				}
				_ = one.Publish(t.Context())
				_ = one.Publish(t.Context())
				two := newMachine(t, &objectstest.Faulty{Store: store, Plan: plan}, func(o *Options) { o.Write = false })
				two.landed()
				for i := range 3 {
					if got := two.finds(fmt.Sprint("u", i), content(i)); got == "wrong bytes" {
						t.Errorf("%s: unit %d: %s", name, i, got)
					}
				}
				three := newMachine(t, store, nil)
				for i := range 3 {
					if got := three.finds(fmt.Sprint("u", i), content(i)); got != "hit" && (kind != objectstest.Wrong || op != "put" || got == "wrong bytes") {
						t.Errorf("%s, later without fault: unit %d: %s, want hit", name, i, got)
					}
				}
			}
		}
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
