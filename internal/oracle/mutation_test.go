//go:build unix

package oracle

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/oracle/search"
)

// op is one change of a world. Ops are plain data, so that a history can be replayed with some of it left out; what cannot be done
// then is not done.
type op struct {
	kind string
	a, b string // paths below the world's directory, names, values
	n    int
	list [][]string
}

func (o op) change() search.Change { return search.Change{Kind: o.kind, A: o.a, B: o.b, N: o.n} }

func (o op) String() string {
	if o.list != nil {
		return fmt.Sprint(o.change(), " ", o.list)
	}
	return o.change().String()
}

// apply makes the change.
func (w *world) apply(o op) {
	if o.change().Apply(w.dir, time.Now()) {
		return
	}
	switch o.kind {
	case "setenv":
		w.env.Set(o.a, o.b)
	case "unset":
		w.env.Unset(o.a)
	case "flags":
		w.flags = o.list
	case "at":
		w.at = o.n
	case "cwd":
		w.cwd = o.a
	case "source":
		w.source = o.a
	case "absolute":
		w.absolute = o.n != 0
	case "output":
		w.output = o.a
	case "driver":
		w.driver = o.a
	case "umask":
		w.umask = uint32(o.n)
	case "columns":
		w.columns = o.n
	case "clock":
		w.clock += o.n
	case "restart":
		w.restarts++
	}
}

// step is what happens between two compiles, and during the second of them.
type step struct {
	ops    []op
	during map[Moment][]op
	rival  Moment // when another compile writes the same output
	cut    bool   // the compiler's messages are not captured whole
	stale  string // what becomes of old outputs: "" removed, "keep", "empty"
}

func (s step) String() string {
	var parts []string
	for _, o := range s.ops {
		parts = append(parts, o.String())
	}
	for _, m := range []Moment{Started, Opened, Read, Written} {
		for _, o := range s.during[m] {
			parts = append(parts, string(m)+": "+o.String())
		}
	}
	if s.rival != "" {
		parts = append(parts, string(s.rival)+": another compile of the same output")
	}
	if s.cut {
		parts = append(parts, "messages cut")
	}
	if s.stale != "" {
		parts = append(parts, "outputs "+s.stale)
	}
	return "{" + strings.Join(parts, "; ") + "}"
}

// Without implements search.Step: parts are the changes, and last what becomes of old outputs.
func (s step) Without(i int) (step, bool) {
	switch {
	case i < len(s.ops):
		s.ops = slices.Delete(slices.Clone(s.ops), i, i+1)
	case i == len(s.ops) && s.stale != "":
		s.stale = ""
	default:
		return s, false
	}
	return s, true
}

// choose makes up the next steps, most often one. Where the last compile could not be cached because of its options, they are
// usually taken back: nothing is learnt from the like.
func (w *world) choose(rng *rand.Rand, last *compile.Event) []step {
	if last != nil && last.Outcome == compile.Uncacheable && rng.IntN(3) > 0 {
		switch last.Reason {
		case compile.ReasonArguments, compile.ReasonOption:
			return []step{{ops: []op{{kind: "flags", list: [][]string{{"-I", "{r}/inc0"}, {"-I{r}/inc1"}}}}}}
		case compile.ReasonPCH:
			return []step{{ops: []op{{kind: "remove", a: strings.TrimPrefix(filepath.Clean(last.Detail), w.dir+"/")}}}}
		case compile.ReasonTimeMacro:
			p := fmt.Sprintf("p%d/co/%s", w.at, w.source)
			return []step{{ops: []op{{kind: "write", a: p, b: w.chooseText(rng, p)}}}}
		}
	}
	s := step{stale: []string{"", "", "", "keep", "empty"}[rng.IntN(5)]}
	switch n := rng.IntN(100); {
	case n < 12: // nothing changes
		return []step{s}
	case n < 20: // during the compile
		return w.chooseDuring(rng, s)
	case n < 22:
		s.rival = []Moment{Started, Read, Written}[rng.IntN(3)]
		s.ops = append(s.ops, w.chooseOps(rng)...)
		return []step{s, {}}
	case n < 23:
		s.cut = true
		s.ops = append(s.ops, w.chooseOps(rng)...)
		return []step{s, {}}
	}
	for range 1 + rng.IntN(2)*rng.IntN(2) {
		s.ops = append(s.ops, w.chooseOps(rng)...)
	}
	if rng.IntN(4) == 0 {
		return []step{s, {stale: "keep"}}
	}
	return []step{s}
}

// chooseDuring changes something in the middle of a compile, and often changes it back. What was compiled last is made new
// first, so that the compiler runs.
func (w *world) chooseDuring(rng *rand.Rand, s step) []step {
	flags := slices.DeleteFunc(slices.Clone(w.flags), func(f []string) bool { return strings.HasPrefix(f[0], "-DFRESH") })
	s.ops = append(s.ops, op{kind: "flags", list: append(flags, []string{fmt.Sprintf("-DFRESH%d", rng.IntN(1000))})})
	p := w.chooseHeader(rng)
	old, err := os.ReadFile(filepath.Join(w.dir, p))
	if err != nil && slices.Contains(optional, filepath.Base(p)) {
		// Of a file that only a __has_include sees, for a moment, nothing is left to be seen: a known gap.
		p = w.existing(rng)
		old, err = os.ReadFile(filepath.Join(w.dir, p))
	}
	text := w.chooseText(rng, p)
	if err != nil {
		// A twin of another header, for a moment, would be a known gap too: gcc does not list it.
		text += fmt.Sprintf("int only_now_%d;\n", rng.IntN(1000))
	}
	at := []Moment{Started, Opened}[rng.IntN(2)]
	var do, undo []op
	switch rng.IntN(6) {
	case 0, 1:
		do, undo = []op{{kind: "write", a: p, b: text}}, []op{{kind: "write", a: p, b: string(old)}}
		if err != nil {
			undo = []op{{kind: "remove", a: p}}
		}
	case 2: // moved away and back
		do = []op{{kind: "rename", a: p, b: p + ".away"}, {kind: "write", a: p, b: text}}
		undo = []op{{kind: "remove", a: p}, {kind: "rename", a: p + ".away", b: p}}
	case 3: // a directory swapped and swapped back
		d1, d2 := fmt.Sprintf("p%d/co/inc0", w.at), fmt.Sprintf("p%d/co/inc%d", w.at, 1+rng.IntN(2))
		do = []op{{kind: "swap", a: d1, b: d2}}
		undo = do
	case 4: // a link led elsewhere and back
		l := fmt.Sprintf("p%d/co/link", w.at)
		target, _ := os.Readlink(filepath.Join(w.dir, l))
		do = []op{{kind: "link", a: l, b: "inc" + fmt.Sprint(rng.IntN(3))}}
		undo = []op{{kind: "link", a: l, b: target}}
	case 5: // a tool replaced
		do = []op{{kind: "replace", a: "bin/as", b: string(Image(fmt.Sprint("as ", rng.IntN(3))))}}
		undo = []op{{kind: "replace", a: "bin/as", b: readText(w, "bin/as")}}
	}
	s.during = map[Moment][]op{at: do}
	if rng.IntN(4) > 0 {
		s.during[[]Moment{Read, Written}[rng.IntN(2)]] = undo
	}
	return []step{s, {}}
}

func readText(w *world, p string) string {
	b, _ := os.ReadFile(filepath.Join(w.dir, p))
	return string(b)
}
