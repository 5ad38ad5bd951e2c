package engine_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/cache/cachetest"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/engine"
)

// project is a directory with a source, compiled through an engine.
type project struct {
	t      *testing.T
	dir    string
	engine *engine.Engine
	events *[]compile.Event
	env    []string
	umask  uint32
}

func newProject(t *testing.T, files map[string]string) *project {
	t.Helper()
	e, events := newEngine(t, nil)
	p := &project{t: t, dir: t.TempDir(), engine: e, events: events, env: []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent/home"}, umask: 0o022}
	for name, text := range files {
		p.write(name, text)
	}
	return p
}

func (p *project) path(name string) string { return filepath.Join(p.dir, name) }

func (p *project) write(name, text string) {
	p.t.Helper()
	if err := os.MkdirAll(filepath.Dir(p.path(name)), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(p.path(name), []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// compile compiles with gcc and returns the answer and the event.
func (p *project) compile(args ...string) (engine.Answer, compile.Event) {
	p.t.Helper()
	inv := &compile.Invocation{Program: compilerPath(p.t, "gcc"), Args: args, Dir: p.dir, Env: p.env, Umask: p.umask}
	a := p.engine.Handle(context.Background(), inv, processes{inv})
	return a, (*p.events)[len(*p.events)-1]
}

// want compiles and checks the outcome.
func (p *project) want(outcome compile.Outcome, reason compile.ReasonID, args ...string) (engine.Answer, compile.Event) {
	p.t.Helper()
	a, e := p.compile(args...)
	if e.Outcome != outcome || e.Reason != reason {
		p.t.Fatalf("gcc %s: %s (%s: %s %+v), want %s (%s)", strings.Join(args, " "), e.Outcome, e.Reason, e.Detail, e.Causes, outcome, reason)
	}
	return a, e
}

func TestHitRestoresWhatTheCompilerWrote(t *testing.T) {
	p := newProject(t, map[string]string{"a.c": "#include \"a.h\"\n#warning look\nint f(void) { return A; }\n", "a.h": "#define A 1\n"})
	args := []string{"-c", "-g", "-MD", "a.c", "-o", "a.o"}
	p.want(compile.Miss, compile.ReasonNew, args...)
	object, deps := read(t, p.path("a.o")), read(t, p.path("a.d"))
	for _, f := range []string{"a.o", "a.d"} {
		if err := os.Remove(p.path(f)); err != nil {
			t.Fatal(err)
		}
	}
	p.umask = 0o077
	a, _ := p.want(compile.Hit, "", args...)
	if a.Replay == nil || !bytes.Contains(a.Replay.Stderr, []byte("look")) || a.Replay.Status != 0 {
		t.Errorf("the warning is not replayed: %+v", a.Replay)
	}
	if !bytes.Equal(read(t, p.path("a.o")), object) || !bytes.Equal(read(t, p.path("a.d")), deps) {
		t.Error("restored bytes differ")
	}
	if fi, err := os.Stat(p.path("a.o")); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode under umask 077 is %v, %v", fi.Mode(), err)
	}
}

// gone is a wrapper that is killed while its compiler runs.
type gone struct{ processes }

func (gone) Early(_, _ []byte) error { return nil }
func (gone) Away()                   {}
func (gone) Run(context.Context, engine.Run) (engine.Ran, error) {
	return engine.Ran{}, errors.New("the wrapper is gone")
}

// The compiler of a killed wrapper may still write the output that the next compile makes.
func TestOutputOfAnOrphanIsNotStored(t *testing.T) {
	p := newProject(t, map[string]string{"a.c": "int a;\n"})
	inv := &compile.Invocation{Program: compilerPath(t, "gcc"), Args: []string{"-c", "-O1", "a.c", "-o", "a.o"}, Dir: p.dir, Env: p.env}
	p.engine.Handle(t.Context(), inv, gone{processes{inv}})
	p.want(compile.Uncacheable, compile.ReasonOutputShared, "-c", "a.c", "-o", "a.o")
	p.want(compile.Miss, compile.ReasonNew, "-c", "a.c", "-o", "b.o")
}

func TestMissTellsWhatChanged(t *testing.T) {
	p := newProject(t, map[string]string{"a.c": "#include \"a.h\"\n#include <b.h>\nint f(void) { return A; }\n", "a.h": "#define A 1\n", "inc2/b.h": ""})
	args := []string{"-c", "-Iinc1", "-Iinc2", "-DX=1", "a.c", "-o", "a.o"}
	p.want(compile.Miss, compile.ReasonNew, args...)
	cause := func(kind, name string, args ...string) {
		t.Helper()
		_, e := p.want(compile.Miss, compile.ReasonChanged, args...)
		if len(e.Causes) != 1 || e.Causes[0].Kind != kind || !strings.Contains(e.Causes[0].Name, name) {
			t.Errorf("causes = %+v, want %s %s", e.Causes, kind, name)
		}
	}
	p.write("a.h", "#define A 2\n")
	cause("header", "/a.h", args...)
	p.write("a.c", string(read(t, p.path("a.c")))+"\n")
	cause("source", "/a.c", args...)
	args[3] = "-DX=2"
	cause("flag", "-DX=2", args...)
	p.env = append(p.env, "LC_ALL=C")
	cause("variable", "LC_ALL", args...)
	p.write("inc1/b.h", "")
	cause("header-appeared", "inc1", args...)
}

func TestFailedCompileIsNotStored(t *testing.T) {
	p := newProject(t, map[string]string{"a.c": "#error no\n"})
	for range 2 {
		_, e := p.want(compile.Failed, "", "-c", "a.c", "-o", "a.o")
		if e.Status != 1 {
			t.Errorf("status %d, want 1", e.Status)
		}
	}
}

func TestSettingsOfAnInvocation(t *testing.T) {
	p := newProject(t, map[string]string{"a.c": "int a;\n", "extra.txt": "1"})
	args := []string{"-c", "a.c", "-o", "a.o"}
	env := p.env
	set := func(kv ...string) { p.env = append(append([]string(nil), env...), kv...) }

	set("COMPILE_CACHE_READONLY=1")
	if _, e := p.want(compile.Miss, compile.ReasonNew, args...); e.NotStored == "" {
		t.Error("READONLY: the event does not tell that nothing was stored")
	}
	set()
	p.want(compile.Miss, compile.ReasonNew, args...)
	p.want(compile.Hit, "", args...)
	set("COMPILE_CACHE_RECACHE=yes")
	p.want(compile.Miss, compile.ReasonRecache, args...)
	set("COMPILE_CACHE_KEY_SALT=x")
	p.want(compile.Miss, compile.ReasonChanged, args...)
	set("COMPILE_CACHE_KEY_ENV=FOO", "FOO=1")
	p.want(compile.Miss, compile.ReasonChanged, args...)
	p.want(compile.Hit, "", args...)
	set("COMPILE_CACHE_KEY_ENV=FOO", "FOO=2")
	p.want(compile.Miss, compile.ReasonChanged, args...)
	set("COMPILE_CACHE_EXTRA_INPUTS=extra.txt")
	p.want(compile.Miss, compile.ReasonChanged, args...)
	p.want(compile.Hit, "", args...)
	p.write("extra.txt", "2")
	p.want(compile.Miss, compile.ReasonChanged, args...)
}

func TestOutputsThatAreNotPlainAreLeftToTheCompiler(t *testing.T) {
	p := newProject(t, map[string]string{"a.c": "int a;\n"})
	if err := os.Symlink("real.o", p.path("a.o")); err != nil {
		t.Fatal(err)
	}
	p.want(compile.Uncacheable, compile.ReasonOutputFile, "-c", "a.c", "-o", "a.o")
	if _, err := os.Readlink(p.path("a.o")); err != nil {
		t.Error("the link is gone")
	}
	p.want(compile.Uncacheable, compile.ReasonOutputFile, "-c", "a.c", "-o", "/dev/null")
	if fi, err := os.Stat("/dev/null"); err != nil || fi.Mode()&os.ModeDevice == 0 {
		t.Fatal("/dev/null is gone")
	}
}

// Whatever the store does, the build gets the compiler's outputs and every invocation is recorded once.
func TestFaultyStore(t *testing.T) {
	for _, method := range []string{"Result", "PutResult", "InputSets", "AddInputSet", "Open", "Put"} {
		for _, fault := range []cachetest.Fault{{Kind: cachetest.Fail}, {Kind: cachetest.Wrong}} {
			t.Run(method+"/"+strconv.Itoa(int(fault.Kind)), func(t *testing.T) {
				p := newProject(t, map[string]string{"a.c": "int a;\n"})
				fired := 0
				p.engine.Store = &cachetest.Faulty{Store: &cachetest.Memory{}, Plan: func(m string, n int) cachetest.Fault {
					if m == method {
						fired++
						return fault
					}
					return cachetest.Fault{}
				}}
				var want []byte
				for i := range 3 {
					_ = os.Remove(p.path("a.o"))
					if a, e := p.compile("-c", "a.c", "-o", "a.o"); a.Exec {
						t.Fatalf("answer %+v, %+v", a, e)
					}
					got := read(t, p.path("a.o"))
					if i > 0 && !bytes.Equal(got, want) {
						t.Error("the object differs")
					}
					want = got
				}
				if len(*p.events) != 3 {
					t.Errorf("%d events for 3 invocations", len(*p.events))
				}
				if fired == 0 {
					t.Error("the fault never fired")
				}
			})
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
