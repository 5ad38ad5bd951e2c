package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/report"
)

// recorded gives the instance a hit and a miss.
func recorded(t *testing.T, a *app) {
	t.Helper()
	w, err := report.OpenWriter(report.SpoolDir(a.place.Dir), os.Getpid(), a.now)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, e := range []compile.Event{
		{Outcome: compile.Hit, Tier: "disk", Compiler: "gcc", Program: "/usr/bin/gcc", Dir: "/src", Source: "a.c", CompileMS: 100, WallMS: 1, Run: "r"},
		{Outcome: compile.Miss, Reason: compile.ReasonNew, Compiler: "gcc", Program: "/usr/bin/gcc", Dir: "/src", Source: "b.c", CompileMS: 100, WallMS: 101},
	} {
		e.Time = a.now()
		if err := w.Record(&e); err != nil {
			t.Fatal(err)
		}
	}
}

func stats(t *testing.T, a *app, cmd statsCmd) map[string]any {
	t.Helper()
	var out strings.Builder
	a.stdout = &out
	cmd.JSON = true
	if err := cmd.Run(a); err != nil {
		t.Fatal(err)
	}
	var s map[string]any
	if err := json.Unmarshal([]byte(out.String()), &s); err != nil {
		t.Fatalf("stats --json = %q: %v", out.String(), err)
	}
	return s
}

func TestStats(t *testing.T) {
	a, _ := anApp(t)
	if s := stats(t, a, statsCmd{}); s["invocations"] != 0.0 || s["hit_rate"] != nil || s["since"] != "2026-11-22T06:00:00Z" {
		t.Errorf("stats of a fresh instance = %v, want zeros", s)
	}
	if list, err := os.ReadDir(a.place.Dir); err != nil || len(list) != 0 {
		t.Errorf("stats left %v, %v in a fresh instance; want nothing", list, err)
	}
	recorded(t, a)
	if s := stats(t, a, statsCmd{}); s["invocations"] != 2.0 || s["hit_rate"] != 0.5 || s["time_saved_ms"] != 99.0 {
		t.Errorf("stats = %v, want a hit and a miss", s)
	}
	if s := stats(t, a, statsCmd{Zero: true}); s["invocations"] != 0.0 {
		t.Errorf("stats --zero --json = %v, want zeros", s)
	}
	if s := stats(t, a, statsCmd{}); s["invocations"] != 0.0 {
		t.Errorf("stats after --zero = %v, want zeros", s)
	}
}

func TestReport(t *testing.T) {
	a, out := anApp(t)
	recorded(t, a)
	for _, tt := range []struct {
		cmd  reportCmd
		want string
	}{
		{reportCmd{Format: "text"}, "hit rate 50.0 %"},
		{reportCmd{Format: "text", OfRun: "last"}, "hit rate 100.0 %"},
		{reportCmd{Format: "text", OfRun: "other"}, "no compiler was called"},
		{reportCmd{Format: "md"}, "### compile-cache: hit rate 50.0 %"},
		{reportCmd{Format: "json"}, `"units":[{`},
		{reportCmd{Format: "html"}, "<!DOCTYPE html>"},
	} {
		out.Reset()
		if err := tt.cmd.Run(a); err != nil {
			t.Errorf("report %+v = %v", tt.cmd, err)
		}
		if !strings.Contains(out.String(), tt.want) {
			t.Errorf("report %+v = %q, want %q in it", tt.cmd, out, tt.want)
		}
	}
}

func TestExplain(t *testing.T) {
	a, out := anApp(t)
	recorded(t, a)
	for _, tt := range []struct {
		cmd  explainCmd
		want string
	}{
		{explainCmd{File: "b.c"}, "/src/b.c\n  outcome  miss, because "},
		{explainCmd{Last: true, JSON: true}, `"source":"/src/b.c"`},
	} {
		out.Reset()
		if err := tt.cmd.Run(a); err != nil {
			t.Errorf("explain %+v = %v", tt.cmd, err)
		}
		if !strings.Contains(out.String(), tt.want) {
			t.Errorf("explain %+v = %q, want %q in it", tt.cmd, out, tt.want)
		}
	}
	if err := (&explainCmd{File: ".c"}).Run(a); err == nil {
		t.Error("explain of an unknown file = nil, want an error")
	}
	for _, c := range []explainCmd{{}, {File: "a.c", Last: true}} {
		if err := c.Validate(); err == nil {
			t.Errorf("%+v.Validate() = nil, want an error", c)
		}
	}
}
