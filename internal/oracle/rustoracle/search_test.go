//go:build unix

package rustoracle

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/engine"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/rustc"
	"github.com/compile-cache/compile-cache-action/internal/oracle"
	"github.com/compile-cache/compile-cache-action/internal/oracle/search"
)

// parts are what an engine under test is made of; omissions replace some of them.
type parts struct {
	search.Parts
	focus func(*world, int) []step // steps to be made more often than the search would; the number counts up
}

// bench is a world with an engine that serves it.
type bench struct {
	*world
	search.Served
	rng   *rand.Rand
	focus func(*world, int) []step
	made  int // restarts that the engine has seen
	turn  int // of Choose
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
		b := &bench{world: w, rng: rng, focus: p.focus}
		b.Served = search.Served{Dir: dir, Parts: p.Parts, Make: func() frontend.Frontend { return rustc.New() }, Now: time.Now, Counts: n}
		b.start()
		return b, nil
	}}
}

func (b *bench) start() {
	b.Start()
	b.made = b.restarts
}

// client is the wrapper of one invocation; its compiler is the model.
type client struct {
	b      *bench
	inv    *compile.Invocation
	during map[oracle.Moment][]op
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
	call.Reached = func(m oracle.Moment) {
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

// Choose implements search.World. First all is built as it is.
func (b *bench) Choose() []step {
	b.turn++
	if b.turn == 1 {
		return []step{{}}
	}
	next := b.choose(b.rng)
	if turn := b.turn - 2; b.focus != nil && turn%3 == 0 {
		next = b.focus(b.world, turn/3)
	}
	return next
}

// Play implements search.World: it makes a step's changes and compiles the crates in order.
func (b *bench) Play(s step) *search.Wrong {
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
			w.What = u.name + ": " + w.What
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
func (b *bench) compile(s step, u *unit) *search.Wrong {
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
	answer := b.Handle(inv, c)
	if c.ran == nil || c.mapped {
		want = wantMapped
	}
	plain := search.Plain{Status: want.Status, Stdout: want.Stdout, Stderr: want.Stderr}
	for i, f := range want.Files {
		plain.Files = append(plain.Files, search.Output{Path: f.Path, Data: f.Data, Mode: modes[i]})
	}
	b.Count(search.Case{Kind: s.kind(u), Call: fmt.Sprintf("%q", inv.Args), Raced: s.racing == u.name}, plain)
	if c.ran != nil && len(c.during) > 0 {
		return nil // what the compiler made of that is its own; the next step tells what was kept of it
	}
	got := answer.Replay
	switch {
	case got != nil:
		got = &engine.Replay{Status: got.Status, Stdout: got.Stdout, Stderr: append(c.early, got.Stderr...)}
	case c.ran != nil:
		got = &engine.Replay{Status: c.ran.Status, Stdout: c.ran.Stdout, Stderr: c.ran.Stderr}
	}
	return b.Compare(inv, got, plain)
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

// kind is what a step changes, in a word, seen by a crate.
func (s step) kind(u *unit) string {
	switch {
	case len(s.ops) == 0:
		return "nothing"
	case s.ops[0].kind != s.ops[len(s.ops)-1].kind:
		return "several"
	case len(s.ops) == 1 && s.ops[0].a == u.name:
		return "own " + s.ops[0].kind
	}
	return s.ops[0].kind
}
