package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// job is a process to be run.
type job struct {
	argv []string
	env  []string
	dir  string
}

// maxMessages is what of a failed process's messages an error tells.
const maxMessages = 2000

// run runs a process and measures it. It must end with status 0; its messages go into the error.
func (s *suite) run(ctx context.Context, j job) (Sample, error) {
	sample, _, err := s.runSaying(ctx, j)
	return sample, err
}

// runSaying is run that also returns what the process said.
func (s *suite) runSaying(ctx context.Context, j job) (Sample, []byte, error) {
	log, err := os.CreateTemp(s.Dir, "messages-*")
	if err != nil {
		return Sample{}, nil, err
	}
	defer os.Remove(log.Name())
	defer log.Close()
	cmd := exec.CommandContext(ctx, j.argv[0], j.argv[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = j.env, j.dir, log, log
	began := s.Now()
	err = cmd.Run()
	wall := s.Now().Sub(began)
	said, readErr := os.ReadFile(log.Name())
	if err != nil {
		said = said[max(0, len(said)-maxMessages):]
		return Sample{}, nil, fmt.Errorf("%s: %w\n%s", strings.Join(j.argv, " "), err, said)
	}
	return Sample{Wall: wall, CPU: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}, said, readErr
}

// output runs a process unmeasured and returns what it prints.
func (s *suite) output(ctx context.Context, j job) ([]byte, error) {
	cmd := exec.CommandContext(ctx, j.argv[0], j.argv[1:]...)
	cmd.Env, cmd.Dir = j.env, j.dir
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%s: %w\n%s", strings.Join(j.argv, " "), err, exit.Stderr)
	}
	return out, err
}

// firstLine is what a program says first; "" where it fails.
func (s *suite) firstLine(ctx context.Context, argv ...string) string {
	out, err := s.output(ctx, job{argv: argv, env: s.env, dir: s.Dir})
	if err != nil {
		return ""
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return strings.TrimSpace(string(line))
}

// sleep waits, unless ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
