package engine_test

import (
	"context"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// questioned is a front-end of a compiler that only answers questions; those that begin with "again" have another answer each time. To
// learn what the compiler is, it asks for its version.
type questioned struct{ frontend.Frontend }

func (questioned) Match(string) bool { return true }

func (questioned) Parse(inv *compile.Invocation, _ frontend.Files) (*compile.Compilation, *compile.Decline) {
	return nil, &compile.Decline{Outcome: compile.NotCompile, Detail: inv.Args[0]}
}

func (questioned) Ask(ctx context.Context, inv *compile.Invocation, _ frontend.Files, ask frontend.Prober) string {
	if strings.HasPrefix(inv.Args[0], "again") {
		return ""
	}
	if _, err := ask.Probe(ctx, []string{inv.Program, "version"}, nil); err != nil {
		return ""
	}
	return strings.Join(inv.Args, " ")
}

// answering counts what it is asked.
type answering struct {
	processes
	asked *[]string
}

func (a answering) Probe(_ context.Context, argv, _ []string) (frontend.ProbeResult, error) {
	*a.asked = append(*a.asked, argv[1])
	switch argv[1] {
	case "fails":
		return frontend.ProbeResult{Status: 1}, nil
	case "warns":
		return frontend.ProbeResult{Stdout: []byte("x"), Stderr: []byte("w")}, nil
	}
	return frontend.ProbeResult{Stdout: []byte("said " + argv[1])}, nil
}

func TestAsk(t *testing.T) {
	e, events := newEngine(t, func(fe frontend.Frontend) frontend.Frontend { return questioned{fe} })
	for _, step := range []struct {
		args, env string
		want      string // stdout, "" where the compiler is executed
		asked     string
	}{
		{"version", "", "said version", "version"},
		{"version", "", "said version", "version"},
		{"cfg", "", "said cfg", "version cfg"},
		{"cfg", "", "said cfg", "version"},
		{"cfg", "COMPILE_CACHE_RECACHE=1", "said cfg", "version cfg"},
		{"cfg", "COMPILE_CACHE_KEY_SALT=s", "said cfg", "version cfg"},
		{"cfg", "COMPILE_CACHE_KEY_ENV=A", "said cfg", "version cfg"},
		{"fails", "", "", "version fails"},
		{"fails", "", "", "version fails"},
		{"warns", "", "", "version warns"},
		{"again", "", "", ""},
	} {
		var asked []string
		inv := &compile.Invocation{Program: "/bin/x", Args: []string{step.args}, Dir: "/", Env: []string{step.env}}
		a := e.Handle(t.Context(), inv, answering{processes{inv}, &asked})
		got := ""
		if a.Replay != nil {
			got = string(a.Replay.Stdout)
		}
		if got != step.want || a.Exec != (step.want == "") {
			t.Errorf("%s %s: %+v, want %q", step.args, step.env, a, step.want)
		}
		if got := strings.Join(asked, " "); got != step.asked {
			t.Errorf("%s %s: asked for %q, want %q", step.args, step.env, got, step.asked)
		}
		if e := (*events)[len(*events)-1]; e.Outcome != compile.NotCompile || e.Detail != step.args {
			t.Errorf("%s: %s (%s), want not_a_compile (%s)", step.args, e.Outcome, e.Detail, step.args)
		}
	}
}
