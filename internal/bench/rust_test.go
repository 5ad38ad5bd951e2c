package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Two crates of a workspace, one of which depends on the other.
var twoCrates = map[string]string{
	"Cargo.toml":      "[workspace]\nmembers = [\"app\", \"part\"]\nresolver = \"2\"\n",
	"app/Cargo.toml":  "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\npart = { path = \"../part\" }\n",
	"app/src/main.rs": "fn main() {\n    println!(\"{}\", part::one() + 1);\n}\n",
	"part/Cargo.toml": "[package]\nname = \"part\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
	"part/src/lib.rs": "pub fn one() -> u32 {\n    1\n}\n",
}

func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// rustOptions are those of a run over two crates with all that needs no other program.
func rustOptions(t *testing.T) RustOptions {
	t.Helper()
	programs, dir := workplace(t, "cargo", "gcc")
	project := filepath.Join(t.TempDir(), "two")
	writeFiles(t, project, twoCrates)
	return RustOptions{
		Programs: programs, Dir: dir, Env: os.Environ(), Now: time.Now, Progress: io.Discard, Project: project, Cargo: []string{"build"}, Jobs: 1,
		Cases: []string{"warm", "commit", "path", "wrapper"}, Sides: RustSides, Leaf: "app/src/main.rs", Mid: "part/src/lib.rs", First: 1, Rounds: 1, Plain: 1, Calls: 2,
	}
}

// Everything is measured once; what was built and what was a hit counts, and nothing about times.
func TestRust(t *testing.T) {
	o := rustOptions(t)
	saved := 0
	o.Save = func(*Report) error { saved++; return nil }
	r, err := RunRust(t.Context(), o)
	if err != nil {
		t.Fatalf("RunRust() = %v", err)
	}
	var text bytes.Buffer
	if err := r.WriteMarkdown(&text); err != nil || !strings.Contains(text.String(), "### warm") {
		t.Errorf("WriteMarkdown() = %v and\n%s", err, &text)
	}
	t.Logf("%s", &text)
	for _, a := range r.Absent {
		if !slices.Contains([]string{nameSccache, nameKache, nameMbx}, a.Variant) && !strings.HasPrefix(a.Why, "no ") {
			t.Errorf("%s was not measured in %q: %s", a.Variant, a.Case, a.Why)
		}
	}
	if r.CutOff != "" || saved == 0 {
		t.Errorf("the run was cut off by %q and saved %d times, want a whole one, saved", r.CutOff, saved)
	}
	got := map[string][]string{}
	numbers := map[string]float64{}
	for _, c := range r.Cases {
		for _, v := range c.Variants {
			got[c.Name] = append(got[c.Name], v.Name)
		}
		for _, n := range c.Numbers {
			numbers[c.Name+", "+n.Name] = n.Value
		}
	}
	all := []string{namePlain, nameCcwrap, nameArchive, nameReplay}
	edited := []string{nameCcwrap, nameArchive}
	want := map[string][]string{
		kindFirst: {namePlain, namePlainCopy, nameCcwrap, nameRoots, nameArchive, nameReplay},
		kindWarm:  all, kindNoop: all,
		kindLeafKept: all[:3], kindMidKept: all[:3], kindLeafClean: edited, kindMidClean: edited,
		kindPath:    {nameCcwrap, nameRoots, nameArchive},
		kindWrapper: {nameNothing, nameCcwrap},
	}
	if _, err := exec.LookPath("zstd"); err != nil {
		for kind, list := range want {
			want[kind] = slices.DeleteFunc(slices.Clone(list), func(name string) bool { return name == nameArchive })
		}
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("variants of the cases (-got +want):\n%s", diff)
	}
	for name, want := range map[string]float64{
		"warm, plain: crates that cargo had built": 2, "warm, replay: crates that cargo had built": 2,
		"warm, replay: runs of build scripts":        0,
		"no-op, ccwrap: crates that cargo had built": 0, "no-op, replay: crates that cargo had built": 0,
		"leaf edited, target kept, plain: crates that cargo had built": 1, "mid edited, target kept, plain: crates that cargo had built": 2,
		"leaf edited, target clean, ccwrap: crates that cargo had built": 2,
	} {
		if got, ok := numbers[name]; !ok || got != want {
			t.Errorf("%s: %v, %v, want %v", name, got, ok, want)
		}
	}
	if numbers["warm, ccwrap: hits"] == 0 || numbers["leaf edited, target clean, ccwrap: hits"] == 0 {
		t.Errorf("no hits of ccwrap in warm builds: %v", numbers)
	}
	var gates []string
	for _, g := range r.Gates {
		gates = append(gates, g.What)
	}
	if diff := cmp.Diff(gates, []string{
		"warm build, wall, against the replay", "first build, CPU, against plain and a copy", "next commit, leaf, wall, against warm with plain compiles of what changed",
		"next commit, amid the graph, wall, against warm with plain compiles of what changed", "CPU of a call of ccwrap",
	}); diff != "" {
		t.Errorf("gates (-got +want):\n%s", diff)
	}
}

// The gate of a commit amid the graph is of medians: ours without target directory against ours warm and what plain cargo takes longer for
// the edit than for nothing. A side that was not asked for has no gate.
func TestGateOfNextCommit(t *testing.T) {
	ms := func(list ...time.Duration) (samples []Sample) {
		for i, n := range list {
			samples = append(samples, Sample{Round: i, Wall: n * time.Millisecond})
		}
		return samples
	}
	samples := map[string]map[string][]Sample{
		kindWarm:     {nameCcwrap: ms(1000, 1100, 5000)},
		kindNoop:     {namePlain: ms(100), nameCcwrap: ms(900)},
		kindMidKept:  {namePlain: ms(1000), nameCcwrap: ms(7000)},
		kindMidClean: {nameCcwrap: ms(3000, 2000, 2500)},
		kindFresh:    {nameCcwrap: ms(1100)},
	}
	b := &rustBench{suite: &suite{}, samples: samples}
	want := []Gate{{
		What: "next commit, amid the graph, wall, against warm with plain compiles of what changed", Gate: 1.3, Goal: 1.1, Measured: 1.25, Unit: "ratio", Met: true,
	}}
	if diff := cmp.Diff(b.gates(), want); diff != "" {
		t.Errorf("gates() (-got +want):\n%s", diff)
	}
	delete(samples[kindMidKept], namePlain)
	if got := b.gates(); len(got) > 0 {
		t.Errorf("gates() without plain builds = %+v, want none", got)
	}
}

// A round that does not fit is not begun, one that is broken off is forgotten but for the first.
func TestRoundsAreWhole(t *testing.T) {
	for _, tt := range []struct {
		name      string
		limit     time.Duration
		cancelled int // the turn in which ctx ends; 0: none
		want      map[string][]int
		cutOff    string
	}{
		{"all fit", 9 * time.Minute, 0, map[string][]int{namePlain: {0}, "a": {0, 1, 2}, "b": {0, 1, 2}}, ""},
		{"two fit", 8 * time.Minute, 0, map[string][]int{namePlain: {0}, "a": {0, 1}, "b": {0, 1}}, "the limit left no time for round 3 of 3"},
		{"broken off", 9 * time.Minute, 5, map[string][]int{namePlain: {0}, "a": {0}, "b": {0}}, ""},
		{"broken off in the first", 9 * time.Minute, 2, map[string][]int{namePlain: {0}, "a": {0}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now := time.Now()
			ctx, cancel := context.WithDeadline(t.Context(), now.Add(tt.limit))
			defer cancel()
			b := &rustBench{
				suite:   &suite{Options: Options{Now: func() time.Time { return now }, Progress: io.Discard}, report: &Report{}},
				samples: map[string]map[string][]Sample{}, counts: map[string]map[string][]float64{},
				sides: []*side{{name: namePlain}, {name: "a"}, {name: "b"}},
			}
			turns := 0
			err := b.rounds(ctx, "round", 3, 1, func(ctx context.Context, s *side, round int) error {
				b.keep(kindWarm, s, round, Sample{})
				b.note(kindWarm, s.name, float64(round))
				if s.name == namePlain {
					now = now.Add(2 * time.Minute)
				}
				now = now.Add(time.Minute)
				if turns++; turns == tt.cancelled {
					cancel()
				}
				return ctx.Err()
			})
			if (err != nil) != (tt.cancelled > 0) || b.cutOff != tt.cutOff {
				t.Errorf("rounds() = %v, cut off by %q, want an end of ctx: %v, and %q", err, b.cutOff, tt.cancelled > 0, tt.cutOff)
			}
			got, noted := map[string][]int{}, map[string][]int{}
			for name, samples := range b.samples[kindWarm] {
				for _, s := range samples {
					got[name] = append(got[name], s.Round)
				}
			}
			for name, values := range b.counts[kindWarm] {
				for _, v := range values {
					noted[name] = append(noted[name], int(v))
				}
			}
			if diff := cmp.Diff(got, tt.want); diff != "" {
				t.Errorf("rounds of samples (-got +want):\n%s", diff)
			}
			if diff := cmp.Diff(noted, tt.want); diff != "" {
				t.Errorf("rounds of numbers (-got +want):\n%s", diff)
			}
		})
	}
}

// A run that is interrupted tells why and what it had; one whose project does not build is an error.
func TestRustCutOff(t *testing.T) {
	o := rustOptions(t)
	o.Cases, o.Sides = []string{"warm"}, []string{namePlain, nameCcwrap}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	o.Save = func(r *Report) error {
		if len(r.Cases) > 0 {
			cancel(errors.New("it is enough"))
		}
		return nil
	}
	r, err := RunRust(ctx, o)
	if err != nil || r == nil || r.CutOff != "it is enough" || len(r.Cases) != 1 {
		t.Errorf("RunRust() of an interrupted run = %+v, %v, want a report with one case", r, err)
	}
	var left []string
	for _, a := range r.Absent {
		if a.Why == "not asked for" {
			left = append(left, a.Variant)
		}
	}
	if want := []string{"mapped", nameSccache, nameKache, nameMbx, nameArchive, nameReplay}; !slices.Equal(left, want) {
		t.Errorf("sides that were not asked for: %q, want %q", left, want)
	}
	o = rustOptions(t)
	writeFiles(t, o.Project, map[string]string{"part/src/lib.rs": "pub fn one( {}\n"})
	if _, err := RunRust(t.Context(), o); err == nil || !strings.Contains(err.Error(), "cargo build") {
		t.Errorf("RunRust() of a project that does not build = %v, want the failed command", err)
	}
}

func TestPeersHits(t *testing.T) {
	for _, tt := range []struct {
		name, text   string
		count        func([]byte) (int64, int64, error)
		hits, others int64
	}{
		{"sccache", `{"stats": {"compile_requests": 9, "cache_hits": {"counts": {"Rust": 5, "C/C++": 1}}, "cache_misses": {"counts": {}}}}`, sccacheHits, 6, 3},
		{"kache", `{"report": {"summary": {"local_hits": 4, "remote_hits": 2, "prefetch_hits": 1, "misses": 3, "passthroughs": 1}}}`, kacheHits, 7, 4},
		{"mbx", "   Compiling a v1\nmbx[cache]: 12 hits, 1 misses, 4 not looked up; 0 B downloaded, 0 B uploaded\n", mbxHits, 12, 5},
		{"mbx, nothing built", "    Finished `dev` profile\n", mbxHits, 0, 0},
	} {
		hits, others, err := tt.count([]byte(tt.text))
		if err != nil || hits != tt.hits || others != tt.others {
			t.Errorf("%s: %d hits, %d others, %v, want %d and %d", tt.name, hits, others, err, tt.hits, tt.others)
		}
	}
	if _, _, err := sccacheHits([]byte("no server")); err == nil {
		t.Error("sccacheHits() of no JSON succeeds")
	}
}

func TestScriptsOf(t *testing.T) {
	page := `<script>
const UNIT_DATA = [
  {"i": 0, "mode": "build", "duration": 4.5},
  {"i": 1, "mode": "run-custom-build", "duration": 0.25},
  {"i": 2, "mode": "run-custom-build", "duration": 1.5}
];
const CONCURRENCY_DATA = [];`
	if scripts, seconds, err := scriptsOf([]byte(page)); err != nil || scripts != 2 || seconds != 1.75 {
		t.Errorf("scriptsOf() = %d, %v, %v, want 2 and 1.75", scripts, seconds, err)
	}
	if _, _, err := scriptsOf([]byte("<html>")); err == nil {
		t.Error("scriptsOf() of another page succeeds")
	}
}

// What is kept of a target directory is what belongs to packages of registries, as rust-cache has it.
func TestArchiveKeeps(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{}
	kept := []string{
		"target/CACHEDIR.TAG", "target/debug/.fingerprint/serde-json-12/x", "target/debug/build/serde-json-34/out/y", "target/debug/deps/libserde_json-12.rlib",
		"target/debug/deps/serde_json-12.d", "target/x86_64-unknown-linux-musl/release/deps/libserde_json-56.rlib",
	}
	for _, name := range append(slices.Clone(kept),
		"target/.rustc_info.json", "target/debug/app", "target/debug/.fingerprint/app-77/x", "target/debug/deps/app-77", "target/debug/deps/libmember-1.rlib",
		"target/debug/incremental/app-1/z", "target/debug/examples/e",
	) {
		files[name] = name
	}
	writeFiles(t, dir, files)
	got, err := keptOfTarget(dir, "target", &keptNames{packages: []string{"serde-json"}, deps: []string{"serde_json", "libserde_json"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"target/CACHEDIR.TAG", "target/debug/.fingerprint/serde-json-12", "target/debug/build/serde-json-34", "target/debug/deps/libserde_json-12.rlib",
		"target/debug/deps/serde_json-12.d", "target/x86_64-unknown-linux-musl/release/deps/libserde_json-56.rlib",
	}
	slices.Sort(got)
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("kept (-got +want):\n%s", diff)
	}
}

// The CPU of a daemon is found by a variable of its environment, and with it that of its ended children; it ends with its side.
func TestMarkedProcesses(t *testing.T) {
	if !supported {
		t.Skip("the benchmark runs on Linux only")
	}
	marks := []string{"BENCH_TEST=" + t.TempDir()}
	child := exec.Command("/bin/sh", "-c", `i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; (i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done); echo ready; read line`)
	child.Env = append(os.Environ(), marks...)
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	found := markedCPU(marks)
	own, err := cpuClock(child.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || found[child.Process.Pid] <= own {
		t.Errorf("markedCPU() = %v, want process %d with more than its own %s", found, child.Process.Pid, own)
	}
	if got := usedSince(marked{1: 5, 2: 7}, marked{2: 9, 3: 4}); got != 6 {
		t.Errorf("usedSince() = %d, want 6", got)
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	endMarked(marks)
	if err := <-ended; err == nil {
		t.Error("endMarked() left the process to end by itself")
	}
	if left := markedProcesses(marks); len(left) > 0 {
		t.Errorf("endMarked() left %v", left)
	}
}

func TestRustReportIsJSON(t *testing.T) {
	r := &Report{Schema: Schema, Versions: Versions{Cargo: "cargo 1", Peers: map[string]string{"mbx": "mbx 1"}}, Absent: []Absent{{"all", "kache", "not installed"}}, CutOff: "the limit"}
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Absent  []struct{ Case, Variant, Why string }
		CutOff  string `json:"cut_off"`
		Version struct{ Peers map[string]string }
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil || got.CutOff != "the limit" || len(got.Absent) != 1 || got.Absent[0].Variant != "kache" {
		t.Errorf("the report reads as %+v, %v", got, err)
	}
}
