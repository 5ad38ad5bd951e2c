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
	"testing"
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
