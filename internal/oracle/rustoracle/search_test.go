//go:build unix

package rustoracle

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
	"github.com/compile-cache/compile-cache-action/internal/frontend/rustc"
	"github.com/compile-cache/compile-cache-action/internal/key"
)

// parts are what an engine under test is made of; omissions replace some of them.
type parts struct {
	frontend   func(frontend.Frontend) frontend.Frontend
	state      func(*key.State)
	invocation func(*compile.Invocation) // changes what the engine is told
	answer     func(*engine.Answer)      // changes what the engine answers
	focus      func(*world, int) []step  // steps to be made more often than the search would; the number counts up
	tick       time.Duration             // granularity of file times; 0 for the kernel's own
}

// bench is a world with an engine that serves it.
type bench struct {
	*world
	parts  parts
	store  *cachetest.Memory
	engine *engine.Engine
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
	reasons       map[string]int
	hits          map[string]int // by what had changed
	needless      map[string]int // misses though an equal compile was stored, by what had changed
	misses        map[string]int // all misses
}

func newCounts() *counts {
	return &counts{outcomes: map[compile.Outcome]int{}, reasons: map[string]int{}, hits: map[string]int{}, needless: map[string]int{}, misses: map[string]int{}}
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
	var fe frontend.Frontend = rustc.New()
	if b.parts.frontend != nil {
		fe = b.parts.frontend(fe)
	}
	b.engine = engine.New(engine.Config{
		Store: b.store, Tier: "memory", Frontends: []frontend.Frontend{fe}, State: state, Clock: clock,
		Scratch: func() string { b.calls++; return fmt.Sprintf("%s/scratch/%d", b.dir, b.calls) },
		Record:  func(e *compile.Event) { b.event = e },
		Now:     time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), MadeBy: "oracle",
	})
	b.made = b.restarts
}

// client is the wrapper of one invocation; its compiler is the model.
type client struct {
	b      *bench
	inv    *compile.Invocation
	during map[Moment][]op
	early  []byte
	mapped bool    // paths were mapped
	ran    *Answer // what the compiler did, if it ran
}

func (c *client) call(program string, args, env []string) *Call {
	return &Call{Program: program, Args: args, Dir: c.inv.Dir, Env: append(slices.Clone(env), c.inv.Env...), Umask: c.inv.Umask}
}

// Probe implements frontend.Prober.
func (c *client) Probe(_ context.Context, argv, env []string) (frontend.ProbeResult, error) {
	a := c.call(argv[0], argv[1:], env).Answer()
	return frontend.ProbeResult{Status: a.Status, Stdout: a.Stdout, Stderr: a.Stderr}, nil
}

// Early and Away implement engine.Client.
func (c *client) Early(_, stderr []byte) error {
	c.early = append(c.early, stderr...)
	return nil
}
func (*client) Away() {}

// Run implements engine.Client.
func (c *client) Run(_ context.Context, run engine.Run) (engine.Ran, error) {
	args := run.Args
	if args == nil {
		args = c.inv.Args
	}
	c.mapped = slices.ContainsFunc(args, func(a string) bool { return strings.Contains(a, "=/compile-cache/") }) // not by a user's flags alone
	call := c.call(c.inv.Program, args, nil)
	call.Reached = func(m Moment) {
		for _, o := range c.during[m] {
			c.b.apply(o)
		}
	}
	a := call.Run()
	for i := 0; i+1 < len(run.Unmap) && run.Capture; i += 2 {
		a.Stderr = bytes.ReplaceAll(a.Stderr, []byte(run.Unmap[i]), []byte(run.Unmap[i+1]))
	}
	c.ran = &a
	ran := engine.Ran{Status: a.Status, Wall: time.Millisecond, CPU: time.Millisecond, Captured: run.Capture}
	if ran.Captured {
		ran.Stdout, ran.Stderr = a.Stdout, a.Stderr
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

// play makes a step's changes and compiles the crates in order.
func (b *bench) play(s step) *wrong {
	for _, o := range s.ops {
		b.apply(o)
	}
	if b.restarts != b.made {
		b.start()
	}
	for _, u := range b.units {
		if s.only != "" && s.only != u.name {
			continue
		}
		if w := b.compile(s, u); w != nil {
			return w
		}
	}
	return nil
}

// plain is what the compiler alone does, with the engine's maps or without.
func (c *client) plain(maps [][2]string) Answer {
	var args []string
	for _, m := range maps {
		args = append(args, "--remap-path-prefix="+m[0]+"="+m[1])
	}
	a := c.call(c.inv.Program, append(args, c.inv.Args...), nil).Answer()
	for _, m := range maps {
		a.Stderr = bytes.ReplaceAll(a.Stderr, []byte(m[1]), []byte(m[0]))
	}
	return a
}

// compile is one case.
func (b *bench) compile(s step, u *unit) *wrong {
	inv := b.invocation(u)
	c := &client{b: b, inv: inv}
	if s.racing == u.name {
		c.during = s.during
	}
	wantMapped := c.plain(b.maps(u))
	want := wantMapped
	if b.mapped {
		want = c.plain(nil)
	}
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
	if c.ran == nil || c.mapped {
		want = wantMapped
	}
	b.count(s, u, inv, want)
	if c.ran != nil && len(c.during) > 0 {
		return nil // what the compiler made of that is its own; the next step tells what was kept of it
	}
	got := engine.Replay{}
	switch {
	case answer.Replay != nil:
		got = *answer.Replay
		got.Stderr = append(c.early, got.Stderr...)
	case c.ran != nil:
		got = engine.Replay{Status: c.ran.Status, Stdout: c.ran.Stdout, Stderr: c.ran.Stderr}
	}
	differs := func(what, got, want string) *wrong {
		w := &wrong{what: u.name + ": " + what, got: got, want: want, event: *b.event, inv: inv}
		if id, err := digest.ParseKey(b.event.Compilation); err == nil {
			w.sets, _ = b.store.InputSets(context.Background(), id)
		}
		return w
	}
	switch {
	case answer.Replay == nil && c.ran == nil:
		return differs("neither replayed nor run", "", "")
	case got.Status != want.Status:
		return differs("status", fmt.Sprint(got.Status, " ", string(got.Stderr)), fmt.Sprint(want.Status, " ", string(want.Stderr)))
	case string(got.Stderr) != string(want.Stderr):
		return differs("stderr", string(got.Stderr), string(want.Stderr))
	case string(got.Stdout) != string(want.Stdout):
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
		if got := mode(f.Path); got != modes[i] {
			return differs("mode of "+f.Path, got.String(), modes[i].String())
		}
	}
	return nil
}

// prepare makes old outputs stale, and returns the modes that new ones must have.
func (b *bench) prepare(s step, want Answer, umask uint32) []fs.FileMode {
	modes := make([]fs.FileMode, len(want.Files))
	for i, f := range want.Files {
		switch s.stale {
		case "removed":
			_ = os.Remove(f.Path)
		case "other mode":
			_ = os.Chmod(f.Path, 0o640)
		}
		modes[i] = f.Mode(umask)
	}
	return modes
}

// count takes a case into the counts.
func (b *bench) count(s step, u *unit, inv *compile.Invocation, want Answer) {
	n := b.counts
	n.cases++
	n.outcomes[b.event.Outcome]++
	if b.event.Outcome == compile.Uncacheable {
		n.reasons[string(b.event.Reason)]++
	}
	if b.event.NotStored != "" {
		n.reasons["not stored: "+b.event.NotStored]++
	}
	if want.Status != 0 {
		n.failed++
	}
	var same strings.Builder
	fmt.Fprintf(&same, "%d\n%s\n%s\n%q\n", want.Status, want.Stdout, want.Stderr, inv.Args)
	for _, f := range want.Files {
		same.WriteString(f.Path + sum(f.Data))
	}
	id := sum([]byte(same.String()))
	kind := "nothing"
	for _, o := range s.ops {
		kind = o.kind
	}
	switch {
	case len(s.ops) > 1 && s.ops[0].kind != kind:
		kind = "several"
	case len(s.ops) == 1 && s.ops[0].a == u.name:
		kind = "own " + kind
	}
	switch b.event.Outcome {
	case compile.Hit:
		n.hits[kind]++
	case compile.Miss:
		if s.racing == u.name {
			return
		}
		n.misses[kind]++
		if b.known[id] {
			n.needless[kind]++
		}
		if b.event.NotStored == "" {
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

// explore plays cases of one seed until one is wrong; nil where none was.
func explore(dir string, seed uint64, cases int, p parts, n *counts) (*found, error) {
	defer os.RemoveAll(dir)
	b, rng, err := newBench(dir, seed, p, n)
	if err != nil {
		return nil, err
	}
	history := []step{{}}
	if w := b.play(step{}); w != nil {
		return &found{seed, history, w}, nil
	}
	for turn, until := 0, n.cases+cases; n.cases < until; turn++ {
		next := b.choose(rng)
		if p.focus != nil && turn%3 == 0 {
			next = p.focus(b.world, turn/3)
		}
		for _, s := range next {
			history = append(history, s)
			if w := b.play(s); w != nil {
				return &found{seed, history, w}, nil
			}
		}
	}
	return nil, nil
}
