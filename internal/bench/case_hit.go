package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func (s *suite) small(ctx context.Context) (*Case, error) {
	u, err := s.newUnit(ctx, "small", s.cc, smallIncludes, 25, smallBody)
	if err != nil {
		return nil, err
	}
	return s.hits(ctx, "small", "a hit on a small C file", u)
}

func (s *suite) headers(ctx context.Context) (*Case, error) {
	u, err := s.newUnit(ctx, "headers", s.cxx, largeIncludes, 400, largeBody)
	if err != nil {
		return nil, err
	}
	return s.hits(ctx, "headers", "a hit on a C++ file with many headers", u)
}

// contender is a variant that takes turns with others.
type contender struct {
	name    string
	job     job
	out     string        // directory of its outputs
	daemon  *instance     // nil for others than ccwrap
	began   time.Duration // the daemon's CPU when the last run began
	samples []Sample
}

// warmUps are the unmeasured runs of each: the first compiles, the next fill memories.
const warmUps = 3

// hits measures hits on one source.
func (s *suite) hits(ctx context.Context, name, what string, u *unit) (*Case, error) {
	in, err := s.newInstance(name, "cache")
	if err != nil {
		return nil, err
	}
	defer in.stop()
	contenders, err := s.contenders(name, u, in)
	if err != nil {
		return nil, err
	}
	if err := s.settle(ctx); err != nil {
		return nil, err
	}
	for i := range warmUps {
		for _, c := range contenders {
			if err := c.turn(ctx, s, -1, c.name != namePlain || i == 0); err != nil {
				return nil, err
			}
		}
	}
	if err := sameOutputs(contenders); err != nil {
		return nil, err
	}
	check, err := s.countHits(ctx, in, contenders)
	if err != nil {
		return nil, err
	}
	every := max(1, s.Rounds/max(1, s.PlainRounds))
	for round := range s.Rounds {
		for i := range contenders {
			c := contenders[(round+i)%len(contenders)]
			if err := c.turn(ctx, s, round, c.name != namePlain || round%every == 0); err != nil {
				return nil, err
			}
		}
	}
	if err := sleep(ctx, 20*time.Millisecond); err != nil {
		return nil, err
	}
	for _, c := range contenders {
		if err := c.account(); err != nil {
			return nil, err
		}
	}
	if err := check(int64(s.Rounds)); err != nil {
		return nil, err
	}
	if err := sameOutputs(contenders); err != nil {
		return nil, err
	}
	c := &Case{What: what, Rounds: s.Rounds, Settings: map[string]any{"headers": u.headers, "flags": strings.Join(u.flags, " ")}}
	samples := map[string][]Sample{}
	for _, each := range contenders {
		samples[each.name] = each.samples
	}
	c.setVariants([]string{nameNothing, namePlain, nameCcwrap, nameCcache}, samples)
	c.compare(nameCcwrap, nameCcache)
	c.compare(nameCcwrap, namePlain)
	c.compare(nameCcache, namePlain)
	size, err := outputBytes(contenders[1].out)
	if err != nil {
		return nil, err
	}
	c.add("size of the outputs", float64(size)/1000, "kB")
	return c, nil
}

// contenders are the variants of a hit, each with a directory of its own for outputs of one name.
func (s *suite) contenders(name string, u *unit, in *instance) ([]*contender, error) {
	list := []*contender{
		{name: nameNothing, job: job{argv: []string{"/bin/true"}, env: s.env, dir: u.dir}},
		{name: namePlain, job: job{env: s.env}},
		{name: nameCcwrap, job: job{argv: []string{s.program("ccwrap")}, env: in.env}, daemon: in},
	}
	if s.ccache != "" {
		env, err := s.newCcache(name, "ccache")
		if err != nil {
			return nil, err
		}
		list = append(list, &contender{name: nameCcache, job: job{argv: []string{s.ccache}, env: env}})
	}
	for _, c := range list[1:] {
		c.job.dir = u.dir
		out, err := s.directory(name, "out-"+c.name)
		if err != nil {
			return nil, err
		}
		c.out = out
		// The name is relative, as build tools give it.
		relative, err := filepath.Rel(u.dir, out)
		if err != nil {
			return nil, err
		}
		c.job.argv = append(append(c.job.argv, u.compiler), u.args(relative)...)
	}
	return list, nil
}

// turn runs a contender once. A negative round is a warm-up.
func (c *contender) turn(ctx context.Context, s *suite, round int, now bool) error {
	if !now {
		return nil
	}
	if c.out != "" {
		// A clean build finds no outputs.
		if err := removeFiles(c.out); err != nil {
			return err
		}
	}
	if err := c.account(); err != nil {
		return err
	}
	sample, err := s.run(ctx, c.job)
	if err != nil {
		return err
	}
	if sample.Round = round; round >= 0 {
		c.samples = append(c.samples, sample)
	}
	return nil
}

// account adds what the daemon did since the last run began to that run. Right after a run that would be too little: what a
// thread does at the moment is not on the clock yet.
func (c *contender) account() error {
	now, err := c.daemon.cpu()
	if n := len(c.samples); err == nil && n > 0 && c.samples[n-1].DaemonCPU == 0 {
		last := &c.samples[n-1]
		last.DaemonCPU = now - c.began
		last.CPU += last.DaemonCPU
	}
	c.began = now
	return err
}

func removeFiles(dir string) error {
	names, err := fileNames(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func fileNames(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func outputBytes(dir string) (int64, error) {
	entries, err := os.ReadDir(dir)
	var size int64
	for _, e := range entries {
		fi, err := e.Info()
		if err != nil {
			return 0, err
		}
		size += fi.Size()
	}
	return size, err
}

// sameOutputs compares the objects of all variants with the plain compiler's. Dependency files name their own target.
func sameOutputs(contenders []*contender) error {
	var want []byte
	for _, c := range contenders {
		objects, err := filepath.Glob(filepath.Join(c.out, "*.o"))
		if err != nil || c.out == "" {
			continue
		}
		if len(objects) != 1 {
			return fmt.Errorf("%s made %d objects in place of one", c.name, len(objects))
		}
		got, err := os.ReadFile(objects[0])
		if err != nil {
			return err
		}
		if want == nil {
			want = got
		} else if string(got) != string(want) {
			return fmt.Errorf("the object by %s differs from the plain compiler's", c.name)
		}
	}
	return nil
}

// countHits returns a function that checks that since now each cache had n hits and nothing else.
func (s *suite) countHits(ctx context.Context, in *instance, contenders []*contender) (func(n int64) error, error) {
	before, err := in.outcomes()
	if err != nil {
		return nil, err
	}
	var env []string
	var direct int64
	for _, c := range contenders {
		if c.name == nameCcache {
			env = c.job.env
			if direct, err = s.ccacheHits(ctx, env); err != nil {
				return nil, err
			}
		}
	}
	return func(n int64) error {
		after, err := in.outcomes()
		if err != nil {
			return err
		}
		if hits := after.Outcomes.Hit - before.Outcomes.Hit; hits != n || after.Invocations-before.Invocations != n {
			return fmt.Errorf("ccwrap had %d hits in %d runs; reasons: %v", hits, n, after.Reasons)
		}
		if env == nil {
			return nil
		}
		now, err := s.ccacheHits(ctx, env)
		if err == nil && now-direct != n {
			err = fmt.Errorf("ccache had %d direct hits in %d runs", now-direct, n)
		}
		return err
	}, nil
}
