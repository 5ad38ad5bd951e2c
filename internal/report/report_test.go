package report

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the goldens in testdata")

// reasons is a table of the test's own, so that goldens follow the report and not the wording of reasons.
func reasons(id compile.ReasonID) compile.Reason {
	row, ok := map[compile.ReasonID]compile.Reason{
		compile.ReasonNew:         {ID: id, Outcome: compile.Miss, Sentence: "it was never compiled with these arguments"},
		compile.ReasonChanged:     {ID: id, Outcome: compile.Miss, Sentence: "something differs from the nearest earlier compile"},
		compile.ReasonCompileLink: {ID: id, Outcome: compile.Uncacheable, Sentence: "it compiles and links in one call", Remedy: "compile with -c and link apart"},
		compile.ReasonTimeMacro:   {ID: id, Outcome: compile.Uncacheable, Sentence: "the source uses __DATE__ or __TIME__", Remedy: "define them on the command line"},
		compile.ReasonFault:       {ID: id, Outcome: compile.Bypassed, Sentence: "the cache failed", Remedy: "see compile-cache log"},
	}[id]
	if !ok {
		return compile.Reason{ID: id, Sentence: string(id)}
	}
	return row
}

func event(n int, outcome compile.Outcome, change func(*compile.Event)) *compile.Event {
	e := &compile.Event{
		Time: start.Add(time.Duration(n) * 100 * time.Millisecond), Run: "r1", Outcome: outcome, Compiler: "gcc", Program: "/usr/bin/gcc",
		Dir: "/src", Source: "lib/f" + string(rune('a'+n)) + ".c", WallMS: 1000 + float64(n), CompileMS: 900, CompileCPUMS: 800,
	}
	change(e)
	return e
}

// aBuild has every outcome.
func aBuild() []*compile.Event {
	header := compile.Cause{Kind: "header", Name: "include/a_b.h", Was: "1", Now: "2"}
	return []*compile.Event{
		event(0, compile.Hit, func(e *compile.Event) { e.Tier, e.WallMS, e.CompileMS, e.BytesRead = "disk", 2, 65_432, 4<<20 }),
		event(1, compile.Hit, func(e *compile.Event) { e.Tier, e.WallMS, e.CompileMS, e.Compiler = "memory", 5, 3, "clang" }),
		event(2, compile.Miss, func(e *compile.Event) {
			e.Reason, e.BytesStored = compile.ReasonChanged, 1<<20
			e.Causes = []compile.Cause{{Kind: "source", Name: "lib/fc.c"}, header}
		}),
		event(3, compile.Miss, func(e *compile.Event) { e.Reason, e.Causes = compile.ReasonChanged, []compile.Cause{header} }),
		event(4, compile.Miss, func(e *compile.Event) {
			e.Reason, e.Causes = compile.ReasonChanged, []compile.Cause{{Kind: "flag", Name: "-DX", Was: "-DX=1", Now: "-DX=2"}}
			e.NotStored = "write blob: no space left on device"
		}),
		event(5, compile.Miss, func(e *compile.Event) { e.Reason = compile.ReasonNew }),
		event(6, compile.Miss, func(e *compile.Event) { e.Reason, e.CompileMS = "reason-of-tomorrow", 10 }),
		event(7, compile.Uncacheable, func(e *compile.Event) { e.Reason = compile.ReasonTimeMacro; e.Detail = "__TIME__" }),
		event(8, compile.Uncacheable, func(e *compile.Event) { e.Reason, e.CompileCPUMS = compile.ReasonCompileLink, 2000 }),
		event(9, compile.NotCompile, func(e *compile.Event) {
			e.Source, e.Output, e.WallMS, e.CompileMS, e.CompileCPUMS = "", "/src/app", 1, 0, 0
		}),
		event(10, compile.Bypassed, func(e *compile.Event) { e.Reason, e.Compiler = compile.ReasonFault, "icc" }),
		event(11, compile.Failed, func(e *compile.Event) { e.Status, e.WallMS = 1, 61_000 }),
		event(12, compile.Hit, func(e *compile.Event) { e.Run, e.Tier = "r0", "disk" }),
	}
}

// instance returns a directory with these events in its spool.
func instance(t *testing.T, events ...*compile.Event) string {
	t.Helper()
	dir := t.TempDir()
	w := open(t, SpoolDir(dir), 7)
	record(t, w, events...)
	return dir
}

func load(t *testing.T, dir, run string) *Summary {
	t.Helper()
	s, err := Load(dir, Options{Version: "1.2.3", Now: start, Run: run, Lookup: reasons})
	if err != nil {
		t.Fatal(err)
	}
	s.Stats.Dir = "/cache" // the test's own is another each time
	return s
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// goldens compares what each function writes with the file of its name.
func goldens(t *testing.T, files map[string]func(io.Writer) error) {
	t.Helper()
	for name, write := range files {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			golden(t, name, b.Bytes())
		})
	}
}

func markdown(s *Summary) func(io.Writer) error {
	return func(w io.Writer) error {
		md, err := s.Markdown(MarkdownLimit)
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, md)
		return err
	}
}

func TestReports(t *testing.T) {
	dir := instance(t, aBuild()...)
	if err := os.WriteFile(filepath.Join(SpoolDir(dir), "unrecorded"), []byte("\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty, all, run := load(t, t.TempDir(), ""), load(t, dir, ""), load(t, dir, "r1")
	goldens(t, map[string]func(io.Writer) error{
		"stats.json":  all.Stats.WriteJSON,
		"empty.json":  empty.Stats.WriteJSON,
		"stats.txt":   all.WriteStats,
		"run.txt":     run.WriteTerminal,
		"empty.txt":   empty.WriteTerminal,
		"report.html": run.WriteHTML,
		"report.md":   markdown(run),
		"empty.md":    markdown(empty),
	})
}

func TestStatsOfFoldedEventsAreTheSame(t *testing.T) {
	dir := t.TempDir()
	w := open(t, SpoolDir(dir), 7)
	record(t, w, aBuild()...)
	w.Close()
	before, err := ReadStats(dir, "v", start)
	if err != nil {
		t.Fatal(err)
	}
	if err := fold(t.Context(), SpoolDir(dir), 0, 0); err != nil {
		t.Fatal(err)
	}
	after, err := ReadStats(dir, "v", start)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("stats before and after folding (-before +after):\n%s", diff)
	}
	if s := load(t, dir, ""); s.Earlier != 13 || len(s.Events) != 0 {
		t.Errorf("Earlier = %d, %d events; want 13, 0", s.Earlier, len(s.Events))
	}
}

func TestInvariant(t *testing.T) {
	for name, spoil := range map[string]func(*Stats){
		"invocations": func(s *Stats) { s.Invocations++ },
		"outcome":     func(s *Stats) { s.Outcomes.Failed++; s.Invocations++ },
		"tier":        func(s *Stats) { s.HitsByTier.Bucket++ },
		"reason":      func(s *Stats) { s.Reasons.Miss[compile.ReasonNew]++ },
		"compiler":    func(s *Stats) { s.ByCompiler.Rustc.Hit++ },
		"rate":        func(s *Stats) { s.HitRate = nil },
	} {
		var tally Tally
		for _, e := range aBuild() {
			tally.Add(e)
		}
		s := tally.Stats()
		if err := s.Invariant(); err != nil {
			t.Fatal(err)
		}
		spoil(s)
		if err := s.WriteJSON(&bytes.Buffer{}); err == nil {
			t.Errorf("%s spoiled: WriteJSON = nil, want an error", name)
		}
	}
}

func TestMarkdownDegrades(t *testing.T) {
	var events []*compile.Event
	for i := range 300 {
		events = append(events, event(i%26, compile.Miss, func(e *compile.Event) {
			e.Reason, e.Causes = compile.ReasonChanged, []compile.Cause{{Kind: "header", Name: strings.Repeat("x", 150) + string(rune('A'+i))}}
		}))
	}
	s := load(t, instance(t, events...), "")
	last := 1 << 30
	for _, limit := range []int{MarkdownLimit, 30 << 10, 4 << 10, 1 << 10, 100, 0} {
		md, err := s.Markdown(limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(md) > limit && limit > 0 && limit >= 100 {
			t.Errorf("Markdown(%d) has %d bytes", limit, len(md))
		}
		if !strings.HasPrefix(md, "### compile-cache: hit rate 0.0 % (0 hits, 300 misses)") {
			t.Errorf("Markdown(%d) begins with %.80q, want the verdict", limit, md)
		}
		if len(md) > last {
			t.Errorf("Markdown(%d) has %d bytes, more than with a larger limit", limit, len(md))
		}
		last = len(md)
	}
}

func TestDuration(t *testing.T) {
	for _, tt := range []struct {
		ms   float64
		want string
	}{
		{0, "0s"}, {-5, "0s"}, {0.4, "0s"}, {12.4, "12ms"}, {4249, "4.2s"}, {59_000, "59.0s"}, {72_400, "1m12s"}, {3_600_000, "1h00m"}, {5_430_000, "1h31m"},
	} {
		if got := duration(tt.ms); got != tt.want {
			t.Errorf("duration(%v) = %q, want %q", tt.ms, got, tt.want)
		}
	}
	for share, want := range map[float64]string{0: "0.0 %", 1: "100.0 %", 0.9999: "99.9 %", 0.0001: "0.1 %", 0.875: "87.5 %"} {
		if got := percent(share); got != want {
			t.Errorf("percent(%v) = %q, want %q", share, got, want)
		}
	}
}
