package engine_test

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/disk"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/engine"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/cc"
	"github.com/compile-cache/compile-cache-action/internal/key"
)

// processes is a Client that runs programs, as the wrapper does.
type processes struct{ inv *compile.Invocation }

func (processes) Early(_, _ []byte) error { return nil }
func (processes) Away()                   {}

func (p processes) Run(ctx context.Context, run engine.Run) (engine.Ran, error) {
	args := run.Args
	if args == nil {
		args = p.inv.Args
	}
	var out, errs strings.Builder
	cmd := exec.CommandContext(ctx, p.inv.Program, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = p.inv.Dir, p.inv.Env, &out, &errs
	began := time.Now()
	err := cmd.Run()
	ran := engine.Ran{Wall: time.Since(began), Captured: run.Capture, Stdout: []byte(out.String()), Stderr: []byte(errs.String())}
	if cmd.ProcessState == nil {
		return ran, err
	}
	ran.Status = cmd.ProcessState.ExitCode()
	ran.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return ran, nil
}

func (p processes) Probe(ctx context.Context, argv, env []string) (frontend.ProbeResult, error) {
	var out, errs strings.Builder
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = p.inv.Dir, append(append([]string(nil), p.inv.Env...), env...), &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		return frontend.ProbeResult{}, err
	}
	return frontend.ProbeResult{Status: cmd.ProcessState.ExitCode(), Stdout: []byte(out.String()), Stderr: []byte(errs.String())}, nil
}

// newEngine returns an engine over a fresh disk tier, and the events it records.
func newEngine(tb testing.TB, wrap func(frontend.Frontend) frontend.Frontend) (*engine.Engine, *[]compile.Event) {
	tb.Helper()
	dir := tb.TempDir()
	log := slog.New(slog.DiscardHandler)
	store, err := disk.Open(disk.Options{Dir: filepath.Join(dir, "instance"), Class: "local", Now: time.Now, Logger: log})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = store.Close(context.Background()) })
	state := key.NewState(time.Now)
	clock := key.Clock{Path: filepath.Join(dir, "clock")}
	state.Fine = clock.TestTimes()
	var fe frontend.Frontend = cc.New()
	if wrap != nil {
		fe = wrap(fe)
	}
	var events []compile.Event
	n := 0
	return engine.New(engine.Config{
		Store: store, Tier: "disk", Frontends: []frontend.Frontend{fe}, State: state, Clock: clock,
		Scratch: func() string { n++; return filepath.Join(dir, "scratch"+string(rune('0'+n%10))) },
		Record:  func(e *compile.Event) { events = append(events, *e) }, Now: time.Now, Log: log,
	}), &events
}

// compilerPath returns a compiler, or skips.
func compilerPath(tb testing.TB, name string) string {
	tb.Helper()
	p, err := exec.LookPath(name)
	if err != nil {
		tb.Skipf("%s is not installed", name)
	}
	return p
}

// BenchmarkHit is the daemon's part of a hit on a C++ file with some 400 headers.
func BenchmarkHit(b *testing.B) {
	gxx := compilerPath(b, "g++")
	dir := b.TempDir()
	var src strings.Builder
	for _, h := range strings.Fields("algorithm array atomic bitset chrono codecvt complex condition_variable deque exception filesystem fstream functional future iomanip ios iostream list locale map memory mutex numeric ostream queue random ratio regex set shared_mutex sstream stack stdexcept string system_error thread tuple type_traits unordered_map unordered_set utility valarray variant vector") {
		src.WriteString("#include <" + h + ">\n")
	}
	src.WriteString("int main() { return 0; }\n")
	if err := os.WriteFile(filepath.Join(dir, "a.cpp"), []byte(src.String()), 0o644); err != nil {
		b.Fatal(err)
	}
	e, events := newEngine(b, nil)
	inv := &compile.Invocation{
		Program: gxx, Args: []string{"-c", "a.cpp", "-o", "a.o"}, Dir: dir, Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent"}, Umask: 0o022,
	}
	e.Handle(context.Background(), inv, processes{inv})
	for b.Loop() {
		if a := e.Handle(context.Background(), inv, processes{inv}); a.Replay == nil {
			b.Fatalf("no hit: %+v", (*events)[len(*events)-1])
		}
	}
	b.ReportMetric(float64((*events)[len(*events)-1].Inputs), "headers")
}
