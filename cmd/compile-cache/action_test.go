package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// inWorkflow gives an app the environment of a step.
func inWorkflow(t *testing.T, a *app) (summary func() string) {
	t.Helper()
	temp := t.TempDir()
	file := filepath.Join(temp, "summary")
	a.env = []string{"RUNNER_TEMP=" + temp, "GITHUB_STEP_SUMMARY=" + file, "COMPILE_CACHE_DIR=" + a.place.Dir}
	a.getenv = lookup(a.env)
	return func() string {
		b, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return string(b)
	}
}

func TestActionReport(t *testing.T) {
	a, out := anApp(t)
	summary := inWorkflow(t, a)
	recorded(t, a)
	report := func(stop bool) string {
		t.Helper()
		out.Reset()
		before := len(summary())
		if err := (&actionReportCmd{Stop: stop}).Run(a); err != nil {
			t.Fatalf("report = %v, want success whatever happens", err)
		}
		return summary()[before:]
	}
	if got := report(false); got != "" || !strings.Contains(out.String(), "not started in this job") {
		t.Errorf("report without a start wrote %q and said %q", got, out)
	}
	if err := a.writeActionJob(&actionJob{Dir: a.place.Dir, Run: "r", Unrecorded: 2, Summary: true}); err != nil {
		t.Fatal(err)
	}
	write(t, a.place.Unrecorded(), "...")
	if got := report(true); !strings.Contains(got, "hit rate 100.0 % (1 hit, 0 misses)") || !strings.Contains(got, "**1 wrapper reached no daemon**") {
		t.Errorf("summary = %q, want that of run r with one of three unrecorded wrappers", got)
	}
	if !strings.Contains(out.String(), "warning: 1 of the compiler calls reached no daemon") {
		t.Errorf("report said %q, want a warning", out)
	}
	if got := report(true); got != "" {
		t.Errorf("the post step repeats %q", got)
	}
	if got := report(false); !strings.Contains(got, "hit rate 100.0 %") {
		t.Errorf("an explicit report = %q, want it as often as asked", got)
	}
	recorded(t, a)
	if got := report(true); !strings.Contains(got, "(2 hits, 0 misses)") {
		t.Errorf("summary after further calls = %q, want two hits", got)
	}
	if err := a.writeActionJob(&actionJob{Dir: a.place.Dir, Run: "r"}); err != nil {
		t.Fatal(err)
	}
	if got := report(true); got != "" {
		t.Errorf("the post step wrote %q, want nothing with summary: false", got)
	}
	if err := os.WriteFile(a.actionJobFile(), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := report(true); got != "" || !strings.Contains(out.String(), "warning: no report") {
		t.Errorf("report of a damaged file wrote %q and said %q", got, out)
	}
}

func TestActionStartFails(t *testing.T) {
	a, out := anApp(t)
	summary := inWorkflow(t, a)
	a.env = append(a.env, "INPUT_DIR=/dev/null/x", "INPUT_MAX-SIZE=much", "INPUT_READONLY=perhaps")
	a.getenv = lookup(a.env)
	if err := (&actionStartCmd{}).Run(a); err != nil {
		t.Fatalf("start = %v, want success whatever happens", err)
	}
	for _, want := range []string{`COMPILE_CACHE_MAX_SIZE="much"`, `input readonly: "perhaps" is no boolean`, "error: "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("start said %q, want %q in it", out, want)
		}
	}
	if got := summary(); !strings.HasPrefix(got, "### compile-cache: not running\n\nThe build runs uncached: `") {
		t.Errorf("summary = %q", got)
	}
	if _, err := os.Stat(a.actionJobFile()); !os.IsNotExist(err) {
		t.Errorf("a start that failed left %s (%v)", a.actionJobFile(), err)
	}
}

func TestWorkflowPath(t *testing.T) {
	a := &app{getenv: lookup([]string{"HOME=/home/me", "GITHUB_WORKSPACE=/work/repo"})}
	for path, want := range map[string]string{"/a/../b": "/b", "~/c": "/home/me/c", "d/e": "/work/repo/d/e", "~c": "/work/repo/~c"} {
		if got := a.workflowPath(path); got != want {
			t.Errorf("workflowPath(%s) = %s, want %s", path, got, want)
		}
	}
}
