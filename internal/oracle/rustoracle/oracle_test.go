//go:build unix

package rustoracle

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

// scratchDir returns a directory that the test's end removes, in memory where there is such a place: a case is hundreds of calls of the
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

// worldCases is how long one world lives: then files have piled up, and another workspace is more of a test.
const worldCases = 250

// TestNoWrongCrate is the search.
func TestNoWrongCrate(t *testing.T) {
	cases := *caseCount
	if cases == 0 {
		cases = 20_000
		if testing.Short() {
			cases = 2_000
		}
	}
	n, wrongs := newCounts(), 0
	for seed := *firstSeed; n.cases < cases; seed++ {
		dir := scratchDir(t) + "/w"
		p := parts{}
		if seed%12 == 5 {
			p.tick = 10 * time.Millisecond
		}
		f, err := explore(dir, seed, min(worldCases, cases-n.cases), p, n)
		if err != nil {
			t.Fatal(err)
		}
		if f != nil {
			f.shrink(dir, p, time.Now().Add(20*time.Second))
			t.Error(f)
			if wrongs++; wrongs == *maxFound {
				break
			}
		}
	}
	t.Log(n)
	if hits, misses := n.outcomes[compile.Hit], n.outcomes[compile.Miss]; hits*100 < 30*(hits+misses) {
		t.Errorf("%d hits, %d misses: the search hardly looks at hits", hits, misses)
	}
	// Misses are needless, though an equal compile was stored, where a crate changed that is named and not used, where a variable changed
	// and a macro reads some, where a file changed that a macro might have read, and where an archive lies beside the one
	// that was bundled: here a fifth of all. Where only a crate's own options changed it is one in twenty.
	needless, all, own, ofOwn := 0, 0, 0, 0
	for kind, misses := range n.misses {
		needless, all = needless+n.needless[kind], all+misses
		if strings.HasPrefix(kind, "own ") {
			own, ofOwn = own+n.needless[kind], ofOwn+misses
		}
	}
	if needless*100 > 30*all || own*100 > 15*ofOwn && ofOwn > 50 {
		t.Errorf("%d of %d misses were needless, and %d of %d where the crate's own options changed", needless, all, own, ofOwn)
	}
}

func (n *counts) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d cases, %d of them failing compiles\noutcomes: %v\nnot cached: %v\n", n.cases, n.failed, n.outcomes, n.reasons)
	b.WriteString("by what had changed: hits, misses, needless misses\n")
	kinds := maps.Clone(n.misses)
	maps.Copy(kinds, n.hits)
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		fmt.Fprintf(&b, "\t%-10s %5d %5d %3d\n", kind, n.hits[kind], n.misses[kind], n.needless[kind])
	}
	return b.String()
}
