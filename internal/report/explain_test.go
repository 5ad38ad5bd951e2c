package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/google/go-cmp/cmp"
)

func someCompiles(t *testing.T) string {
	return instance(t,
		event(0, compile.Miss, func(e *compile.Event) { e.Source, e.Reason = "lib/a.c", compile.ReasonNew }),
		event(3, compile.Miss, func(e *compile.Event) {
			e.Source, e.Output, e.Reason, e.NotStored = "./lib/a.c", "/src/out/a.o", compile.ReasonChanged, "disk full"
			e.Causes = []compile.Cause{
				{Kind: "header", Name: "include/a.h", Was: "1", Now: "2"},
				{Kind: "header-appeared", Name: "x.h", Was: "/usr/include/x.h"},
				{Kind: "header-added", Name: "y.h"}, {Kind: "header-removed", Name: "z.h"},
				{Kind: "flag", Name: "-DX", Was: "-DX=1", Now: "-DX=2"}, {Kind: "flag", Name: "-O2", Now: "-O2"}, {Kind: "flag", Name: "-g", Was: "-g"},
				{Kind: "variable", Name: "LC_ALL", Was: "C", Now: "de_DE"}, {Kind: "variable", Name: "CPATH", Now: "/inc"}, {Kind: "variable", Name: "LANG", Was: "C"},
				{Kind: "compiler", Name: "gcc"}, {Kind: "directory", Name: "cwd", Was: "/a", Now: "/b"}, {Kind: "other", Name: "roots"},
			}
		}),
		event(2, compile.Hit, func(e *compile.Event) { e.Source, e.Tier = "lib/a.c", "disk" }),
		event(4, compile.Uncacheable, func(e *compile.Event) {
			e.Source, e.Dir, e.Reason, e.Detail = "lib/b.c", "/other", compile.ReasonTimeMacro, "__TIME__"
		}),
		event(5, compile.Hit, func(e *compile.Event) { e.Source, e.Tier, e.WallMS = "/one/lib/c.c", "memory", 3 }),
		event(6, compile.Failed, func(e *compile.Event) { e.Source, e.Status = "/two/lib/c.c", 4 }),
		event(7, compile.NotCompile, func(e *compile.Event) { e.Source, e.Output = "", "/src/app" }),
	)
}

func TestExplainFinds(t *testing.T) {
	dir := someCompiles(t)
	for _, tt := range []struct {
		dir, file string
		want      string
		outcome   compile.Outcome
	}{
		{"/src", "lib/a.c", "/src/lib/a.c", compile.Miss},
		{"/src/lib", "../lib//a.c", "/src/lib/a.c", compile.Miss},
		{"/elsewhere", "/src/lib/a.c", "/src/lib/a.c", compile.Miss},
		{"/elsewhere", "a.c", "/src/lib/a.c", compile.Miss},
		{"/src/out", "a.o", "/src/lib/a.c", compile.Miss},
		{"/elsewhere", "lib/b.c", "/other/lib/b.c", compile.Uncacheable},
		{"/two/lib", "c.c", "/two/lib/c.c", compile.Failed},
		{"/x", "one/lib/c.c", "/one/lib/c.c", compile.Hit},
	} {
		x, err := Explain(dir, tt.dir, tt.file, reasons)
		if err != nil {
			t.Errorf("Explain(%s in %s) = %v, want %s", tt.file, tt.dir, err, tt.want)
		} else if x.Source != tt.want || x.Outcome != tt.outcome {
			t.Errorf("Explain(%s in %s) = %s, %s; want %s, %s", tt.file, tt.dir, x.Source, x.Outcome, tt.want, tt.outcome)
		}
	}
	if x, err := ExplainLast(dir, reasons); err != nil || x.Outcome != compile.NotCompile || x.Source != "/src/app" {
		t.Errorf("ExplainLast = %+v, %v; want the link of /src/app", x, err)
	}
}

func TestExplainRefuses(t *testing.T) {
	dir := someCompiles(t)
	var ambiguous *AmbiguousError
	if _, err := Explain(dir, "/", "lib/c.c", reasons); !errors.As(err, &ambiguous) {
		t.Errorf("Explain(lib/c.c) = %v, want that it is ambiguous", err)
	} else if diff := cmp.Diff([]string{"/one/lib/c.c", "/two/lib/c.c"}, ambiguous.Matches); diff != "" {
		t.Errorf("matches (-want +got):\n%s", diff)
	}
	for _, file := range []string{"/lib/a.c", "ib/a.c", "nothing.c", "lib", ""} {
		var missing *NotRecordedError
		if x, err := Explain(dir, "/", file, reasons); !errors.As(err, &missing) {
			t.Errorf("Explain(%q) = %+v, %v; want that it is not recorded", file, x, err)
		}
	}
	if _, err := ExplainLast(t.TempDir(), reasons); err == nil {
		t.Error("ExplainLast of an empty instance = nil, want an error")
	}
}

func TestExplainSurvivesZero(t *testing.T) {
	dir := someCompiles(t)
	if err := Zero(t.Context(), SpoolDir(dir), start); err != nil {
		t.Fatal(err)
	}
	if _, err := Explain(dir, "/src", "lib/a.c", reasons); err != nil {
		t.Errorf("Explain after Zero = %v", err)
	}
}

func TestExplainText(t *testing.T) {
	dir := someCompiles(t)
	var b bytes.Buffer
	for _, file := range []string{"/src/lib/a.c", "/other/lib/b.c", "/one/lib/c.c", "/two/lib/c.c", "/src/app"} {
		x, err := Explain(dir, "/", file, reasons)
		if err != nil {
			t.Fatal(err)
		}
		if err := x.WriteText(&b); err != nil {
			t.Fatal(err)
		}
		var js bytes.Buffer
		if err := x.WriteJSON(&js); err != nil {
			t.Fatal(err)
		}
		var back Explanation
		if err := json.Unmarshal(js.Bytes(), &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(x, &back); diff != "" {
			t.Errorf("JSON of %s (-want +got):\n%s", file, diff)
		}
	}
	golden(t, "explain.txt", b.Bytes())
}
