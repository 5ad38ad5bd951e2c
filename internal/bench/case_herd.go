package bench

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

//go:embed programs/fakecc.c
var fakeCompiler string

//go:embed programs/herd.c
var herdProgram string

const numberFailures = "failures"

// herd lets thousands of wrappers of a fake compiler start at once, first into an empty cache, then again. What the cache
// cannot serve in time the wrappers compile themselves: only a wrong status or a missing output is a failure.
func (s *suite) herd(ctx context.Context) (*Case, error) {
	dir, err := s.directory("herd", "bin")
	if err != nil {
		return nil, err
	}
	fake, err := s.compileC(ctx, dir, "gcc", fakeCompiler, "-DREAL_COMPILER=\""+s.cc+"\"")
	if err != nil {
		return nil, err
	}
	herd, err := s.compileC(ctx, dir, "herd", herdProgram)
	if err != nil {
		return nil, err
	}
	work, err := s.directory("herd", "work")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(work, "unit.c"), []byte("int unit;\n"), 0o644); err != nil {
		return nil, err
	}
	in, err := s.newInstance("herd", "cache")
	if err != nil {
		return nil, err
	}
	defer in.stop()
	c := &Case{What: "wrappers of a fake compiler at once", Rounds: 2, Settings: map[string]any{"wrappers": s.Herd}}
	failures, left := 0, 0
	for _, name := range []string{"cold", "warm"} {
		if err := os.RemoveAll(filepath.Join(work, "out")); err != nil {
			return nil, err
		}
		if err := os.Mkdir(filepath.Join(work, "out"), 0o755); err != nil {
			return nil, err
		}
		argv := []string{herd, fmt.Sprint(s.Herd), s.program("ccwrap"), fake, "-c", "unit.c", "-o", "out/unit-@.o"}
		failed, err := s.release(ctx, c, in, name, job{argv: argv, env: in.env, dir: work})
		if err != nil {
			return nil, err
		}
		failures += failed
		if !in.alive() {
			left++
			if err := in.replace(); err != nil {
				return nil, err
			}
		}
	}
	c.add(numberFailures, float64(failures), "wrappers")
	if memory, err := residentBytes(in.cmd.Process.Pid); err == nil {
		c.add(numberRSS, float64(memory)/1e6, "MB")
	}
	if _, err := in.stop(); err != nil {
		left++ // it had just found out that its socket is gone
	}
	c.add("daemons that left meanwhile", float64(left), "daemons")
	return c, in.stopOthers()
}

// compileC makes one of our own programs.
func (s *suite) compileC(ctx context.Context, dir, name, text string, flags ...string) (string, error) {
	source, program := filepath.Join(dir, name+".c"), filepath.Join(dir, name)
	if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
		return "", err
	}
	argv := append([]string{s.cc, "-O2", "-o", program, source}, flags...)
	_, err := s.run(ctx, job{argv: argv, env: s.env, dir: dir})
	return program, err
}

// release runs the herd once and returns how many failed: by status, or without the right output.
func (s *suite) release(ctx context.Context, c *Case, in *instance, name string, j job) (int, error) {
	stats, err := in.outcomes()
	if err != nil {
		return 0, err
	}
	cpu, err := in.cpu()
	if err != nil {
		return 0, err
	}
	out, err := s.output(ctx, j)
	if err != nil {
		return 0, err
	}
	var started, failed int
	var wall time.Duration
	if _, err := fmt.Sscan(string(out), &started, &failed, &wall); err != nil {
		return 0, fmt.Errorf("herd says %q: %w", out, err)
	}
	if started < s.Herd {
		return 0, fmt.Errorf("this machine lets only %d of %d processes start", started, s.Herd)
	}
	if in.alive() {
		used, err := in.cpu()
		if err != nil {
			return 0, err
		}
		c.add(name+", daemon's CPU", (used - cpu).Seconds(), "s")
	}
	for i := range s.Herd {
		object := fmt.Sprintf("out/unit-%d.o", i)
		b, err := os.ReadFile(filepath.Join(j.dir, object))
		if err != nil || strings.TrimSpace(string(b)) != "object of unit.c as "+object {
			failed++
		}
	}
	now, err := in.outcomes()
	if err != nil {
		return 0, err
	}
	c.add(name+", wall", wall.Seconds(), "s")
	c.add(name+", hits", float64(now.Outcomes.Hit-stats.Outcomes.Hit), "wrappers")
	c.add(name+", misses", float64(now.Outcomes.Miss-stats.Outcomes.Miss), "wrappers")
	other := now.Invocations - stats.Invocations - (now.Outcomes.Hit + now.Outcomes.Miss) + stats.Outcomes.Hit + stats.Outcomes.Miss
	c.add(name+", other outcomes", float64(other), "wrappers")
	c.add(name+", compiled without the daemon", float64(now.Unrecorded-stats.Unrecorded), "wrappers")
	return failed, nil
}
