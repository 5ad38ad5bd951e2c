package search

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// Counts are what a search met.
type Counts struct {
	Cases, Failed int
	Outcomes      map[compile.Outcome]int
	Reasons       map[string]int
	Hits          map[string]int // by what had changed
	Needless      map[string]int // misses though an equal compile was stored, by what had changed
	Misses        map[string]int // all misses
}

// NewCounts returns counts of nothing.
func NewCounts() *Counts {
	return &Counts{
		Outcomes: map[compile.Outcome]int{}, Reasons: map[string]int{}, Hits: map[string]int{}, Needless: map[string]int{}, Misses: map[string]int{},
	}
}

// HitsAndMisses returns the numbers of these outcomes.
func (n *Counts) HitsAndMisses() (hits, misses int) {
	return n.Outcomes[compile.Hit], n.Outcomes[compile.Miss]
}

func (n *Counts) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d cases, %d of them failing compiles\noutcomes: %v\nreasons: %v\n", n.Cases, n.Failed, n.Outcomes, n.Reasons)
	b.WriteString("by what had changed: hits, misses, needless misses\n")
	kinds := maps.Clone(n.Misses)
	maps.Copy(kinds, n.Hits)
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		fmt.Fprintf(&b, "\t%-10s %5d %5d %3d\n", kind, n.Hits[kind], n.Misses[kind], n.Needless[kind])
	}
	return b.String()
}

// Case is one compile, for the counts.
type Case struct {
	Kind   string // what had changed before it
	Call   string // what of the call makes two compiles different ones, though the plain compiler does the same
	Raced  bool   // something changed during it: nobody knows whether a miss was needless
	Shared bool   // another compile wrote the same output meanwhile: nothing may have been stored
}

// Count takes the engine's last answer into the counts. plain is what the compiler alone does.
func (s *Served) Count(c Case, plain Plain) {
	n, e := s.Counts, s.Event
	n.Cases++
	n.Outcomes[e.Outcome]++
	if e.Outcome != compile.Hit {
		n.Reasons[string(e.Reason)]++
	}
	if e.NotStored != "" {
		n.Reasons["not stored: "+e.NotStored]++
	}
	if plain.Status != 0 {
		n.Failed++
	}
	switch {
	case e.Outcome == compile.Hit:
		n.Hits[c.Kind]++
	case e.Outcome == compile.Miss && !c.Raced:
		same := plain.sum(c.Call)
		n.Misses[c.Kind]++
		if s.known[same] {
			n.Needless[c.Kind]++
		}
		if e.NotStored == "" && !c.Shared {
			s.known[same] = true
		}
	}
}

// sum is equal for two compiles that are the same in all that can be seen of them.
func (p Plain) sum(call string) [sha256.Size]byte {
	h := sha256.New()
	fmt.Fprintf(h, "%q %d %q %q\n", call, p.Status, p.Stdout, p.Stderr)
	for _, f := range p.Files {
		fmt.Fprintf(h, "%q %x\n", f.Path, sha256.Sum256(f.Data))
	}
	return [sha256.Size]byte(h.Sum(nil))
}
