package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// RustOptions are what the benchmark of cargo builds is asked for. Fields without a remark must be set.
type RustOptions struct {
	Programs string // directory of ccwrap and compile-cache
	Dir      string // where everything is made; must not exist or be empty
	Env      []string
	Now      func() time.Time
	Progress io.Writer

	Project string            // a directory with a Cargo.toml, which is copied
	Cargo   []string          // arguments of cargo: build --release
	Jobs    int               // of cargo
	Set     []string          // variables of all builds, NAME=VALUE, after what steers caches was taken out of Env
	Cases   []string          // of RustCases; those of filling the caches run always
	Sides   []string          // of RustSides; gates are told where the sides that they compare are among them
	Peers   map[string]string // sccache, kache, mbx: program; "" or missing: none
	Leaf    string            // a source file of a member that others depend on little or not; "": not measured
	Mid     string            // one of a member in the middle of the graph; "": not measured

	First  int // rounds of builds into an empty cache, at least 1
	Rounds int // of all else
	Plain  int // of Rounds, those in which plain cargo builds as well
	Calls  int // of ccwrap, for its CPU

	RoundTrip  time.Duration // between machine and bucket
	S3         string        // http://HOST:PORT/BUCKET; "": a versitygw is started
	Versitygw  string        // its program; "": from PATH
	DropCaches bool          // the page cache, before each build, where that is permitted
	Settle     time.Duration // sources lie still so long before a build: most caches distrust younger ones

	// Save gets the report after each turn, so that a run which is cut off leaves what it had.
	Save func(*Report) error
}

// RustCases are the cases of RunRust beyond the first builds, in the order in which a turn measures them.
var RustCases = []string{"warm", "commit", "path", "fresh", "wrapper"}

// Kinds of builds: one case each in the report.
const (
	kindFirst     = "first build"
	kindWarm      = "warm"
	kindNoop      = "no-op"
	kindLeafKept  = "leaf edited, target kept"
	kindMidKept   = "mid edited, target kept"
	kindLeafClean = "leaf edited, target clean"
	kindMidClean  = "mid edited, target clean"
	kindPath      = "other path"
	kindFresh     = "fresh machine"
	kindWrapper   = "wrapper"
)

var rustKinds = []struct{ name, what string }{
	{kindFirst, "a build with an empty cache"},
	{kindWarm, "a build without target directory, from a filled cache"},
	{kindNoop, "cargo build again: nothing is to be compiled"},
	{kindLeafKept, "a function added to a leaf, all else built"},
	{kindMidKept, "a function added to a crate amid the graph, all else built"},
	{kindLeafClean, "a function added to a leaf, without target directory"},
	{kindMidClean, "a function added to a crate amid the graph, without target directory"},
	{kindPath, "a build in another checkout, where nothing was built yet"},
	{kindFresh, "a build on a machine that has nothing, all of it in a bucket"},
}

// rustBench is a run of the benchmark of cargo builds.
type rustBench struct {
	*suite
	o     RustOptions
	cargo string
	gcc   string // "" for none: no replay then

	sides   []*side
	samples map[string]map[string][]Sample // by kind, then side
	counts  map[string]map[string][]float64
	absent  []Absent
	more    []Number // beyond those of kinds
	cutOff  string   // why there were fewer rounds than asked for, though ctx had not ended
	wrapper *Case
	edits   int // so far: each is another

	outputs []string // of the plain build, those that a cache stores
	unpack  time.Duration
	remote  *rustRemote // nil where no fresh machine is measured
	first   error       // of saving
}

// RunRust measures cargo builds with no cache, with ours and with others, side by side. A round that would not end by the deadline of ctx is
// not begun, and one that the end of ctx breaks off counts only if it is the first; the report says so. A side that fails is left out from there on, with the reason in the report. What it started has ended when
// it returns; what it made under Dir is left to the caller.
func RunRust(ctx context.Context, o RustOptions) (*Report, error) {
	if !supported {
		return nil, fmt.Errorf("the benchmark does not run on %s", runtime.GOOS)
	}
	b := &rustBench{o: o, samples: map[string]map[string][]Sample{}, counts: map[string]map[string][]float64{}}
	b.suite = &suite{
		Options: Options{
			Programs: o.Programs, Dir: o.Dir, Now: o.Now, Progress: o.Progress, S3: o.S3, Versitygw: o.Versitygw, DropCaches: o.DropCaches,
		},
		env: with(rustEnvironment(o.Env), o.Set...),
	}
	if err := b.prepare(ctx); err != nil {
		return nil, err
	}
	err := b.measureAll(ctx)
	b.end()
	r := b.makeReport()
	r.CutOff = b.cutOff
	if ctx.Err() != nil {
		r.CutOff = context.Cause(ctx).Error()
		err = nil
	}
	return r, errors.Join(err, b.first)
}

// rustEnvironment returns env without what steers caches, cargo and rustc.
func rustEnvironment(env []string) []string {
	var out []string
	for _, kv := range plainEnvironment(env) {
		name, _, _ := strings.Cut(kv, "=")
		switch {
		case strings.HasPrefix(name, "KACHE_"), strings.HasPrefix(name, "MBX_"), strings.HasPrefix(name, "CARGO_BUILD_"),
			strings.HasPrefix(name, "CARGO_PROFILE_"), strings.HasPrefix(name, "CARGO_TARGET_"),
			slices.Contains([]string{"CI", "RUSTC", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_INCREMENTAL"}, name):
		default:
			out = append(out, kv)
		}
	}
	return with(out, "CARGO_INCREMENTAL=0", "CARGO_TERM_COLOR=never")
}

// prepare looks for the programs, describes the machine and makes the sides.
func (b *rustBench) prepare(ctx context.Context) error {
	for _, name := range []string{"ccwrap", "compile-cache"} {
		if err := isProgram(b.program(name)); err != nil {
			return fmt.Errorf("%w (go build -o %s ./cmd/... builds both)", err, b.Programs)
		}
	}
	if b.cargo = b.lookPath("cargo"); b.cargo == "" {
		return errors.New("no cargo in PATH")
	}
	if _, err := os.Stat(filepath.Join(b.o.Project, "Cargo.toml")); err != nil {
		return fmt.Errorf("project: %w", err)
	}
	b.gcc = b.lookPath("gcc")
	b.report = &Report{Schema: Schema, Began: b.Now().UTC(), Machine: describeMachine()}
	v := &b.report.Versions
	v.CompileCache = strings.TrimPrefix(b.firstLine(ctx, b.program("compile-cache"), "version"), "compile-cache ")
	v.Cargo = b.firstLine(ctx, b.cargo, "--version")
	v.Rustc = b.firstLine(ctx, b.lookPath("rustc"), "--version")
	v.CC = b.firstLine(ctx, b.gcc, "--version")
	if err := b.fetch(ctx); err != nil {
		return err
	}
	if b.DropCaches {
		if err := dropCaches(); err != nil {
			b.DropCaches = false
			b.say("the page cache is kept: %v", err)
		}
	}
	return b.makeSides(ctx)
}

// fetch downloads what the project needs, so that no measured build does.
func (b *rustBench) fetch(ctx context.Context) error {
	dir := filepath.Join(b.Dir, "fetch", filepath.Base(b.o.Project))
	if err := copyTree(b.o.Project, dir); err != nil {
		return err
	}
	if _, err := b.output(ctx, job{argv: []string{b.cargo, "fetch"}, env: b.env, dir: dir}); err != nil {
		return err
	}
	// The lock file that the fetch wrote, where there was none, is part of all copies.
	b.o.Project = dir
	b.env = with(b.env, "CARGO_NET_OFFLINE=true")
	return nil
}

// copyTree copies a project without its target directory. Files are new, as in a checkout.
func copyTree(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	names, err := fileNames(from)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == "target" {
			continue
		}
		path := filepath.Join(from, name)
		fi, err := os.Stat(path)
		if err != nil {
			return err
		}
		if fi.IsDir() {
			err = os.CopyFS(filepath.Join(to, name), os.DirFS(path))
		} else if content, readErr := os.ReadFile(path); readErr != nil {
			err = readErr
		} else {
			err = os.WriteFile(filepath.Join(to, name), content, fi.Mode().Perm())
		}
		if err != nil {
			return err
		}
	}
	// A checkout, as builds mostly run in one.
	if err := os.Mkdir(filepath.Join(to, ".git"), 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

func (b *rustBench) wants(name string) bool { return slices.Contains(b.o.Cases, name) }

// measureAll fills the caches in the first builds, and measures all else from these.
func (b *rustBench) measureAll(ctx context.Context) error {
	if err := b.rounds(ctx, "first builds", b.o.First, b.o.First, b.firstTurn); err != nil {
		return err
	}
	if b.wants("fresh") {
		if err := b.prepareRemote(ctx); err != nil {
			return err
		}
	}
	if b.wants("wrapper") {
		var err error
		if b.wrapper, err = b.measureWrapper(ctx); err != nil && ctx.Err() == nil {
			b.absent = append(b.absent, Absent{Case: kindWrapper, Variant: nameCcwrap, Why: oneLine(err)})
		}
	}
	return b.rounds(ctx, "round", b.o.Rounds, b.o.Plain, b.turn)
}

// rounds lets all sides take turns, plain cargo in the first rounds only. What a round that is broken off had measured is forgotten, unless
// it is the first: each side should have seen what the others saw.
func (b *rustBench) rounds(ctx context.Context, what string, of, plain int, turn func(context.Context, *side, int) error) error {
	for _, s := range b.sides {
		s.took = 0
	}
	for round := range of {
		if deadline, ok := ctx.Deadline(); ok && b.Now().Add(b.expected(round, plain)).After(deadline) {
			b.cutOff = fmt.Sprintf("the limit left no time for %s %d of %d", what, round+1, of)
			b.say("%s", b.cutOff)
			return nil
		}
		samples, counts := copyOf(b.samples), copyOf(b.counts)
		if err := b.round(ctx, what, round, of, plain, turn); err != nil {
			if round > 0 {
				b.samples, b.counts = samples, counts
			}
			return err
		}
	}
	return nil
}

// takesPart reports whether a side has a turn in a round.
func (s *side) takesPart(round, plain int) bool {
	return !s.out && (s.name != namePlain || round < plain)
}

// expected is how long a round will take, by the last turn of each side; 0 for the first one.
func (b *rustBench) expected(round, plain int) (sum time.Duration) {
	for _, s := range b.sides {
		if s.takesPart(round, plain) {
			sum += s.took
		}
	}
	return sum
}

// copyOf copies two levels of maps; to what they hold is only appended.
func copyOf[T any](all map[string]map[string][]T) map[string]map[string][]T {
	copied := maps.Clone(all)
	for kind, of := range all {
		copied[kind] = maps.Clone(of)
	}
	return copied
}

// round lets every side have its turn. The round after begins with another.
func (b *rustBench) round(ctx context.Context, what string, round, of, plain int, turn func(context.Context, *side, int) error) error {
	for i := range b.sides {
		s := b.sides[(round+i)%len(b.sides)]
		if !s.takesPart(round, plain) {
			continue
		}
		began := b.Now()
		if err := turn(ctx, s, round); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		s.took = b.Now().Sub(began)
		b.say("%s %d of %d: %s took %s", what, round+1, of, s.name, s.took.Round(100*time.Millisecond))
		if b.o.Save != nil {
			b.first = errors.Join(b.first, b.o.Save(b.makeReport()))
		}
	}
	return nil
}

// leaveOut notes why a side is not measured in a kind of builds, and from then on it is not. An end of ctx is no such reason.
func (b *rustBench) leaveOut(ctx context.Context, s *side, kind string, err error) {
	if ctx.Err() != nil || s.lacks[kind] {
		return
	}
	s.lacks[kind] = true
	b.absent = append(b.absent, Absent{Case: kind, Variant: s.name, Why: oneLine(err)})
	b.say("%s, %s: left out: %v", s.name, kind, err)
}

// end stops all that runs.
func (b *rustBench) end() {
	for _, s := range b.sides {
		s.stop()
	}
	if b.remote != nil {
		b.remote.close()
	}
}

// keep keeps a sample of a side.
func (b *rustBench) keep(kind string, s *side, round int, sample Sample) {
	sample.Round = round
	if b.samples[kind] == nil {
		b.samples[kind] = map[string][]Sample{}
	}
	b.samples[kind][s.name] = append(b.samples[kind][s.name], sample)
}

// note keeps a number of this round, of which the median is told.
func (b *rustBench) note(kind, name string, value float64) {
	if b.counts[kind] == nil {
		b.counts[kind] = map[string][]float64{}
	}
	b.counts[kind][name] = append(b.counts[kind][name], value)
}

// cargoArgs are the arguments of a build.
func (b *rustBench) cargoArgs() []string {
	return append(slices.Clone(b.o.Cargo), "-j"+strconv.Itoa(b.o.Jobs))
}

// oneLine is an error for a table: its first line, and its last, which mostly tells the cause.
func oneLine(err error) string {
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	if len(lines) == 1 {
		return lines[0]
	}
	return lines[0] + " ... " + strings.TrimSpace(lines[len(lines)-1])
}

// settle waits until the sources just written are old enough for all.
func (b *rustBench) settle(ctx context.Context) error { return sleep(ctx, b.o.Settle) }
