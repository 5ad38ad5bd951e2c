//go:build unix

package rustoracle

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// found is a wrong answer and how to get it again.
type found struct {
	seed  uint64
	steps []step
	wrong *wrong
}

// replay plays given steps on the world of a seed.
func replay(dir string, seed uint64, steps []step, p parts) *wrong {
	defer os.RemoveAll(dir)
	b, _, err := newBench(dir, seed, p, newCounts())
	if err != nil {
		return nil
	}
	for _, s := range steps {
		if w := b.play(s); w != nil {
			return w
		}
	}
	return nil
}

// shrink leaves out of a history whatever is not needed for a wrong answer, until the deadline.
func (f *found) shrink(dir string, p parts, until time.Time) {
	try := func(steps []step) bool {
		if time.Now().After(until) {
			return false
		}
		w := replay(dir, f.seed, steps, p)
		if w != nil {
			f.steps, f.wrong = steps, w
		}
		return w != nil
	}
	for size := len(f.steps) / 2; size > 0; size /= 2 {
		for from := 0; from+size <= len(f.steps)-1; {
			if !try(slices.Delete(slices.Clone(f.steps), from, from+size)) {
				from += size
			}
		}
	}
	for i := 0; i < len(f.steps); i++ {
		for j := 0; j < len(f.steps[i].ops); {
			steps := slices.Clone(f.steps)
			steps[i].ops = slices.Delete(slices.Clone(steps[i].ops), j, j+1)
			if !try(steps) {
				j++
			}
		}
		if f.steps[i].stale != "" {
			steps := slices.Clone(f.steps)
			steps[i].stale = ""
			try(steps)
		}
	}
}

func (f *found) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "wrong %s (seed %d)\n", f.wrong.what, f.seed)
	for i, s := range f.steps {
		fmt.Fprintf(&b, "step %d: %v\n", i+1, s)
	}
	e := f.wrong.event
	fmt.Fprintf(&b, "outcome %s %s %s\nin %s: %s %q\nenvironment %q\n%s", e.Outcome, e.Reason, e.Detail,
		f.wrong.inv.Dir, f.wrong.inv.Program, f.wrong.inv.Args, f.wrong.inv.Env, firstDifference(f.wrong.got, f.wrong.want))
	for _, set := range f.wrong.sets {
		fmt.Fprintf(&b, "input set %+v\n", *set)
	}
	return b.String()
}

// firstDifference shows where two texts part.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := 0; i < len(g) || i < len(w); i++ {
		a, b := "(end)", "(end)"
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			return fmt.Sprintf("line %d:\n got: %.600q\nwant: %.600q\n", i+1, a, b)
		}
	}
	return "(equal)\n"
}
