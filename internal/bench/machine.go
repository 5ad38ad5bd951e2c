package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/daemon"
	"github.com/compile-cache/compile-cache-action/internal/protocol"
	"github.com/compile-cache/compile-cache-action/internal/report"
)

// machine is a cache of ours as people use it: the command line starts its daemon and stops it.
type machine struct {
	suite *suite
	dir   string
	env   []string
	place protocol.Place
	pid   int // of the daemon; 0: none
}

// newMachine makes an empty cache; more are settings. No daemon runs yet.
func (s *suite) newMachine(more []string, names ...string) (*machine, error) {
	dir, err := s.directory(names...)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, err
	}
	m := &machine{suite: s, dir: dir, env: with(s.env, append([]string{"COMPILE_CACHE_DIR=" + dir}, more...)...)}
	m.place = protocol.FindPlace(func(name string) string { return getenv(m.env, name) }, "", os.Getuid(), daemon.Namespace())
	return m, nil
}

// start starts the daemon.
func (m *machine) start(ctx context.Context) error {
	if _, err := m.suite.output(ctx, job{argv: []string{m.suite.program("compile-cache"), "start"}, env: m.env, dir: m.dir}); err != nil {
		return err
	}
	client, err := daemon.Dial(m.place)
	if err != nil {
		return fmt.Errorf("dial daemon: %w", err)
	}
	defer client.Close()
	st, err := client.Ping()
	if err != nil {
		return fmt.Errorf("ping daemon: %w", err)
	}
	m.pid = st.PID
	return nil
}

// stop ends the daemon, which publishes before, and tells how long that took. A second stop does nothing.
func (m *machine) stop(ctx context.Context) (time.Duration, error) {
	if m.pid == 0 {
		return 0, nil
	}
	began := m.suite.Now()
	_, err := m.suite.output(ctx, job{argv: []string{m.suite.program("compile-cache"), "stop"}, env: m.env, dir: m.dir})
	m.pid = 0
	return m.suite.Now().Sub(began), err
}

// quit stops the daemon, whatever else has ended.
func (m *machine) quit() { _, _ = m.stop(context.Background()) }

// cpu is what the daemon has used so far.
func (m *machine) cpu() (time.Duration, error) {
	if m.pid == 0 {
		return 0, errors.New("no daemon runs")
	}
	return cpuClock(m.pid)
}

// measure runs a job and adds what the daemon did meanwhile. Where none runs it is started first, which counts.
func (m *machine) measure(ctx context.Context, j job) (Sample, error) {
	var before, started time.Duration
	if m.pid == 0 {
		began := m.suite.Now()
		if err := m.start(ctx); err != nil {
			return Sample{}, err
		}
		started = m.suite.Now().Sub(began)
	} else {
		var err error
		if before, err = m.cpu(); err != nil {
			return Sample{}, err
		}
	}
	sample, err := m.suite.run(ctx, j)
	if err != nil {
		return Sample{}, err
	}
	after, err := m.cpu()
	if err != nil {
		return Sample{}, err
	}
	sample.Wall += started
	sample.DaemonCPU = after - before
	sample.CPU += sample.DaemonCPU
	return sample, nil
}

// stats are the counters so far.
func (m *machine) stats() (*report.Stats, error) {
	return report.ReadStats(m.dir, "", m.suite.Now())
}
