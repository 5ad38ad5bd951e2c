//go:build unix

package rustc

import (
	"slices"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
)

// The width of messages counts where there are messages.
func TestMessageWidth(t *testing.T) {
	const (
		json   = " --error-format=json --json=diagnostic-rendered-ansi,artifacts,future-incompat"
		notice = `{"$message_type":"artifact","artifact":"LIBRARY","emit":"metadata"}` + "\n"
		words  = `{"$message_type":"diagnostic","message":"unused"}` + "\n"
	)
	dir := workDir(t, map[string]string{"a.rs": ""})
	env := []string{"A=1"}
	parse := func(more string) *compile.Compilation {
		t.Helper()
		c, d := New().Parse(&compile.Invocation{Program: "/usr/bin/rustc", Dir: dir, Env: env, Args: strings.Fields(cargoLine + more)}, frontendtest.DiskFiles{})
		if d != nil {
			t.Fatal(d)
		}
		return c
	}
	recipe := func(c *compile.Compilation) string {
		return strings.Join(c.Args, " ") + "\n" + strings.Join(c.Facts, "\n")
	}
	if a, b := recipe(parse(json+" --diagnostic-width=80")), recipe(parse(json+" --diagnostic-width 120")); a != b {
		t.Errorf("recipe of another width is\n%s, want\n%s", b, a)
	}
	if a, b := recipe(parse(json+" --diagnostic-width=80")), recipe(parse(json)); a == b {
		t.Errorf("recipe without a width is\n%s, want another than with one", b)
	}
	if a, b := recipe(parse(" --diagnostic-width=80")), recipe(parse(" --diagnostic-width=120")); a == b {
		t.Errorf("recipe of another width, of a call that writes text, is\n%s, want another", b)
	}
	for _, tt := range []struct {
		more, stderr string
		want         []string
	}{
		{json + " --diagnostic-width=80", notice, nil},
		{json + " --diagnostic-width=80", "", nil},
		{json + " --diagnostic-width=80", notice + words, []string{widthOption}},
		{json + " --diagnostic-width=80", "plain\n", []string{widthOption}},
		{json, words, nil},
	} {
		c := parse(tt.more)
		g := &gathering{c: c, d: c.Detail.(*detail), files: frontendtest.DiskFiles{}, run: frontend.Run{Stderr: []byte(strings.ReplaceAll(tt.stderr, "LIBRARY", c.Outputs[0].Path))}}
		for _, step := range []func() error{g.messages, g.messageWidth} {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(g.in.Env, tt.want) {
			t.Errorf("variables of a compile with%s that says %q = %q, want %q", tt.more, tt.stderr, g.in.Env, tt.want)
		}
		if value, _ := c.Getenv(widthOption); tt.want != nil && value != "80" {
			t.Errorf("width = %q, want 80", value)
		}
	}
	if len(env) != 1 || cap(env) != 1 {
		t.Errorf("the environment of the invocation is %q, want it as it was", env)
	}
	_, d := New().Parse(&compile.Invocation{Program: "/usr/bin/rustc", Dir: dir, Args: strings.Fields(cargoLine + json + " --diagnostic-width=80 --diagnostic-width=90")}, frontendtest.DiskFiles{})
	if d == nil || d.Reason != compile.ReasonArguments {
		t.Errorf("Parse with two widths = %v, want %s", d, compile.ReasonArguments)
	}
}
