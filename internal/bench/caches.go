package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/daemon"
	"github.com/compile-cache/compile-cache-action/internal/protocol"
	"github.com/compile-cache/compile-cache-action/internal/report"
)

// Names of variants.
const (
	nameNothing = "nothing" // a program that only ends: what a process costs here
	namePlain   = "plain"
	nameCcwrap  = "ccwrap"
	nameCcache  = "ccache"
)

// instance is a cache of ours with its daemon, which is a child of this process.
type instance struct {
	suite *suite
	dir   string
	env   []string
	place protocol.Place
	cmd   *exec.Cmd
	lease *daemon.Client // while it is open the daemon does not idle away; it would if this process were killed
}

// startPatience bounds how long a daemon may take until it listens.
const startPatience = 10 * time.Second

// stopPatience bounds how long one may take to leave: it lets compiles finish for half a minute.
const stopPatience = 40 * time.Second

// newInstance makes an empty cache and starts its daemon.
func (s *suite) newInstance(names ...string) (*instance, error) {
	dir, err := s.directory(names...)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, err
	}
	in := &instance{suite: s, dir: dir, env: with(s.env, "COMPILE_CACHE_DIR="+dir)}
	get := func(name string) string { return getenv(in.env, name) }
	in.place = protocol.FindPlace(get, "", os.Getuid(), daemon.Namespace())
	return in, in.start()
}

// start starts the daemon and waits until it listens.
func (in *instance) start() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	in.cmd = exec.Command(in.suite.program("compile-cache"), "daemon", "--serve")
	in.cmd.Env, in.cmd.Dir, in.cmd.ExtraFiles = in.env, "/", []*os.File{w}
	err = in.cmd.Start()
	w.Close()
	if err != nil {
		return fmt.Errorf("start daemon: %w", err)
	}
	_ = r.SetReadDeadline(in.suite.Now().Add(startPatience))
	said, _ := bufio.NewReader(r).ReadString('\n')
	if said = strings.TrimSpace(said); said != "ready" {
		_ = in.cmd.Process.Kill()
		_ = in.cmd.Wait()
		in.cmd = nil
		return fmt.Errorf("start daemon: it says %q", said)
	}
	if in.lease, err = daemon.Dial(in.place); err != nil {
		in.kill()
		return fmt.Errorf("dial daemon: %w", err)
	}
	return nil
}

// cpu is what the daemon has used so far; 0 where none runs.
func (in *instance) cpu() (time.Duration, error) {
	if in == nil || in.cmd == nil {
		return 0, nil
	}
	return cpuClock(in.cmd.Process.Pid)
}

// stop ends the daemon and returns its CPU from start to end. A second stop does nothing.
func (in *instance) stop() (time.Duration, error) {
	if in == nil || in.cmd == nil {
		return 0, nil
	}
	err := in.lease.Stop()
	in.lease.Close()
	if err != nil {
		in.kill()
		return 0, fmt.Errorf("stop daemon: %w", err)
	}
	cmd := in.cmd
	in.cmd = nil
	if err := cmd.Wait(); err != nil {
		return 0, fmt.Errorf("daemon: %w", err)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

// replace puts a new daemon of ours in the place of one that has left by itself, and of those that wrappers started then.
func (in *instance) replace() error {
	in.lease.Close()
	in.kill()
	if err := in.stopOthers(); err != nil {
		return err
	}
	return in.start()
}

// stopOthers stops a daemon that a wrapper started, and waits for its end.
func (in *instance) stopOthers() error {
	for deadline := in.suite.Now().Add(stopPatience); daemon.Running(in.place); time.Sleep(20 * time.Millisecond) {
		if in.suite.Now().After(deadline) {
			return fmt.Errorf("a daemon of %s does not end", in.dir)
		}
		if other, err := daemon.Dial(in.place); err == nil {
			_ = other.Stop()
			other.Close()
		}
	}
	return nil
}

// alive reports whether the daemon that start started is still there.
func (in *instance) alive() bool {
	_, err := residentBytes(in.cmd.Process.Pid)
	return err == nil
}

func (in *instance) kill() {
	_ = in.cmd.Process.Kill()
	_ = in.cmd.Wait()
	in.cmd = nil
}

// outcomes are the counters so far.
func (in *instance) outcomes() (*report.Stats, error) {
	return report.ReadStats(in.dir, "", in.suite.Now())
}

// measure runs a job that takes long and adds what the daemon did meanwhile.
func (in *instance) measure(ctx context.Context, j job) (Sample, error) {
	before, err := in.cpu()
	if err != nil {
		return Sample{}, err
	}
	sample, err := in.suite.run(ctx, j)
	if err != nil {
		return Sample{}, err
	}
	after, err := in.cpu()
	if err != nil {
		return Sample{}, err
	}
	sample.DaemonCPU = after - before
	sample.CPU += sample.DaemonCPU
	return sample, nil
}

// newCcache makes an empty cache of ccache and returns the environment that uses it: direct mode and inode cache on, all
// else as ccache has it by default.
func (s *suite) newCcache(names ...string) ([]string, error) {
	dir, err := s.directory(names...)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "ccache.conf")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		return nil, err
	}
	return with(s.env,
		"CCACHE_DIR="+dir, "CCACHE_CONFIGPATH="+config, "CCACHE_TEMPDIR="+filepath.Join(dir, "tmp"),
		"CCACHE_DIRECT=1", "CCACHE_INODECACHE=1",
	), nil
}

// ccacheHits returns how many direct hits a ccache counted.
func (s *suite) ccacheHits(ctx context.Context, env []string) (int64, error) {
	out, err := s.output(ctx, job{argv: []string{s.ccache, "--print-stats"}, env: env, dir: s.Dir})
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(out) {
		if f := bytes.Fields(line); len(f) == 2 && string(f[0]) == "direct_cache_hit" {
			return strconv.ParseInt(string(f[1]), 10, 64)
		}
	}
	return 0, errors.New("ccache --print-stats tells no direct_cache_hit")
}

// settle waits until the sources just written are old enough for all: ccache neither trusts an include that changed in the second
// of the compile, nor remembers in its inode cache a file younger than two.
func (s *suite) settle(ctx context.Context) error {
	return sleep(ctx, 2500*time.Millisecond)
}
