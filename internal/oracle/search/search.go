package search

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// Step is what is done between two looks at the engine's answers. It is plain data: what cannot be done when it is played is not done.
type Step[S any] interface {
	fmt.Stringer
	// Without returns the step with its part i left out; false where it has no such part. Parts count from 0.
	Without(i int) (S, bool)
}

// World is what steps are played on.
type World[S any] interface {
	// Choose makes up the next steps, most often one.
	Choose() []S
	// Play makes a step's changes and compiles; it returns the first answer that is wrong, nil where none is. What it compiles it counts.
	Play(S) *Wrong
}

// Search makes worlds of one kind.
type Search[S Step[S]] struct {
	// Open makes the world of a seed in a directory that is not there yet. Equal seeds give equal worlds.
	Open func(dir string, seed uint64, n *Counts) (World[S], error)
	Now  func() time.Time
}

// Failure is a wrong answer and how to get it again.
type Failure[S Step[S]] struct {
	Seed  uint64
	Steps []S
	Wrong *Wrong
}

// Explore plays cases of one seed until one is wrong; nil where none was.
func (s Search[S]) Explore(dir string, seed uint64, cases int, n *Counts) (*Failure[S], error) {
	defer os.RemoveAll(dir)
	w, err := s.Open(dir, seed, n)
	if err != nil {
		return nil, err
	}
	var history []S
	for until := n.Cases + cases; n.Cases < until; {
		for _, step := range w.Choose() {
			history = append(history, step)
			if wrong := w.Play(step); wrong != nil {
				return &Failure[S]{seed, history, wrong}, nil
			}
		}
	}
	return nil, nil
}

// replay plays given steps on the world of a seed.
func (s Search[S]) replay(dir string, seed uint64, steps []S) *Wrong {
	defer os.RemoveAll(dir)
	w, err := s.Open(dir, seed, NewCounts())
	if err != nil {
		return nil
	}
	for _, step := range steps {
		if wrong := w.Play(step); wrong != nil {
			return wrong
		}
	}
	return nil
}

// Shrink leaves out of a failure's history whatever is not needed for a wrong answer, until the deadline.
func (s Search[S]) Shrink(dir string, f *Failure[S], until time.Time) {
	try := func(steps []S) bool {
		if s.Now().After(until) {
			return false
		}
		wrong := s.replay(dir, f.Seed, steps)
		if wrong != nil {
			f.Steps, f.Wrong = steps, wrong
		}
		return wrong != nil
	}
	for size := len(f.Steps) / 2; size > 0; size /= 2 {
		for from := 0; from+size <= len(f.Steps)-1; {
			if !try(slices.Delete(slices.Clone(f.Steps), from, from+size)) {
				from += size
			}
		}
	}
	for i := 0; i < len(f.Steps); i++ {
		for part := 0; ; {
			less, ok := f.Steps[i].Without(part)
			if !ok {
				break
			}
			steps := slices.Clone(f.Steps)
			steps[i] = less
			if !try(steps) {
				part++
			}
		}
	}
}

func (f *Failure[S]) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "wrong %s (seed %d)\n", f.Wrong.What, f.Seed)
	for i, s := range f.Steps {
		fmt.Fprintf(&b, "step %d: %v\n", i+1, s)
	}
	e, inv := f.Wrong.Event, f.Wrong.Invocation
	fmt.Fprintf(&b, "outcome %s %s %s\nin %s: %s %q\nenvironment %q\n%s", e.Outcome, e.Reason, e.Detail,
		inv.Dir, inv.Program, inv.Args, inv.Env, FirstDifference(f.Wrong.Got, f.Wrong.Want))
	for _, set := range f.Wrong.Sets {
		fmt.Fprintf(&b, "input set %+v\n", *set)
	}
	return b.String()
}

// shrinkFor is how long a failure may be made smaller: it is read by somebody who waits.
const shrinkFor = 20 * time.Second

// Run searches from seed to seed, as the flags say, and fails t with what is wrong, made small. of says how a seed is searched and how many
// cases one world lives.
func Run[S Step[S]](t *testing.T, f *Flags, of func(seed uint64) (s Search[S], cases int)) *Counts {
	t.Helper()
	n, found, all := NewCounts(), 0, f.cases()
	for seed := f.Seed; n.Cases < all; seed++ {
		s, cases := of(seed)
		dir := ScratchDir(t) + "/w"
		failure, err := s.Explore(dir, seed, min(cases, all-n.Cases), n)
		if err != nil {
			t.Fatal(err)
		}
		if failure != nil {
			s.Shrink(dir, failure, s.Now().Add(shrinkFor))
			t.Error(failure)
			if found++; found == f.Found {
				break
			}
		}
	}
	t.Log(n)
	if hits, misses := n.HitsAndMisses(); hits*100 < 30*(hits+misses) {
		t.Errorf("%d hits, %d misses: the search hardly looks at hits", hits, misses)
	}
	return n
}

// Find searches, in worlds of so many cases, until something is wrong, and fails t where nothing is within a few thousand.
func (s Search[S]) Find(t *testing.T, cases int) (f *Failure[S], n *Counts) {
	t.Helper()
	const within = 3000
	n = NewCounts()
	for seed := uint64(1000); f == nil && n.Cases < within; seed++ {
		var err error
		if f, err = s.Explore(ScratchDir(t)+"/w", seed, cases, n); err != nil {
			t.Fatal(err)
		}
	}
	if f == nil {
		t.Fatalf("not found in %d cases: %v", n.Cases, n)
	}
	return f, n
}

// ScratchDir returns a directory that the test's end removes, in memory where there is such a place: a case is hundreds of calls of the
// file system and hardly anything else.
func ScratchDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "oracle")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
