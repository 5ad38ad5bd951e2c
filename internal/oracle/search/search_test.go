package search

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/engine"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// letters is a step of which each letter is a part.
type letters string

func (l letters) String() string { return string(l) }

func (l letters) Without(i int) (letters, bool) {
	if i >= len(l) {
		return l, false
	}
	return l[:i] + l[i+1:], true
}

// sequence is a world in which it is wrong to play an x, then, in another step, a y.
type sequence struct {
	rng  *rand.Rand
	n    *Counts
	seen bool // an x
}

func (w *sequence) Choose() []letters {
	var s letters
	for range 3 {
		s += letters("abcdefghxy"[w.rng.IntN(10)])
	}
	return []letters{s}
}

func (w *sequence) Play(s letters) *Wrong {
	w.n.Cases++
	if w.seen && strings.Contains(string(s), "y") {
		return &Wrong{What: "y after x", Got: "y", Want: "", Invocation: &compile.Invocation{}}
	}
	w.seen = w.seen || strings.Contains(string(s), "x")
	return nil
}

// A failure is found from its seed alone, and of its history only what is needed is left.
func TestShrink(t *testing.T) {
	opened := 0
	s := Search[letters]{Now: time.Now, Open: func(dir string, seed uint64, n *Counts) (World[letters], error) {
		opened++
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s is there already", dir)
		}
		return &sequence{rng: rand.New(rand.NewPCG(seed, 0)), n: n}, os.MkdirAll(dir, 0o755)
	}}
	dir := filepath.Join(t.TempDir(), "w")
	n := NewCounts()
	f, err := s.Explore(dir, 7, 1000, n)
	if err != nil || f == nil {
		t.Fatalf("Explore() = %v, %v, want a failure", f, err)
	}
	if n.Cases != len(f.Steps) || f.Seed != 7 {
		t.Errorf("failure of seed %d with %d steps after %d cases, want seed 7 and all of them", f.Seed, len(f.Steps), n.Cases)
	}
	before := slices.Clone(f.Steps)
	s.Shrink(dir, f, time.Now().Add(-time.Second))
	if diff := cmp.Diff(f.Steps, before); diff != "" || opened != 1 {
		t.Errorf("Shrink() after the deadline played %d times and made (-got +want):\n%s", opened-1, diff)
	}
	s.Shrink(dir, f, time.Now().Add(time.Minute))
	if diff := cmp.Diff(f.Steps, []letters{"x", "y"}); diff != "" {
		t.Errorf("steps after Shrink() (-got +want):\n%s", diff)
	}
	if text := f.String(); !strings.Contains(text, "wrong y after x (seed 7)\nstep 1: x\nstep 2: y\n") {
		t.Errorf("the failure reads\n%s", text)
	}
	if f, _ := s.Explore(dir, 7, 1, NewCounts()); f != nil {
		t.Errorf("Explore() of one case = %v, want none", f)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Errorf("%s was left behind", dir)
	}
}

// Whatever differs is wrong.
func TestCompare(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &Served{Event: &compile.Event{}}
	inv := &compile.Invocation{}
	right := func() (*engine.Replay, Plain) {
		return &engine.Replay{Stdout: []byte("o"), Stderr: []byte("e")},
			Plain{Stdout: []byte("o"), Stderr: []byte("e"), Files: []Output{{path, []byte("text"), 0o600}}}
	}
	if got, want := right(); s.Compare(inv, got, want) != nil {
		t.Errorf("Compare() of equals = %+v, want nil", s.Compare(inv, got, want))
	}
	for want, change := range map[string]func(*engine.Replay, *Plain) *engine.Replay{
		"neither replayed nor run": func(*engine.Replay, *Plain) *engine.Replay { return nil },
		"status":                   func(r *engine.Replay, _ *Plain) *engine.Replay { r.Status = 1; return r },
		"stdout":                   func(r *engine.Replay, _ *Plain) *engine.Replay { r.Stdout = nil; return r },
		"stderr":                   func(r *engine.Replay, _ *Plain) *engine.Replay { r.Stderr = []byte("f"); return r },
		path:                       func(r *engine.Replay, p *Plain) *engine.Replay { p.Files[0].Data = []byte("texts"); return r },
		path + ".missing":          func(r *engine.Replay, p *Plain) *engine.Replay { p.Files[0].Path += ".missing"; return r },
		"mode of " + path:          func(r *engine.Replay, p *Plain) *engine.Replay { p.Files[0].Mode = 0o644; return r },
	} {
		got, plain := right()
		if w := s.Compare(inv, change(got, &plain), plain); w == nil || w.What != want {
			t.Errorf("Compare() = %+v, want wrong %s", w, want)
		}
	}
}

func TestFirstDifference(t *testing.T) {
	for _, tt := range []struct{ got, want, says string }{
		{"a\nb", "a\nb", "(equal)\n"},
		{"a\nb", "a\nc\nd", "line 2:\n got: \"b\"\nwant: \"c\"\n"},
		{"a", "a\nb", "line 2:\n got: \"(end)\"\nwant: \"b\"\n"},
	} {
		if says := FirstDifference(tt.got, tt.want); says != tt.says {
			t.Errorf("FirstDifference(%q, %q) = %q, want %q", tt.got, tt.want, says, tt.says)
		}
	}
}

// A miss is needless where the same was stored before, unless nobody can know.
func TestCount(t *testing.T) {
	s := &Served{Counts: NewCounts(), Dir: t.TempDir(), Make: func() frontend.Frontend { return nil }, Now: time.Now}
	s.Start()
	plain := Plain{Files: []Output{{Path: "/o", Data: []byte("1")}}}
	other := Plain{Files: []Output{{Path: "/o", Data: []byte("2")}}}
	miss := func(c Case, p Plain) {
		s.Event = &compile.Event{Outcome: compile.Miss, Reason: compile.ReasonNew}
		c.Kind = "kind"
		s.Count(c, p)
	}
	miss(Case{Shared: true}, plain)
	miss(Case{Raced: true}, plain)
	miss(Case{}, plain)
	miss(Case{Call: "another"}, plain)
	miss(Case{}, other)
	if got := s.Counts.Needless["kind"]; got != 0 {
		t.Errorf("%d needless misses of what was not stored, want 0", got)
	}
	miss(Case{}, plain)
	miss(Case{Raced: true}, plain)
	s.Event = &compile.Event{Outcome: compile.Hit}
	s.Count(Case{Kind: "kind"}, Plain{Status: 1})
	n := s.Counts
	if got, want := fmt.Sprint(n.Cases, n.Failed, n.Hits, n.Misses, n.Needless), "8 1 map[kind:1] map[kind:5] map[kind:1]"; got != want {
		t.Errorf("counts %s, want %s", got, want)
	}
}
