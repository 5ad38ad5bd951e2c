package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// Names of numbers that are gates.
const (
	numberHits = "small hits over 8 connections"
	numberP99  = "small, 64 connections, p99"
	numberRSS  = "memory of the daemon"
)

// clients are the numbers of connections that ask at once.
var clients = []int{1, 8, 64}

// daemonCase measures the daemon alone: hits over connections that are held, so no process starts. The clients share the
// machine with it, so its rate is a lower bound; its own CPU is told beside.
func (s *suite) daemonCase(ctx context.Context) (*Case, error) {
	in, err := s.newInstance("daemon", "cache")
	if err != nil {
		return nil, err
	}
	defer in.stop()
	outputs, err := s.memoryDirectory()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(outputs)
	c := &Case{What: "hits over held connections, without wrappers", Rounds: 1, Settings: map[string]any{
		"seconds": s.HoldFor.Seconds(), "outputs in": filepath.Dir(outputs),
	}}
	small, err := s.newUnit(ctx, "daemon-small", s.cc, smallIncludes, 25, smallBody)
	if err != nil {
		return nil, err
	}
	large, err := s.newUnit(ctx, "daemon-headers", s.cxx, largeIncludes, 400, largeBody)
	if err != nil {
		return nil, err
	}
	if err := s.settle(ctx); err != nil {
		return nil, err
	}
	if err := s.held(ctx, c, in, "small", small, outputs, clients); err != nil {
		return nil, err
	}
	// A compile of the large one takes seconds, and each connection needs its own: one is enough to tell the cost.
	if err := s.held(ctx, c, in, "headers", large, outputs, clients[:1]); err != nil {
		return nil, err
	}
	memory, err := residentBytes(in.cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	c.add(numberRSS, float64(memory)/1e6, "MB")
	_, err = in.stop()
	return c, err
}

// memoryDirectory makes a directory in memory, where there is such a file system. A client replaces its outputs thousands of times,
// as no build does, and ext4 without a journal is slow to make a file where thousands were removed in the last seconds: it does not
// use their inodes again so soon, and looks at each (0.4 ms for a hit became 2.4). The caller removes it.
func (s *suite) memoryDirectory() (string, error) {
	if dir, err := os.MkdirTemp("/dev/shm", "ccbench-"); err == nil {
		return dir, nil
	}
	return s.directory("daemon", "out")
}

// held measures hits on one source over some numbers of connections. Each has outputs of its own: two that write one file
// would not be answered alike.
func (s *suite) held(ctx context.Context, c *Case, in *instance, name string, u *unit, outputs string, clients []int) error {
	c.Settings["headers of "+name] = u.headers
	var all []*client
	defer func() {
		for _, cl := range all {
			cl.close()
		}
	}()
	for i := range slices.Max(clients) {
		out := filepath.Join(outputs, name+"-"+strconv.Itoa(i))
		if err := os.Mkdir(out, 0o755); err != nil {
			return err
		}
		args := u.args(out)
		argv := append([]string{s.program("ccwrap"), u.compiler}, args...)
		if _, err := s.run(ctx, job{argv: argv, env: in.env, dir: u.dir}); err != nil {
			return err
		}
		cl, err := newClient(in, u.compiler, args, u.dir)
		if err != nil {
			return err
		}
		all = append(all, cl)
		if err := cl.hit(); err != nil {
			return err
		}
	}
	for _, n := range clients {
		if err := s.ask(ctx, c, in, name, all[:n]); err != nil {
			return err
		}
	}
	return nil
}

// ask lets all clients ask for the time set, each as soon as it is answered.
func (s *suite) ask(ctx context.Context, c *Case, in *instance, name string, clients []*client) error {
	before, err := in.cpu()
	if err != nil {
		return err
	}
	latencies := make([][]float64, len(clients))
	began := s.Now()
	end := began.Add(s.HoldFor)
	group, ctx := errgroup.WithContext(ctx)
	for i, cl := range clients {
		group.Go(func() error {
			for asked := s.Now(); asked.Before(end) && ctx.Err() == nil; {
				if err := cl.hit(); err != nil {
					return err
				}
				now := s.Now()
				latencies[i] = append(latencies[i], float64(now.Sub(asked))/float64(time.Millisecond))
				asked = now
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	took := s.Now().Sub(began)
	after, err := in.cpu()
	if err != nil {
		return err
	}
	list := slices.Concat(latencies...)
	slices.Sort(list)
	label := fmt.Sprintf("%s, %d connections", name, len(clients))
	rate := fmt.Sprintf("%s hits over %d connections", name, len(clients))
	c.add(strings.Replace(rate, " 1 connections", " 1 connection", 1), float64(len(list))/took.Seconds(), "hits/s")
	c.add(label+", p50", list[len(list)/2], "ms")
	c.add(label+", p99", list[len(list)*99/100], "ms")
	c.add(label+", longest", list[len(list)-1], "ms")
	c.add(label+", daemon's CPU of a hit", milliseconds(after-before)/float64(len(list)), "ms")
	return nil
}
