package tiers

import (
	"bytes"
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
	"github.com/compile-cache/compile-cache-action/internal/cache/disk"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// newStack returns a stack that is closed at the test's end.
func newStack(t *testing.T, o Options) *Stack {
	t.Helper()
	if o.Near == nil {
		o.Near = &cachetest.Memory{}
	}
	o.Now = time.Now
	s := New(o)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.Close(ctx)
	})
	return s
}

func key(word string) digest.Key { return digest.KeyOf([]byte(word)) }

func blob(text string) digest.Digest { return digest.Of([]byte(text)) }

// made returns a result with outputs of these texts.
func made(by string, texts ...string) *compile.Result {
	r := &compile.Result{MadeBy: by}
	for i, text := range texts {
		r.Outputs = append(r.Outputs, compile.StoredOutput{Role: fmt.Sprint("output", i), Mode: 0o666, Blob: blob(text)})
	}
	return r
}

func setOf(path string) *compile.InputSet { return &compile.InputSet{Paths: []string{path}} }

// put stores blobs of these texts, a result that names them, and an input set.
func put(t *testing.T, s cache.Store, name string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		putBlob(t, s, text)
	}
	if err := errors.Join(s.PutResult(t.Context(), key(name), made("far", texts...)), s.AddInputSet(t.Context(), key("c "+name), setOf(name))); err != nil {
		t.Fatal(err)
	}
}

func putBlob(t *testing.T, s cache.Store, text string) {
	t.Helper()
	if err := s.Put(t.Context(), blob(text), opener(text)); err != nil {
		t.Fatal(err)
	}
}

func opener(text string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
}

// has reports whether a store has a result with all its blobs.
func has(t *testing.T, s cache.Store, name string, texts ...string) bool {
	t.Helper()
	for _, text := range texts {
		if got, err := cachetest.ReadBlob(t.Context(), s, blob(text)); err != nil || got != text {
			return false
		}
	}
	_, err := s.Result(t.Context(), key(name))
	return err == nil
}

// calls sums the calls of a faulty store.
func calls(f *cachetest.Faulty, methods ...string) int {
	n := 0
	for _, m := range methods {
		n += f.Calls(m)
	}
	return n
}

var (
	reading = []string{"Result", "InputSets", "Open"}
	writing = []string{"PutResult", "AddInputSet", "Put"}
)

func TestConformance(t *testing.T) {
	for name, far := range map[string][]Far{
		"no far tier":       nil,
		"one":               {{Name: "bucket", Write: true}},
		"two, one writable": {{Name: "edge", Write: true}, {Name: "bucket"}},
	} {
		t.Run(name, func(t *testing.T) {
			cachetest.Run(t, func(t *testing.T) cache.Store {
				tiers := slices.Clone(far)
				for i := range tiers {
					tiers[i].Store = &cachetest.Memory{}
				}
				return newStack(t, Options{Far: tiers})
			})
		})
	}
	t.Run("disk", func(t *testing.T) {
		cachetest.Run(t, func(t *testing.T) cache.Store {
			near, err := disk.Open(disk.Options{Dir: t.TempDir(), Class: "local", Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			return newStack(t, Options{Near: near, Far: []Far{{Name: "bucket", Write: true, Store: &cachetest.Memory{}}}})
		})
	})
}

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

func TestTwoTiersFillUpward(t *testing.T) {
	near, edge := &cachetest.Memory{}, &cachetest.Faulty{Store: &cachetest.Memory{}}
	bucket := &cachetest.Faulty{Store: &cachetest.Memory{}}
	put(t, bucket.Store, "k", "object")
	s := newStack(t, Options{Near: near, Far: []Far{{Name: "edge", Store: edge, Write: true}, {Name: "bucket", Store: bucket, Write: true}}})
	sets, err := s.DistantInputSets(t.Context(), key("c k"))
	if err != nil || len(sets) != 1 {
		t.Fatalf("DistantInputSets = %d sets, %v; want 1", len(sets), err)
	}
	if _, err := s.Result(t.Context(), key("k")); err != nil || s.Origin(key("k")) != "bucket" {
		t.Fatalf("Result = %v from %s, want the bucket's", err, s.Origin(key("k")))
	}
	if err := errors.Join(s.AddInputSet(t.Context(), key("c k"), sets[0]), s.Flush(t.Context())); err != nil {
		t.Fatal(err)
	}
	if !has(t, edge, "k", "object") {
		t.Error("the edge has not got the result")
	}
	if sets, err := edge.InputSets(t.Context(), key("c k")); err != nil || len(sets) != 1 {
		t.Errorf("the edge has %d sets, %v; want 1", len(sets), err)
	}
	if n := calls(bucket, writing...); n != 0 {
		t.Errorf("%d writes to the bucket, which had all, want none", n)
	}
	// The second lookup asks nobody.
	before := calls(bucket, reading...) + calls(edge, reading...)
	if sets, err := s.InputSets(t.Context(), key("c k")); err != nil || len(sets) != 1 {
		t.Errorf("InputSets = %d sets, %v; want 1", len(sets), err)
	}
	_, err = s.Result(t.Context(), key("k"))
	if n := calls(bucket, reading...) + calls(edge, reading...) - before; err != nil || n != 0 {
		t.Errorf("the second lookup = %v with %d calls to far tiers, want none", err, n)
	}
}

func TestDistantInputSets(t *testing.T) {
	near, edge, bucket := &cachetest.Memory{}, &cachetest.Memory{}, &cachetest.Memory{}
	broken := &cachetest.Faulty{Store: edge}
	s := newStack(t, Options{Near: near, Far: []Far{{Name: "edge", Store: broken}, {Name: "bucket", Store: bucket}}})
	add := func(m *cachetest.Memory, words ...string) {
		for _, w := range words {
			if err := m.AddInputSet(t.Context(), key("c"), setOf(w)); err != nil {
				t.Fatal(err)
			}
		}
	}
	words := func() string {
		sets, err := s.DistantInputSets(t.Context(), key("c"))
		if err != nil {
			return err.Error()
		}
		var list []string
		for _, set := range sets {
			list = append(list, set.Paths...)
		}
		return fmt.Sprint(list)
	}
	if got := words(); got != "[]" {
		t.Errorf("DistantInputSets of nothing = %s", got)
	}
	add(edge, "1", "2", "3")
	add(bucket, "a", "2", "b")
	add(near, "3", "n")
	if got, want := words(), "[3 b 2 1 a]"; got != want {
		t.Errorf("DistantInputSets = %s, want %s", got, want)
	}
	for i := range 20 {
		add(bucket, fmt.Sprint("x", i))
	}
	if got := len(strings.Fields(words())); got != cache.MaxInputSets {
		t.Errorf("DistantInputSets gives %d sets, want %d", got, cache.MaxInputSets)
	}
	broken.Plan = func(string, int) cachetest.Fault { return cachetest.Fault{Kind: cachetest.Fail} }
	if got := words(); !strings.HasPrefix(got, "[x19 x18") {
		t.Errorf("DistantInputSets with a broken edge = %s, want the bucket's", got)
	}
	if sets, err := s.DistantInputSets(t.Context(), key("none")); !errors.Is(err, cachetest.ErrFault) {
		t.Errorf("DistantInputSets of none with a broken edge = %v, %v; want the edge's failure", sets, err)
	}
}

func TestReadOnlyWritesNothing(t *testing.T) {
	near, far := &cachetest.Faulty{Store: &cachetest.Memory{}}, &cachetest.Faulty{Store: &cachetest.Memory{}}
	long := strings.Repeat("a long object ", 100_000)
	put(t, far.Store, "k", long, "", "short")
	s := newStack(t, Options{Near: near, Far: []Far{{Name: "bucket", Store: far, Write: true}}})
	ctx := cache.WithReadOnly(t.Context())
	if sets, err := s.DistantInputSets(ctx, key("c k")); err != nil || len(sets) != 1 {
		t.Errorf("DistantInputSets = %d sets, %v; want 1", len(sets), err)
	}
	if _, err := s.Result(ctx, key("k")); err != nil || s.Origin(key("k")) != "bucket" {
		t.Errorf("Result = %v from %s, want the bucket's", err, s.Origin(key("k")))
	}
	for _, text := range []string{long, "", "short"} {
		if f, err := s.OpenFile(ctx, blob(text)); !errors.Is(err, cache.ErrNotFound) {
			t.Errorf("OpenFile = %v, %v; want ErrNotFound", f, err)
		}
		if got, err := cachetest.ReadBlob(ctx, s, blob(text)); err != nil || got != text {
			t.Errorf("Open = %d bytes, %v; want %d", len(got), err, len(text))
		}
	}
	if _, err := s.Open(ctx, blob("absent")); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("Open of what is nowhere = %v, want ErrNotFound", err)
	}
	for method, err := range map[string]error{
		"Put":         s.Put(ctx, blob("x"), opener("x")),
		"PutResult":   s.PutResult(ctx, key("l"), made("here")),
		"AddInputSet": s.AddInputSet(ctx, key("c"), setOf("x")),
		"PutNote":     s.PutNote(ctx, key("n"), nil),
		"Land":        s.Land("bucket").PutResult(ctx, key("l"), made("far")),
		"Land.Put":    s.Land("bucket").Put(ctx, blob("x"), opener("x")),
		"Land.Add":    s.Land("bucket").AddInputSet(ctx, key("c"), setOf("x")),
	} {
		if !errors.Is(err, cache.ErrReadOnly) {
			t.Errorf("%s = %v, want ErrReadOnly", method, err)
		}
	}
	if err := s.Close(t.Context()); err != nil {
		t.Errorf("Close = %v", err)
	}
	if n, f := calls(near, writing...), calls(far, writing...); n != 0 || f != 0 {
		t.Errorf("%d writes near and %d far, want none", n, f)
	}
}

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

// used is a store that is told what is used.
type used struct {
	cachetest.Memory
	keys []digest.Key
}

func (u *used) Use(k, _ digest.Key, _ *compile.InputSet, _ *compile.Result) {
	u.keys = append(u.keys, k)
}

func TestUse(t *testing.T) {
	u := &used{}
	s := newStack(t, Options{Far: []Far{{Name: "edge", Store: &cachetest.Memory{}}, {Name: "bucket", Store: u}}})
	s.Use(key("k"), key("c"), setOf("a"), made("here"))
	if len(u.keys) != 1 || u.keys[0] != key("k") {
		t.Errorf("told of %v, want k once", u.keys)
	}
	if n := testing.AllocsPerRun(100, func() { s.Use(digest.Key{}, digest.Key{}, nil, nil) }); n > 2 {
		t.Errorf("Use allocates %v times, want no work of its own", n)
	}
}

func TestNotesOfFarTiers(t *testing.T) {
	far := &cachetest.Memory{}
	s := newStack(t, Options{Far: []Far{{Name: "edge", Store: &cachetest.Faulty{Store: far}, Write: true}, {Name: "bucket", Store: far, Write: true}}})
	if err := far.PutNote(t.Context(), key("n"), []byte("old")); err != nil {
		t.Fatal(err)
	}
	if b, err := s.Note(t.Context(), key("n")); err != nil || string(b) != "old" {
		t.Errorf("Note = %q, %v; want the far one", b, err)
	}
	note := []byte("new")
	err := s.PutNote(t.Context(), key("n"), note)
	note[0] = 'X'
	if err := errors.Join(err, s.Flush(t.Context())); err != nil {
		t.Fatal(err)
	}
	if b, err := far.Note(t.Context(), key("n")); err != nil || string(b) != "new" {
		t.Errorf("the far note is %q, %v; want the new one", b, err)
	}
}

func TestMarks(t *testing.T) {
	m := newMarks(10)
	for i := range 100 {
		m.add(key(fmt.Sprint(i)), 1)
		m.add(key(fmt.Sprint(i)), 2)
		if n := m.known.Len(); n > 10 {
			t.Fatalf("%d marks are kept, want at most 10", n)
		}
		if got := m.get(key(fmt.Sprint(i))); got != 3 {
			t.Fatalf("mark %d is %d, want 3", i, got)
		}
	}
	if got := m.get(key("95")); got != 3 {
		t.Errorf("a young mark is %d, want 3", got)
	}
	if got := m.get(key("5")); got != 0 {
		t.Errorf("an old mark is %d, want it forgotten", got)
	}
	m.set(key("99"), 0)
	if got := m.get(key("99")); got != 0 {
		t.Errorf("a mark that was taken back is %d, want 0", got)
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

// panicking is a tier with a defect.
type panicking struct{ cachetest.Memory }

func (*panicking) Result(context.Context, digest.Key) (*compile.Result, error)  { panic("defect") }
func (*panicking) PutResult(context.Context, digest.Key, *compile.Result) error { panic("defect") }
func (*panicking) Open(context.Context, digest.Digest) (io.ReadCloser, error)   { panic("defect") }

func TestPanicIsAFailure(t *testing.T) {
	var told bytes.Buffer
	var mu sync.Mutex
	s := newStack(t, Options{Far: []Far{{Name: "bucket", Store: &panicking{}, Write: true}}, Problem: func(_ string, err error) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(&told, err)
	}})
	if _, err := s.Result(t.Context(), key("k")); err == nil || errors.Is(err, cache.ErrNotFound) {
		t.Errorf("Result = %v, want a failure", err)
	}
	if _, err := cachetest.ReadBlob(cache.WithReadOnly(t.Context()), s, blob("b")); err == nil || errors.Is(err, cache.ErrNotFound) {
		t.Errorf("Open = %v, want a failure", err)
	}
	if err := errors.Join(s.PutResult(t.Context(), key("k"), made("here")), s.Flush(t.Context())); err != nil {
		t.Errorf("PutResult and Flush = %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if n := strings.Count(told.String(), "panic: defect"); n != 3 || s.Dropped() != 1 {
		t.Errorf("told of %d panics and dropped %d, want 3 and 1:\n%s", n, s.Dropped(), told.String())
	}
}
