package engine_test

import (
	"bytes"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/cache/cachetest"
	"github.com/compile-cache/compile-cache-action/internal/cache/tiers"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// bucket is a far tier that counts its calls, is told what is used, and fails while broken.
type bucket struct {
	*cachetest.Faulty
	cache.Notes
	used   atomic.Int64
	broken atomic.Bool
}

func newBucket() *bucket {
	m := &cachetest.Memory{}
	b := &bucket{Notes: m}
	b.Faulty = &cachetest.Faulty{Store: m, Plan: func(string, int) cachetest.Fault {
		if b.broken.Load() {
			return cachetest.Fault{Kind: cachetest.Fail}
		}
		return cachetest.Fault{}
	}}
	return b
}

func (b *bucket) Use(key, compilation digest.Key, set *compile.InputSet, r *compile.Result) {
	b.used.Add(1)
}

func (b *bucket) calls() int {
	n := 0
	for _, m := range []string{"Result", "PutResult", "InputSets", "AddInputSet", "Open", "Put"} {
		n += b.Calls(m)
	}
	return n
}

// machine returns the project as another machine has it: the same files, an empty disk, and the bucket, which it may write or not.
func (p *project) machine(b *bucket, write bool) (*project, *tiers.Stack) {
	p.t.Helper()
	other := *p
	other.engine, other.events = newEngine(p.t, nil)
	stack := tiers.New(tiers.Options{Near: other.engine.Store, Far: []tiers.Far{{Name: "bucket", Store: b, Write: write}}, Now: time.Now})
	other.engine.Store = stack
	p.t.Cleanup(func() { _ = stack.Close(p.t.Context()) })
	return &other, stack
}

func (p *project) flush(s *tiers.Stack) {
	p.t.Helper()
	if err := s.Flush(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
}

func TestHitFromFarAway(t *testing.T) {
	one := newProject(t, map[string]string{"a.c": "#include \"a.h\"\nint f(void) { return A; }\n", "a.h": "#define A 1\n"})
	b := newBucket()
	args := []string{"-c", "-g", "-MD", "a.c", "-o", "a.o"}
	one, stack := one.machine(b, true)
	one.want(compile.Miss, compile.ReasonNew, args...)
	one.flush(stack)
	object := read(t, one.path("a.o"))

	two, stack := one.machine(b, true)
	check := func(tier string, asked bool) {
		t.Helper()
		if err := os.Remove(two.path("a.o")); err != nil {
			t.Fatal(err)
		}
		before, used := b.calls(), b.used.Load()
		_, e := two.want(compile.Hit, "", args...)
		if e.Tier != tier || !bytes.Equal(read(t, two.path("a.o")), object) {
			t.Errorf("a hit of tier %s, want %s with the same object", e.Tier, tier)
		}
		if got := b.calls() > before; got != asked {
			t.Errorf("the bucket was asked: %v, want %v", got, asked)
		}
		if got := b.used.Load() - used; got != 1 {
			t.Errorf("the bucket was told of %d uses, want 1", got)
		}
	}
	puts := b.Calls("AddInputSet") + b.Calls("PutResult")
	check("bucket", true)
	check("bucket", false)
	two.flush(stack)
	if got := b.Calls("AddInputSet") + b.Calls("PutResult"); got != puts {
		t.Errorf("%d writes of what came from the bucket, want none", got-puts)
	}
	// In the next job it is the disk's.
	again := tiers.New(tiers.Options{Near: stack, Now: time.Now})
	two.engine.Store = again
	_, e := two.want(compile.Hit, "", args...)
	if e.Tier != "disk" {
		t.Errorf("in the next job the tier is %s, want disk", e.Tier)
	}
}

func TestReadOnlyHitFromFarAway(t *testing.T) {
	one := newProject(t, map[string]string{"a.c": "int f(void) { return 1; }\n"})
	b := newBucket()
	args := []string{"-c", "-MD", "a.c", "-o", "a.o"}
	one, stack := one.machine(b, true)
	one.want(compile.Miss, compile.ReasonNew, args...)
	one.flush(stack)
	object, used := read(t, one.path("a.o")), b.used.Load()

	two, stack := one.machine(b, true)
	env := two.env
	two.env = append(env[:len(env):len(env)], "COMPILE_CACHE_READONLY=1")
	var key digest.Key
	for range 2 {
		if err := os.Remove(two.path("a.o")); err != nil {
			t.Fatal(err)
		}
		_, e := two.want(compile.Hit, "", args...)
		if e.Tier != "bucket" || !bytes.Equal(read(t, two.path("a.o")), object) {
			t.Errorf("a hit of tier %s, want bucket with the same object", e.Tier)
		}
		var err error
		if key, err = digest.ParseKey(e.Key); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.used.Load(); got != used {
		t.Errorf("the bucket was told of %d read-only uses, want none", got-used)
	}
	// Nothing was kept: without the bucket there is nothing.
	b.broken.Store(true)
	if r, err := stack.Result(t.Context(), key); err == nil {
		t.Errorf("a read-only hit left %+v near", r)
	}
	two.env = env
	two.want(compile.Miss, compile.ReasonStorage, args...)
}

func TestBrokenBucketIsAMissWithItsReason(t *testing.T) {
	p := newProject(t, map[string]string{"a.c": "int f(void) { return 1; }\n"})
	b := newBucket()
	b.broken.Store(true)
	p, _ = p.machine(b, true)
	args := []string{"-c", "a.c", "-o", "a.o"}
	_, e := p.want(compile.Miss, compile.ReasonStorage, args...)
	if !strings.Contains(e.Detail, "tier bucket") || e.NotStored != "" {
		t.Errorf("detail %q, not stored %q; want the tier, and stored", e.Detail, e.NotStored)
	}
	_, e = p.want(compile.Hit, "", args...)
	if e.Tier != "disk" {
		t.Errorf("tier %s, want disk", e.Tier)
	}
}

func TestRecacheAsksNobody(t *testing.T) {
	p := newProject(t, map[string]string{"a.c": "int f(void) { return 1; }\n"})
	b := newBucket()
	p, stack := p.machine(b, true)
	p.env = append(p.env, "COMPILE_CACHE_RECACHE=1")
	p.want(compile.Miss, compile.ReasonRecache, "-c", "a.c", "-o", "a.o")
	p.flush(stack)
	if n := b.Calls("InputSets") + b.Calls("Result"); n != 0 || b.Calls("PutResult") != 1 || b.used.Load() != 1 {
		t.Errorf("%d lookups, %d puts, %d uses; want 0, 1, 1", n, b.Calls("PutResult"), b.used.Load())
	}
}

// What differs is told also where only the bucket knows what the earlier compile read.
func TestMissTellsWhatChangedSinceACompileFarAway(t *testing.T) {
	one := newProject(t, map[string]string{"a.c": "#include \"a.h\"\nint f(void) { return A; }\n", "a.h": "#define A 1\n"})
	b := newBucket()
	one, stack := one.machine(b, true)
	one.want(compile.Miss, compile.ReasonNew, "-c", "-DX=1", "a.c", "-o", "a.o")
	one.flush(stack)
	one.write("a.h", "#define A 2\n")
	for flag, want := range map[string]string{"-DX=1": "header", "-DX=2": "flag header"} {
		two, _ := one.machine(b, false)
		_, e := two.want(compile.Miss, compile.ReasonChanged, "-c", flag, "a.c", "-o", "a.o")
		var kinds []string
		for _, c := range e.Causes {
			kinds = append(kinds, c.Kind)
		}
		if got := strings.Join(kinds, " "); got != want {
			t.Errorf("%s: causes %+v, want %s", flag, e.Causes, want)
		}
	}
}
