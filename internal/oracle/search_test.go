//go:build unix

package oracle

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/cachetest"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/engine"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/cc"
	"github.com/compile-cache/compile-cache-action/internal/key"
)

// parts are what an engine under test is made of; omissions replace some of them.
type parts struct {
	frontend   func(frontend.Frontend) frontend.Frontend
	state      func(*key.State)
	invocation func(*compile.Invocation) // changes what the engine is told
	answer     func(*engine.Answer)      // changes what the engine answers
	believed   bool                      // what is captured is taken as whole
	apart      bool                      // a second engine on the same store compiles what is compiled at once
	focus      func(*world) []op         // changes to be made more often than the search would
	tick       time.Duration             // granularity of file times; 0 for the kernel's own
}

// bench is a world with an engine that serves it.
type bench struct {
	*world
	parts  parts
	store  *cachetest.Memory
	engine *engine.Engine
	other  *engine.Engine
	event  *compile.Event
	made   int // restarts that the engine has seen
	calls  int
	known  map[string]bool // what was stored, by everything that a plain compiler would say and write
	counts *counts
}

// counts are what a search met.
type counts struct {
	cases, failed int
	outcomes      map[compile.Outcome]int
	reasons       map[compile.ReasonID]int
	hits          map[string]int // by what had changed
	needless      map[string]int // misses though an equal compile was stored, by what had changed
	misses        map[string]int // all misses
}

func newCounts() *counts {
	return &counts{outcomes: map[compile.Outcome]int{}, reasons: map[compile.ReasonID]int{}, hits: map[string]int{}, needless: map[string]int{}, misses: map[string]int{}}
}

func (b *bench) start() {
	state := key.NewState(time.Now)
	clock := key.Clock{Path: filepath.Join(b.dir, "clock")}
	state.Fine = clock.TestTimes()
	if tick := b.parts.tick; tick > 0 {
		state.Fine = false
		state.Adjust = func(fi frontend.FileInfo) frontend.FileInfo {
			fi.Mtime -= fi.Mtime % int64(tick)
			fi.Ctime -= fi.Ctime % int64(tick)
			return fi
		}
	}
	if b.parts.state != nil {
		b.parts.state(state)
	}
	var fe frontend.Frontend = cc.New()
	if b.parts.frontend != nil {
		fe = b.parts.frontend(fe)
	}
	b.engine = engine.New(engine.Config{
		Store: b.store, Tier: "memory", Frontends: []frontend.Frontend{fe}, State: state, Clock: clock,
		Scratch: func() string { b.calls++; return fmt.Sprintf("%s/scratch/%d", b.dir, b.calls) },
		Record:  func(e *compile.Event) { b.event = e },
		Now:     time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), MadeBy: "oracle",
	})
	b.other = engine.New(b.engine.Config)
	b.made = b.restarts
}

// client is the wrapper of one invocation; its compiler is the model.
type client struct {
	b    *bench
	inv  *compile.Invocation
	step step
	ran  *Answer // what the compiler did, if it ran
}

func (c *client) call(program string, args, env []string) *Call {
	return &Call{
		Program: program, Args: args, Dir: c.inv.Dir, Env: append(slices.Clone(env), c.inv.Env...),
		Umask: c.inv.Umask, Columns: c.inv.Columns, Now: c.b.now,
	}
}

// Probe implements frontend.Prober.
func (c *client) Probe(_ context.Context, argv, env []string) (frontend.ProbeResult, error) {
	call := c.call(argv[0], argv[1:], env)
	call.Columns = 0
	a := call.Answer()
	return frontend.ProbeResult{Status: a.Status, Stdout: a.Stdout, Stderr: a.Stderr}, nil
}

// Early and Away implement engine.Client.
func (*client) Early(_, _ []byte) error { return nil }
func (*client) Away()                   {}

// Run implements engine.Client.
func (c *client) Run(ctx context.Context, run engine.Run) (engine.Ran, error) {
	args := run.Args
	if args == nil {
		args = c.inv.Args
	}
	call := c.call(c.inv.Program, args, nil)
	call.Reached = func(m Moment) {
		for _, o := range c.step.during[m] {
			c.b.apply(o)
		}
		if c.step.rival == m {
			rival := *c.inv
			rival.Args = append([]string{"-DRIVAL"}, rival.Args...)
			event := c.b.event
			serving := c.b.engine
			if c.b.parts.apart {
				serving = c.b.other
			}
			serving.Handle(ctx, &rival, &client{b: c.b, inv: &rival})
			c.b.event = event
		}
	}
	a := call.Run()
	c.ran = &a
	ran := engine.Ran{Status: a.Status, Wall: time.Millisecond, CPU: time.Millisecond, Captured: run.Capture && !c.step.cut}
	if ran.Captured {
		ran.Stdout, ran.Stderr = a.Stdout, a.Stderr
	} else {
		ran.Captured = run.Capture && c.b.parts.believed
		ran.Stdout, ran.Stderr = a.Stdout[:len(a.Stdout)/2], a.Stderr[:len(a.Stderr)/2]
	}
	return ran, nil
}

// wrong is a difference between the plain compiler and the engine.
type wrong struct {
	sets      []*compile.InputSet // of the compilation
	what      string
	got, want string
	event     compile.Event
	inv       *compile.Invocation
}

// play makes a step's changes, compiles, and compares.
func (b *bench) play(s step) *wrong {
	for _, o := range s.ops {
		b.apply(o)
	}
	if b.restarts != b.made {
		b.start()
	}
	inv := b.invocation()
	c := &client{b: b, inv: inv, step: s}
	want := c.call(inv.Program, inv.Args, nil).Answer()
	modes := b.prepare(s, want, inv.Umask)
	told := *inv
	if b.parts.invocation != nil {
		b.parts.invocation(&told)
	}
	answer := b.engine.Handle(context.Background(), &told, c)
	if b.parts.answer != nil {
		b.parts.answer(&answer)
	}
	if answer.Exec {
		_, _ = c.Run(context.Background(), engine.Run{})
	}
	b.count(s, want)
	if c.ran != nil && (len(s.during) > 0 || s.rival != "") {
		return nil // what the compiler made of that is its own; the next step tells what was kept of it
	}
	got := engine.Replay{}
	switch {
	case answer.Replay != nil:
		got = *answer.Replay
	case c.ran != nil:
		got = engine.Replay{Status: c.ran.Status, Stdout: c.ran.Stdout, Stderr: c.ran.Stderr}
	}
	differs := func(what, got, want string) *wrong {
		w := &wrong{what: what, got: got, want: want, event: *b.event, inv: inv}
		if id, err := digest.ParseKey(b.event.Compilation); err == nil {
			w.sets, _ = b.store.InputSets(context.Background(), id)
		}
		return w
	}
	if answer.Replay == nil && c.ran == nil {
		return differs("neither replayed nor run", "", "")
	}
	if got.Status != want.Status {
		return differs("status", fmt.Sprint(got.Status, " ", string(got.Stderr)), fmt.Sprint(want.Status, " ", string(want.Stderr)))
	}
	if string(got.Stderr) != string(want.Stderr) {
		return differs("stderr", string(got.Stderr), string(want.Stderr))
	}
	if string(got.Stdout) != string(want.Stdout) {
		return differs("stdout", string(got.Stdout), string(want.Stdout))
	}
	for i, f := range want.Files {
		data, err := os.ReadFile(f.Path)
		if err != nil {
			return differs(f.Path, err.Error(), "a file")
		}
		if !bytes.Equal(data, f.Data) {
			return differs(f.Path, string(data), string(f.Data))
		}
		if fi, err := os.Stat(f.Path); err != nil || fi.Mode().Perm() != modes[i] {
			return differs("mode of "+f.Path, fi.Mode().String(), modes[i].String())
		}
	}
	return nil
}

// prepare makes old outputs stale, and returns the modes that new ones must have.
func (b *bench) prepare(s step, want Answer, umask uint32) []fs.FileMode {
	modes := make([]fs.FileMode, len(want.Files))
	for i, f := range want.Files {
		if fi, err := os.Lstat(f.Path); err == nil && !fi.Mode().IsRegular() {
			continue
		}
		switch s.stale {
		case "":
			_ = os.Remove(f.Path)
		case "empty":
			_ = os.Remove(f.Path)
			_ = os.WriteFile(f.Path, nil, 0o600)
		case "keep":
			_ = os.Chmod(f.Path, 0o640)
		}
		modes[i] = f.Mode(umask)
	}
	return modes
}

// count takes a case into the counts.
func (b *bench) count(s step, want Answer) {
	n := b.counts
	n.cases++
	n.outcomes[b.event.Outcome]++
	if b.event.Outcome != compile.Hit {
		n.reasons[b.event.Reason]++
	}
	if want.Status != 0 {
		n.failed++
	}
	var same strings.Builder
	fmt.Fprintf(&same, "%d %s\n%s\n%s\n%v\n", b.at, b.dir, want.Stdout, want.Stderr, b.invocation())
	for _, f := range want.Files {
		same.WriteString(f.Path + sum(f.Data))
	}
	id := sum([]byte(same.String()))
	kind := "nothing"
	for _, o := range s.ops {
		kind = o.kind
	}
	if len(s.ops) > 1 {
		kind = "several"
		if s.ops[0].kind == s.ops[1].kind && len(s.ops) == 2 {
			kind = s.ops[0].kind
		}
	}
	if b.event.Outcome == compile.Hit {
		n.hits[kind]++
	}
	if b.event.Outcome == compile.Miss && len(s.during) == 0 {
		n.misses[kind]++
		if b.known[id] {
			n.needless[kind]++
		}
		if b.event.NotStored == "" && s.rival == "" {
			b.known[id] = true
		}
	}
}

// newBench makes the world of a seed.
func newBench(dir string, seed uint64, p parts, n *counts) (*bench, *rand.Rand, error) {
	rng := rand.New(rand.NewPCG(seed, 1))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, err
	}
	w, err := newWorld(dir, rng)
	if err != nil {
		return nil, nil, err
	}
	b := &bench{world: w, parts: p, store: &cachetest.Memory{}, counts: n, known: map[string]bool{}}
	b.start()
	return b, rng, nil
}

// failure is a wrong answer and how to get it again.
type failure struct {
	seed  uint64
	steps []step
	wrong *wrong
}

// worldSteps is how long one world lives: then files have piled up, and another project is more of a test.
const worldSteps = 150

// explore plays cases of one seed until one is wrong; nil where none was.
func explore(dir string, seed uint64, cases int, p parts, n *counts) (*failure, error) {
	defer os.RemoveAll(dir)
	b, rng, err := newBench(dir, seed, p, n)
	if err != nil {
		return nil, err
	}
	var history []step
	for done := 0; done < cases; {
		next := b.choose(rng, b.event)
		if p.focus != nil && done%4 == 0 {
			next = []step{{ops: p.focus(b.world)}, {ops: b.chooseOps(rng)}}
		}
		for _, s := range next {
			history = append(history, s)
			done++
			if w := b.play(s); w != nil {
				return &failure{seed, history, w}, nil
			}
		}
	}
	return nil, nil
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
func (f *failure) shrink(dir string, p parts, until time.Time) {
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

func (f *failure) String() string {
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
			return fmt.Sprintf("line %d:\n got: %.300q\nwant: %.300q\n", i+1, a, b)
		}
	}
	return "(equal)\n"
}
