package bench

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		list []float64
		want float64
	}{
		{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1}, 5}, {[]float64{5, 1, 9}, 5}, {[]float64{4, 1, 3, 2}, 2.5},
	} {
		if got := median(tt.list); got != tt.want {
			t.Errorf("median(%v) = %v, want %v", tt.list, got, tt.want)
		}
	}
}

// Pairs are of one round: a variant that ran in some rounds only is compared in those.
func TestRatio(t *testing.T) {
	ms := func(round int, n time.Duration) Sample { return Sample{Round: round, Wall: n * time.Millisecond} }
	of := Variant{Name: "a", samples: []Sample{ms(0, 2), ms(1, 30), ms(2, 4)}}
	against := Variant{Name: "b", samples: []Sample{ms(0, 4), ms(2, 16)}}
	got, ok := ratio(of, against, "wall", wallOf)
	want := Ratio{Of: "a", Against: "b", What: "wall", Medians: 0.4, MedianOfPairs: 0.375}
	if !ok || got != want {
		t.Errorf("ratio() = %+v, %v, want %+v", got, ok, want)
	}
	if _, ok := ratio(of, Variant{Name: "c"}, "wall", wallOf); ok {
		t.Error("ratio() against a variant that did not run is ok")
	}
}

func TestGates(t *testing.T) {
	cases := []*Case{
		{Name: "small", Ratios: []Ratio{
			{Of: nameCcwrap, Against: namePlain, What: "wall", Medians: 0.1},
			{Of: nameCcwrap, Against: nameCcache, What: "wall", Medians: 0.7},
		}},
		{Name: "daemon", Numbers: []Number{{Name: numberHits, Value: 9000}, {Name: numberP99, Value: 21}}},
	}
	want := []Gate{
		{What: "small hit, wall, against ccache", Gate: 0.8, Goal: 0.6, Measured: 0.7, Unit: "ratio", Met: true},
		{What: "small hits over held connections", Gate: 5000, Goal: 8000, AtLeast: true, Measured: 9000, Unit: "hits/s", Met: true, GoalMet: true},
		{What: "p99 at 64 clients", Gate: 20, Goal: 10, Measured: 21, Unit: "ms"},
	}
	if diff := cmp.Diff(Gates(cases), want); diff != "" {
		t.Errorf("Gates() (-got +want):\n%s", diff)
	}
}

func TestPlainEnvironment(t *testing.T) {
	got := plainEnvironment([]string{"PATH=/bin", "CCACHE_DISABLE=1", "COMPILE_CACHE_DIR=/x", "GITHUB_RUN_ID=7", "MAKEFLAGS=-j", "HOME=/h"})
	if diff := cmp.Diff(got, []string{"PATH=/bin", "HOME=/h"}); diff != "" {
		t.Errorf("plainEnvironment() (-got +want):\n%s", diff)
	}
}

func TestProjectFollowsItsSeed(t *testing.T) {
	p := Project{Files: 8, Headers: 50, Seed: 1}
	first, again, other := writtenProject(t, p), writtenProject(t, p), writtenProject(t, Project{Files: 8, Headers: 50, Seed: 2})
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("the same seed gives another project (-first +again):\n%s", diff)
	}
	if cmp.Equal(first, other) {
		t.Error("another seed gives the same project")
	}
	if got, want := len(first), p.Files+projectModules*headersOfModule+1; got != want {
		t.Errorf("a project of %d files has %d, want %d", p.Files, got, want)
	}
}

func writtenProject(t *testing.T, p Project) map[string]string {
	t.Helper()
	dir := t.TempDir()
	if err := writeProject(dir, p, []string{"-O2"}); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, pattern := range []string{"Makefile", "src/*", "include/*/*"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files[strings.TrimPrefix(path, dir)] = string(b)
		}
	}
	return files
}

// workplace builds the programs to be measured, and makes a directory for their work. It skips the test where one of tools is missing.
func workplace(t *testing.T, tools ...string) (programs, dir string) {
	t.Helper()
	if !supported {
		t.Skip("the benchmark runs on Linux only")
	}
	for _, name := range tools {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("no compiler: %v", err)
		}
	}
	programs = t.TempDir()
	build := exec.Command("go", "build", "-o", programs, "../../cmd/ccwrap", "../../cmd/compile-cache")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	dir, err := os.MkdirTemp("", "ccbench-") // a short path: sockets lie below it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return programs, dir
}

// The real programs are measured once; that the report has its form, and nothing about times, is what counts.
func TestSmall(t *testing.T) {
	programs, dir := workplace(t, "gcc", "g++")
	report, err := Run(t.Context(), Options{
		Programs: programs, Dir: dir, Cases: []string{"small"}, Env: os.Environ(), Now: time.Now, Progress: io.Discard,
		Rounds: 1, PlainRounds: 1, Flags: []string{"-O1"},
	})
	if err != nil {
		t.Fatalf("Run() = %v", err)
	}
	var b bytes.Buffer
	if err := report.WriteJSON(&b); err != nil {
		t.Fatalf("WriteJSON() = %v", err)
	}
	checkForm(t, b.Bytes())
	b.Reset()
	if err := report.WriteTable(&b); err != nil || !strings.Contains(b.String(), "small: a hit on a small C file") {
		t.Errorf("WriteTable() = %v and\n%s", err, &b)
	}
}

// checkForm reads a report of the case small as a stranger would.
func checkForm(t *testing.T, text []byte) {
	t.Helper()
	type summary struct{ Min, Median, Max float64 }
	var got struct {
		Schema   int
		Machine  struct{ Cores int }
		Versions struct{ Ccache, CC string }
		Cases    []struct {
			Name     string
			Rounds   int
			Settings map[string]any
			Variants []struct {
				Name   string
				Runs   int
				WallMS summary `json:"wall_ms"`
				CPUMS  summary `json:"cpu_ms"`
			}
			Ratios []struct {
				Of, Against, What string
				OfMedians         float64 `json:"of_medians"`
				MedianOfPairs     float64 `json:"median_of_pairs"`
			}
		}
		Gates []struct{ What string }
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("the report is no JSON: %v\n%s", err, text)
	}
	if got.Schema != Schema || got.Machine.Cores < 1 || got.Versions.CC == "" || len(got.Cases) != 1 {
		t.Fatalf("the report lacks schema, machine, versions or its case:\n%s", text)
	}
	c := got.Cases[0]
	want := []string{nameNothing, namePlain, nameCcwrap}
	ratios := 2
	if got.Versions.Ccache != "" {
		want, ratios = append(want, nameCcache), 6
	}
	if got, want := len(got.Gates), (ratios-2)/2; got != want {
		t.Errorf("the report has %d gates, want %d", got, want)
	}
	var names []string
	for _, v := range c.Variants {
		names = append(names, v.Name)
		if v.Runs != 1 || v.WallMS.Median <= 0 || v.CPUMS.Max <= 0 || v.WallMS.Min > v.WallMS.Max {
			t.Errorf("variant %s was not measured: %+v", v.Name, v)
		}
	}
	if diff := cmp.Diff(names, want); diff != "" {
		t.Errorf("variants (-got +want):\n%s", diff)
	}
	if len(c.Ratios) != ratios {
		t.Errorf("%d ratios, want %d", len(c.Ratios), ratios)
	}
	for _, r := range c.Ratios {
		if r.OfMedians <= 0 || r.MedianOfPairs <= 0 {
			t.Errorf("ratio of %s to %s by %s is not positive: %+v", r.Of, r.Against, r.What, r)
		}
	}
	if n, ok := c.Settings["headers"].(float64); !ok || n < 25 {
		t.Errorf("headers = %v, want at least 25", c.Settings["headers"])
	}
}

func TestFigure(t *testing.T) {
	for v, want := range map[float64]string{38956.29: "38956", 100: "100", 36.14: "36.1", 0.3491: "0.349", 0: "0"} {
		if got := figure(v); got != want {
			t.Errorf("figure(%v) = %s, want %s", v, got, want)
		}
	}
}
