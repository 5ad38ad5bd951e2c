//go:build unix

package oracle

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/engine"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/cc"
	"github.com/compile-cache/compile-cache-action/internal/oracle/search"
)

// parts are what an engine under test is made of, and what its clients do; omissions replace some of them.
type parts struct {
	search.Parts
	believed bool              // what is captured is taken as whole
	apart    bool              // a second engine on the same store compiles what is compiled at once
	focus    func(*world) []op // changes to be made more often than the search would
}

// bench is a world with an engine that serves it.
type bench struct {
	*world
	search.Served
	rng   *rand.Rand
	parts parts
	other *engine.Engine
	made  int // restarts that the engine has seen
	first int // cases that were counted before this world
}

// searching is the search in worlds whose engines are made of p.
func searching(p parts) search.Search[step] {
	return search.Search[step]{Now: time.Now, Open: func(dir string, seed uint64, n *search.Counts) (search.World[step], error) {
		rng := rand.New(rand.NewPCG(seed, 1))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		w, err := newWorld(dir, rng)
		if err != nil {
			return nil, err
		}
		b := &bench{world: w, rng: rng, parts: p, first: n.Cases}
		b.Served = search.Served{Dir: dir, Parts: p.Parts, Make: func() frontend.Frontend { return cc.New() }, Now: time.Now, Counts: n}
		b.start()
		return b, nil
	}}
}

func (b *bench) start() {
	b.Start()
	b.other = engine.New(b.Engine.Config)
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
			event := c.b.Event
			serving := c.b.Engine
			if c.b.parts.apart {
				serving = c.b.other
			}
			serving.Handle(ctx, &rival, &client{b: c.b, inv: &rival})
			c.b.Event = event
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

// Choose implements search.World.
func (b *bench) Choose() []step {
	next := b.choose(b.rng, b.Event)
	if b.parts.focus != nil && (b.Counts.Cases-b.first)%4 == 0 {
		next = []step{{ops: b.parts.focus(b.world)}, {ops: b.chooseOps(b.rng)}}
	}
	return next
}

// Play implements search.World: each step is one compile.
func (b *bench) Play(s step) *search.Wrong {
	for _, o := range s.ops {
		b.apply(o)
	}
	if b.restarts != b.made {
		b.start()
	}
	inv := b.invocation()
	c := &client{b: b, inv: inv, step: s}
	want := b.prepare(s, c.call(inv.Program, inv.Args, nil).Answer(), inv.Umask)
	answer := b.Handle(inv, c)
	b.Count(search.Case{
		Kind: s.kind(), Call: fmt.Sprint(b.at, b.dir, inv), Raced: len(s.during) > 0, Shared: s.rival != "",
	}, want)
	if c.ran != nil && (len(s.during) > 0 || s.rival != "") {
		return nil // what the compiler made of that is its own; the next step tells what was kept of it
	}
	got := answer.Replay
	if got == nil && c.ran != nil {
		got = &engine.Replay{Status: c.ran.Status, Stdout: c.ran.Stdout, Stderr: c.ran.Stderr}
	}
	return b.Compare(inv, got, want)
}

// prepare makes old outputs stale, and returns what the compiler alone does then, with the modes of new outputs.
func (b *bench) prepare(s step, a Answer, umask uint32) search.Plain {
	plain := search.Plain{Status: a.Status, Stdout: a.Stdout, Stderr: a.Stderr}
	for _, f := range a.Files {
		mode := fs.FileMode(0)
		if fi, err := os.Lstat(f.Path); err != nil || fi.Mode().IsRegular() {
			switch s.stale {
			case "":
				_ = os.Remove(f.Path)
			case "empty":
				_ = os.Remove(f.Path)
				_ = os.WriteFile(f.Path, nil, 0o600)
			case "keep":
				_ = os.Chmod(f.Path, 0o640)
			}
			mode = f.Mode(umask)
		}
		plain.Files = append(plain.Files, search.Output{Path: f.Path, Data: f.Data, Mode: mode})
	}
	return plain
}

// kind is what a step changes, in a word.
func (s step) kind() string {
	switch {
	case len(s.ops) == 0:
		return "nothing"
	case len(s.ops) == 1, len(s.ops) == 2 && s.ops[0].kind == s.ops[1].kind:
		return s.ops[0].kind
	}
	return "several"
}

// worldSteps is how long one world lives: then files have piled up, and another project is more of a test.
const worldSteps = 150
