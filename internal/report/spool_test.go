package report

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/google/go-cmp/cmp"
)

var start = time.Date(2026, 11, 22, 5, 29, 8, 0, time.UTC)

// at is a clock that stands still.
func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func hit(n int) *compile.Event {
	return &compile.Event{
		Time: start.Add(time.Duration(n) * time.Second), Outcome: compile.Hit, Tier: "disk", Compiler: "gcc", Program: "/usr/bin/gcc",
		Dir: "/src", Source: fmt.Sprintf("f%d.c", n), WallMS: 2, CompileMS: 102, BytesRead: 10,
	}
}

func open(t *testing.T, dir string, pid int) *Writer {
	t.Helper()
	w, err := OpenWriter(dir, pid, at(start))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func record(t *testing.T, w *Writer, events ...*compile.Event) {
	t.Helper()
	for _, e := range events {
		if err := w.Record(e); err != nil {
			t.Fatal(err)
		}
	}
}

// hits returns how many hits count, checking the sums.
func hits(t *testing.T, instance string) int64 {
	t.Helper()
	s, err := ReadStats(instance, "v", start)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Invariant(); err != nil {
		t.Fatal(err)
	}
	return s.Outcomes.Hit
}

func sources(t *testing.T, dir string) []string {
	t.Helper()
	r, err := OpenReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	events, err := r.Events(nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range events {
		names = append(names, e.Source)
	}
	return names
}

func TestWriterFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	a, b := open(t, dir, 7), open(t, dir, 7)
	record(t, a, hit(1), hit(3))
	record(t, b, hit(2))
	names, err := spoolNames(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"20261122T052908-7-1.jsonl", "20261122T052908-7.jsonl"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("files of two writers of one pid (-want +got):\n%s", diff)
	}
	info, err := os.Stat(filepath.Join(dir, want[0]))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, %v; want 0600", info.Mode(), err)
	}
	if diff := cmp.Diff([]string{"f1.c", "f2.c", "f3.c"}, sources(t, dir)); diff != "" {
		t.Errorf("events in order of time (-want +got):\n%s", diff)
	}
	for range 2 {
		if err := a.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	}
	if err := a.Record(hit(4)); err == nil {
		t.Error("Record after Close = nil, want an error")
	}
}

func TestWriterWithoutEventsLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, 7).Close()
	if names, err := spoolNames(dir); err != nil || len(names) != 0 {
		t.Errorf("files = %v, %v; want none", names, err)
	}
}

func TestWriterRolls(t *testing.T) {
	instance := t.TempDir()
	w := open(t, SpoolDir(instance), 7)
	w.limit = 500
	for n := range 20 {
		record(t, w, hit(n))
	}
	names, err := spoolNames(SpoolDir(instance))
	if err != nil || len(names) < 5 {
		t.Errorf("files = %v, %v; want several", names, err)
	}
	if got := hits(t, instance); got != 20 {
		t.Errorf("hits = %d, want 20", got)
	}
}

// A write that fails or is cut short, as on a full disk, loses nothing and tears no line.
func TestWriterContinuesAfterFailure(t *testing.T) {
	instance := t.TempDir()
	w := open(t, SpoolDir(instance), 7)
	record(t, w, hit(1))
	good := w.file
	broken, err := os.Open(good.Name()) // read-only: each write fails
	if err != nil {
		t.Fatal(err)
	}
	defer broken.Close()
	w.file = broken
	if err := w.Record(hit(2)); err == nil {
		t.Fatal("Record to a file that cannot be written = nil, want an error")
	}
	// As if the beginning of the line had been written.
	if _, err := good.Write(w.pending.Next(9)); err != nil {
		t.Fatal(err)
	}
	if got := hits(t, instance); got != 1 {
		t.Errorf("hits while the disk is full = %d, want 1", got)
	}
	w.file = good
	record(t, w, hit(3))
	if got := hits(t, instance); got != 3 {
		t.Errorf("hits after recovery = %d, want 3", got)
	}
}

func TestWriterBoundsLines(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir, 7)
	e := hit(1)
	e.Detail = strings.Repeat("\x01", 3<<20)
	for range 1000 {
		e.Causes = append(e.Causes, compile.Cause{Kind: "flag", Name: strings.Repeat("\x02", 9000)})
	}
	record(t, w, e, hit(2))
	if w.size > MaxLine {
		t.Errorf("size = %d, want at most %d", w.size, MaxLine)
	}
	if diff := cmp.Diff([]string{"f1.c", "f2.c"}, sources(t, dir)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestReaderTolerates(t *testing.T) {
	dir := t.TempDir()
	long := `{"outcome":"hit","detail":"` + strings.Repeat("x", 2*MaxLine) + `"}`
	lines := strings.Join([]string{
		`{"time":"2026-11-22T05:29:09Z","outcome":"hit","tier":"warp","new_field":[1]}`,
		`not json`, ``, `{"outcome":"maybe"}`, long, `[1]`,
		`{"time":"2026-11-22T05:29:08Z","outcome":"miss"}`,
		`{"time":"2026-11-22T05:29:10Z","outcome":"hi`,
	}, "\n")
	if err := os.WriteFile(filepath.Join(dir, "20261122T052908-1.jsonl"), []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := OpenReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	tally, err := r.Tally()
	if err != nil {
		t.Fatal(err)
	}
	s := tally.Stats()
	if err := s.Invariant(); err != nil {
		t.Error(err)
	}
	if s.Invocations != 2 || s.HitsByTier.Other != 1 || s.Reasons.Miss[ReasonUnstated] != 1 || r.Skipped != 5 {
		t.Errorf("stats = %+v, skipped %d; want a hit, a miss, 5 skipped", s, r.Skipped)
	}
	if want := "2026-11-22T05:29:08Z"; s.Since != want {
		t.Errorf("since = %s, want %s", s.Since, want)
	}
}

func BenchmarkRecord(b *testing.B) {
	w, err := OpenWriter(b.TempDir(), 1, at(start))
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	e := hit(1)
	e.Key, e.Compilation, e.Output = strings.Repeat("a", 64), strings.Repeat("b", 64), "/src/build/f1.o"
	for b.Loop() {
		if err := w.Record(e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadStats(b *testing.B) {
	instance := b.TempDir()
	w, err := OpenWriter(SpoolDir(instance), 1, at(start))
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	for n := range 1000 {
		if err := w.Record(hit(n)); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if _, err := ReadStats(instance, "v", start); err != nil {
			b.Fatal(err)
		}
	}
}
