//go:build unix

package oracle

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

var (
	caseCount = flag.Int("oracle.cases", 0, "number of cases; 0 for 20,000, or 2,000 with -short")
	maxFound  = flag.Int("oracle.found", 1, "stop after so many wrong answers")
	firstSeed = flag.Uint64("oracle.seed", 1, "first seed")
)

func TestMain(m *testing.M) {
	// The model gives each file the mode that its caller's umask leaves.
	syscall.Umask(0)
	os.Exit(m.Run())
}

// scratchDir returns a directory that the test's end removes, in memory where there is such a place: a case is a hundred calls of the
// file system and hardly anything else.
func scratchDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "oracle")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// TestNoWrongObject is the search.
func TestNoWrongObject(t *testing.T) {
	cases := *caseCount
	if cases == 0 {
		cases = 20_000
		if testing.Short() {
			cases = 2_000
		}
	}
	n, found := newCounts(), 0
	for seed := *firstSeed; n.cases < cases; seed++ {
		p := parts{}
		steps := worldSteps
		switch seed % 12 {
		case 5:
			p.tick = 10 * time.Millisecond
		case 11:
			p.tick, steps = time.Second, 30 // nothing is stored within a second of its edit
		}
		dir := scratchDir(t) + "/w"
		f, err := explore(dir, seed, min(steps, cases-n.cases), p, n)
		if err != nil {
			t.Fatal(err)
		}
		if f != nil {
			f.shrink(dir, p, time.Now().Add(20*time.Second))
			t.Error(f)
			if found++; found == *maxFound {
				break
			}
		}
	}
	t.Log(n)
	hits, misses := n.outcomes[compile.Hit], n.outcomes[compile.Miss]
	if hits*100 < 30*(hits+misses) {
		t.Errorf("%d hits, %d misses: the search hardly looks at hits", hits, misses)
	}
	needless, all := 0, 0
	for _, kind := range pinned {
		needless += n.needless[kind]
		all += n.misses[kind]
	}
	if needless*100 > all {
		t.Errorf("%d of %d misses were needless where %v changed", needless, all, pinned)
	}
}

// pinned are the changes after which at most one miss in a hundred may be needless. Changed files miss needlessly more often: a
// header in a branch that was not taken is edited, a twin that was skipped. In all it is three in a hundred.
var pinned = []string{"absolute", "at", "clock", "columns", "cwd", "driver", "flags", "output", "setenv", "source", "umask", "unset"}

func (n *counts) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d cases, %d of them failing compiles\noutcomes: %v\nreasons: %v\n", n.cases, n.failed, n.outcomes, n.reasons)
	b.WriteString("by what had changed: hits, misses, needless misses\n")
	kinds := maps.Clone(n.misses)
	maps.Copy(kinds, n.hits)
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		fmt.Fprintf(&b, "\t%-10s %5d %5d %3d\n", kind, n.hits[kind], n.misses[kind], n.needless[kind])
	}
	return b.String()
}
