package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/engine"
	"github.com/compile-cache/compile-cache-action/internal/recheck"
)

// hearer is a Client that runs programs and notes what is said and how the last of them ended. before is called before each run.
type hearer struct {
	processes
	before func(run int)
	runs   []engine.Run
	last   engine.Ran
	heard  string // what the wrapper's caller gets
}

func (l *hearer) Run(ctx context.Context, run engine.Run) (engine.Ran, error) {
	if l.before != nil {
		l.before(len(l.runs))
	}
	l.runs = append(l.runs, run)
	ran, err := l.processes.Run(ctx, run)
	if !run.Quiet {
		l.heard += string(ran.Stdout) + string(ran.Stderr)
	}
	l.last = ran
	return ran, err
}

func (l *hearer) Early(stdout, stderr []byte) error {
	l.heard += string(stdout) + string(stderr)
	return nil
}

// hiding is a project compiled by a program that puts what the file "hidden" says before the arguments of gcc: an input nobody tells of.
type hiding struct {
	*project
	compiler, hidden string
	args             []string
	before           func(run int)
}

const hiddenSource = `#ifdef BROKEN
#error broken
#endif
#warning look
int f(void) { return HIDDEN; }
`

// hidingCompiler puts what the file HIDDEN says before the arguments. With COUNTING that is a number, which grows with each call.
const hidingCompiler = `
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	static char text[100];
	FILE *f = fopen(HIDDEN, "r");
	if (!f || fscanf(f, "%99s", text) != 1)
		return 9;
	fclose(f);
#ifdef COUNTING
	int n = atoi(text) + 1;
	if (!(f = fopen(HIDDEN, "w")) || fprintf(f, "%d\n", n) < 0 || fclose(f))
		return 9;
	snprintf(text, sizeof text, "-DHIDDEN=%d", n);
#endif
	char **args = calloc(argc + 2, sizeof *args);
	args[0] = REAL;
	args[1] = text;
	for (int i = 1; i < argc; i++)
		args[i + 1] = argv[i];
	execv(REAL, args);
	return 9;
}
`

func newHiding(t *testing.T, options ...string) *hiding {
	t.Helper()
	h := &hiding{project: newProject(t, map[string]string{"a.c": hiddenSource}), args: []string{"-c", "-MD", "a.c", "-o", "a.o"}}
	side, gcc := t.TempDir(), compilerPath(t, "gcc")
	h.compiler, h.hidden = filepath.Join(side, "gcc"), filepath.Join(side, "hidden")
	source := filepath.Join(side, "compiler.c")
	if err := os.WriteFile(source, []byte(hidingCompiler), 0o644); err != nil {
		t.Fatal(err)
	}
	args := append(options, fmt.Sprintf("-DHIDDEN=%q", h.hidden), fmt.Sprintf("-DREAL=%q", gcc), "-o", h.compiler, source)
	if out, err := exec.Command(gcc, args...).CombinedOutput(); err != nil {
		t.Fatalf("build the compiler: %v\n%s", err, out)
	}
	h.engine.Quarantine = recheck.Dir(t.TempDir())
	h.hide("-DHIDDEN=1")
	return h
}

func (h *hiding) hide(text string) {
	h.t.Helper()
	if err := os.WriteFile(h.hidden, []byte(text), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

// call compiles and checks that the build has what the plain compiler gives it; recheck is the value of COMPILE_CACHE_RECHECK.
func (h *hiding) call(recheck string) (*hearer, compile.Event) {
	h.t.Helper()
	inv := &compile.Invocation{Program: h.compiler, Args: h.args, Dir: h.dir, Env: append(h.env[:len(h.env):len(h.env)], "COMPILE_CACHE_RECHECK="+recheck), Umask: 0o022}
	l := &hearer{processes: processes{inv}, before: h.before}
	a := h.engine.Handle(h.t.Context(), inv, l)
	if a.Exec {
		h.t.Fatal("the wrapper is told to become the compiler")
	}
	if a.Replay != nil {
		l.heard, l.last.Status = string(a.Replay.Stderr), a.Replay.Status
	}
	return l, (*h.events)[len(*h.events)-1]
}

func (h *hiding) want(e compile.Event, outcome compile.Outcome, reason compile.ReasonID, verdict compile.Verdict) {
	h.t.Helper()
	if e.Outcome != outcome || e.Reason != reason || e.Recheck != verdict {
		h.t.Fatalf("%s (%s: %s), verdict %q; want %s (%s), verdict %q", e.Outcome, e.Reason, e.Detail, e.Recheck, outcome, reason, verdict)
	}
}

// plain checks the outputs against those of the plain compiler at this moment.
func (h *hiding) plain(l *hearer) {
	h.t.Helper()
	got, deps := read(h.t, h.path("a.o")), read(h.t, h.path("a.d"))
	ran, err := processes{&compile.Invocation{Program: h.compiler, Args: h.args, Dir: h.dir, Env: h.env}}.Run(h.t.Context(), engine.Run{Capture: true})
	if err != nil {
		h.t.Fatal(err)
	}
	if !bytes.Equal(got, read(h.t, h.path("a.o"))) || !bytes.Equal(deps, read(h.t, h.path("a.d"))) {
		h.t.Error("the outputs are not those of the plain compiler")
	}
	if l.heard != string(ran.Stderr) || l.last.Status != ran.Status {
		h.t.Errorf("heard %q, status %d; the plain compiler says %q, %d", l.heard, l.last.Status, ran.Stderr, ran.Status)
	}
}

func (h *hiding) records() []recheck.Found {
	h.t.Helper()
	all, err := recheck.List(h.engine.Quarantine)
	if err != nil {
		h.t.Fatal(err)
	}
	return all
}

func (h *hiding) result(key string) *compile.Result {
	h.t.Helper()
	k, err := digest.ParseKey(key)
	if err != nil {
		h.t.Fatal(err)
	}
	r, err := h.engine.Store.Result(h.t.Context(), k)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}
