package engine_test

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/cachetest"
	"github.com/compile-cache/compile-cache-action/internal/cache/tiers"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/engine"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// announcing is a front-end whose compiler tells of its dependencies before its object is there.
type announcing struct {
	frontend.Frontend
	notice string
}

func (f announcing) Parse(inv *compile.Invocation, files frontend.Files) (*compile.Compilation, *compile.Decline) {
	c, d := f.Frontend.Parse(inv, files)
	if c != nil {
		c.Outputs = slices.Clone(c.Outputs)
		for i := range c.Outputs {
			if c.Outputs[i].Role == "dependencies" {
				c.Outputs[i].Notice = f.notice
			}
		}
	}
	return c, d
}

// listener is a wrapper that notes what it is told, and when.
type listener struct {
	processes
	early func(stderr string)
	run   func()
	away  func()
}

func (l listener) Early(_, stderr []byte) error { l.early(string(stderr)); return nil }
func (l listener) Away()                        { l.away() }
func (l listener) Run(ctx context.Context, run engine.Run) (engine.Ran, error) {
	l.run()
	return l.processes.Run(ctx, run)
}

// newListener returns a listener that fails the test when it is told anything.
func newListener(t *testing.T, inv *compile.Invocation) listener {
	return listener{
		processes: processes{inv},
		early:     func(s string) { t.Errorf("told early of %q, want nothing", s) },
		run:       func() { t.Error("the compiler is run, want a hit") },
		away:      func() { t.Error("told of a wait, want none") },
	}
}

// announced returns a project of which each compile warns twice, and the invocation of one.
func announced(t *testing.T, notice, size string) (*project, *compile.Invocation) {
	p := newProject(t, map[string]string{"a.c": "#warning first\n#warning second\nchar a[" + size + "] = {1};\n"})
	p.engine, p.events = newEngine(t, func(fe frontend.Frontend) frontend.Frontend { return announcing{fe, notice} })
	return p, &compile.Invocation{
		Program: compilerPath(t, "gcc"), Args: []string{"-c", "-MD", "-fno-diagnostics-show-caret", "a.c", "-o", "a.o"}, Dir: p.dir, Env: p.env, Umask: 0o022,
	}
}

// On a hit that takes time, what the compiler tells while it is at work is told when it is true, and nothing twice.
func TestEarly(t *testing.T) {
	for _, tt := range []struct {
		name, notice, size string
		early              bool
	}{
		{"large", "#warning first", "2 << 20", true},
		{"small", "#warning first", "2 << 10", false},
		{"never said", "#warning third", "2 << 20", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, inv := announced(t, tt.notice, tt.size)
			_, e := p.compile(inv.Args...)
			if e.Outcome != compile.Miss {
				t.Fatalf("%s (%s %s), want a miss", e.Outcome, e.Reason, e.Detail)
			}
			object := read(t, p.path("a.o"))
			for _, f := range []string{"a.o", "a.d"} {
				if err := os.Remove(p.path(f)); err != nil {
					t.Fatal(err)
				}
			}
			l := newListener(t, inv)
			var said []string
			if tt.early {
				l.early = func(s string) {
					said = append(said, s)
					if len(read(t, p.path("a.d"))) == 0 {
						t.Error("told of dependencies that are not there")
					}
					if _, err := os.Lstat(p.path("a.o")); err == nil {
						t.Error("told of dependencies when all is there")
					}
				}
			}
			a := p.engine.Handle(t.Context(), inv, l)
			if a.Replay == nil || !bytes.Equal(read(t, p.path("a.o")), object) {
				t.Fatalf("got %+v, want a hit with the same object", a)
			}
			all := strings.Join(append(said, string(a.Replay.Stderr)), "")
			if strings.Count(all, "#warning first") != 1 || strings.Count(all, "#warning second") != 1 {
				t.Errorf("said %q, want each warning once", all)
			}
			if tt.early && (len(said) != 1 || !strings.HasSuffix(said[0], "\n") || strings.Contains(said[0], "second")) {
				t.Errorf("said early %q, want the first warning", said)
			}
		})
	}
}

// The compiler makes what could not be placed, whatever was said before.
func TestEarlyThenNoPlace(t *testing.T) {
	p, inv := announced(t, "#warning first", "2 << 20")
	p.compile(inv.Args...)
	if err := os.Remove(p.path("a.o")); err != nil {
		t.Fatal(err)
	}
	l := newListener(t, inv)
	told, ran := 0, 0
	l.early = func(string) {
		told++
		if err := os.Mkdir(p.path("a.o"), 0o755); err != nil {
			t.Error(err)
		}
	}
	l.run = func() {
		ran++
		if err := os.Remove(p.path("a.o")); err != nil {
			t.Error(err)
		}
	}
	a := p.engine.Handle(t.Context(), inv, l)
	e := (*p.events)[len(*p.events)-1]
	if want := p.path("a.o") + " is not a regular file"; e.Detail != want {
		t.Errorf("the detail is %q, want %q", e.Detail, want)
	}
	if a.Replay != nil || a.Exec || e.Outcome != compile.Miss || e.Reason != compile.ReasonNoOutput || told != 1 || ran != 1 {
		t.Errorf("got %+v, %s (%s), told %d times, run %d times, want a miss for want of an output, once", a, e.Outcome, e.Reason, told, ran)
	}
	if len(read(t, p.path("a.o"))) == 0 {
		t.Error("no object")
	}
}

// The wrapper is told once that another machine is waited for, before there is anything else for it to do, and not of what is near.
func TestAway(t *testing.T) {
	p := newProject(t, map[string]string{"a.c": "int a;\n"})
	b := newBucket()
	one, stack := p.machine(b, true)
	args := []string{"-c", "a.c", "-o", "a.o"}
	one.want(compile.Miss, compile.ReasonNew, args...)
	one.flush(stack)

	told := make(chan struct{}, 10)
	inv := &compile.Invocation{Program: compilerPath(t, "gcc"), Args: args, Dir: p.dir, Env: p.env, Umask: 0o022}
	two, _ := p.machine(b, false)
	slow := func(method string, until <-chan struct{}) {
		far := &cachetest.Faulty{Store: b.Faulty.Store, Plan: func(m string, n int) cachetest.Fault {
			if m == method {
				return cachetest.Fault{Kind: cachetest.Late, Until: until}
			}
			return cachetest.Fault{}
		}}
		// Beyond its deadline a tier counts as failed: the wait ends with the test's word.
		near, _ := newEngine(t, nil)
		s := tiers.New(tiers.Options{Near: near.Store, Far: []tiers.Far{{Name: "bucket", Store: far, Deadline: time.Minute}}, Now: two.engine.Now})
		t.Cleanup(func() { _ = s.Close(context.Background()) })
		two.engine.Store = s
	}
	for _, method := range []string{"InputSets", "Result", "Open"} {
		until := make(chan struct{})
		slow(method, until)
		l := newListener(t, inv)
		l.away = func() {
			told <- struct{}{}
			close(until)
		}
		if a := two.engine.Handle(t.Context(), inv, l); a.Replay == nil || len(told) != 1 {
			t.Fatalf("slow %s: got %+v, told %d times, want a hit, told once", method, a, len(told))
		}
		<-told
		if a := two.engine.Handle(t.Context(), inv, newListener(t, inv)); a.Replay == nil {
			t.Errorf("after slow %s: got %+v, want a hit", method, a)
		}
	}
}
