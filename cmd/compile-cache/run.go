package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/compile-cache/compile-cache-action/internal/config"
	"github.com/compile-cache/compile-cache-action/internal/daemon"
	"github.com/compile-cache/compile-cache-action/internal/protocol"
	"github.com/compile-cache/compile-cache-action/internal/report"
)

type runCmd struct {
	MaxSize string   `help:"Keep the store below this size, such as 5GiB or 10%." placeholder:"SIZE"`
	Recheck string   `help:"Compile this share of the hits again and compare, such as 5%." placeholder:"P%"`
	Quiet   bool     `short:"q" help:"Say nothing at the end."`
	Command []string `arg:"" passthrough:"" help:"The build, after --."`
}

// Run runs a build with the shims in front of PATH. Whatever we fail at, the build runs.
func (c *runCmd) Run(a *app) error {
	command := c.Command
	switch {
	case len(command) > 0 && command[0] == "--":
		command = command[1:]
	case len(command) > 0 && strings.HasPrefix(command[0], "-"):
		return &usageError{fmt.Errorf("run: unknown flag %s", command[0])}
	}
	if len(command) == 0 {
		return &usageError{errors.New("run: no command is given")}
	}
	if off, _ := protocol.Bool(a.getenv("COMPILE_CACHE_DISABLE")); off {
		return a.execute(command)
	}
	if c.MaxSize != "" {
		a.setenv("COMPILE_CACHE_MAX_SIZE", c.MaxSize)
	}
	if c.Recheck != "" {
		a.setenv("COMPILE_CACHE_RECHECK", c.Recheck)
	}
	// A run inside another, or inside a job that the action tags, counts for both.
	run := strconv.FormatInt(a.now().UnixNano(), 36) + "-" + strconv.Itoa(os.Getpid())
	if outer := a.getenv("COMPILE_CACHE_RUN"); outer != "" {
		run = outer + "/" + run
	}
	if !c.Quiet {
		for _, w := range config.Read(a.getenv).Warnings {
			a.ui.warningf("%s", w)
		}
	}
	lease, err := a.prepare()
	nonIncremental := false
	if err != nil {
		a.ui.warningf("%v; the build runs uncached", err)
	} else {
		for _, s := range a.cargoSettings() {
			a.setenv(s.Name, s.Value)
			nonIncremental = nonIncremental || s.Name == "CARGO_INCREMENTAL"
		}
		defer lease.Close()
		a.setenv("PATH", a.shims()+string(os.PathListSeparator)+a.getenv("PATH"))
		a.setenv("COMPILE_CACHE_RUN", run)
	}
	unrecorded := a.unrecorded()
	ended := a.execute(command)
	if err == nil {
		a.publish(lease)
	}
	if err == nil && !c.Quiet {
		a.summarize(run, a.unrecorded()-unrecorded, nonIncremental)
	}
	return ended
}

// prepare makes the instance ready: programs, shims and a running daemon. The lease keeps the daemon from idling away
// while the build does other things.
func (a *app) prepare() (lease *daemon.Client, err error) {
	if err := daemon.OwnDirectories(a.place); err != nil {
		return nil, err
	}
	if err := a.install(); err != nil {
		return nil, err
	}
	if _, err := a.makeShims(); err != nil {
		return nil, err
	}
	return a.connect()
}

// connect returns a connection to the daemon, which it starts where there is none.
func (a *app) connect() (*daemon.Client, error) {
	if client, err := daemon.Dial(a.place); err == nil {
		if _, err := client.Ping(); err == nil {
			return client, nil
		}
		client.Close()
	}
	if err := daemon.Detach(a.program("compile-cache"), serveArgs(), a.env); err != nil {
		return nil, fmt.Errorf("the daemon did not start: %w", err)
	}
	return daemon.Dial(a.place)
}

// shell runs what the kernel does not know how to execute.
const shell = "/bin/sh"

// execute runs the command as a child with our own standard streams and returns its status as an exitStatus.
func (a *app) execute(command []string) error {
	path, err := lookPath(command[0], a.getenv("PATH"))
	if err != nil {
		a.ui.errorf("%s: %v", command[0], err)
		if errors.Is(err, fs.ErrPermission) {
			return exitStatus(126)
		}
		return exitStatus(127)
	}
	cmd := &exec.Cmd{Path: path, Args: command, Env: a.env, Stdin: a.stdin, Stdout: a.stdout, Stderr: a.stderr}
	// A terminal's signals reach the command as well as us: it decides what becomes of them, and we wait for it. Those sent
	// to us alone, as by the runner of a cancelled job, are passed on.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, forwarded...)
	defer signal.Stop(signals)
	err = cmd.Start()
	if errors.Is(err, syscall.ENOEXEC) {
		// A script without "#!": shells, and make through them, give it to the shell.
		cmd = &exec.Cmd{Path: shell, Args: append([]string{shell, path}, command[1:]...), Env: a.env, Stdin: a.stdin, Stdout: a.stdout, Stderr: a.stderr}
		err = cmd.Start()
	}
	if err != nil {
		a.ui.errorf("%s: %v", command[0], err)
		if errors.Is(err, fs.ErrNotExist) {
			return exitStatus(127)
		}
		return exitStatus(126)
	}
	done := make(chan struct{})
	passed := make(chan struct{})
	go func() {
		defer close(passed)
		for {
			select {
			case s := <-signals:
				if s != os.Interrupt && s != syscall.SIGQUIT || !daemon.InForeground() {
					_ = cmd.Process.Signal(s)
				}
			case <-done:
				return
			}
		}
	}()
	err = cmd.Wait()
	close(done)
	<-passed
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit):
		return exitStatus(waitStatus(exit.ProcessState))
	}
	a.ui.errorf("%s: %v", command[0], err)
	return exitStatus(1)
}

// unrecorded counts the wrappers that reached no daemon, of all runs.
func (a *app) unrecorded() int64 {
	fi, err := os.Stat(a.place.Unrecorded())
	if err != nil {
		return 0
	}
	return fi.Size()
}

// summarize says in a few lines what the cache did for this build; nonIncremental, that we told cargo not to compile incrementally.
func (a *app) summarize(run string, unrecorded int64, nonIncremental bool) {
	s, err := report.Load(a.place.Dir, a.reportOptions(run))
	if err == nil {
		s.Stats.Unrecorded = unrecorded
		for i := range s.Tally.Storage {
			// publish has warned of them.
			s.Tally.Storage[i].Problems, s.Tally.Storage[i].OtherProblems = nil, 0
		}
		err = s.WriteTerminal(a.stderr)
		a.warnOfFindings(s)
		if c := s.Stats.ByCompiler; nonIncremental && c.Rustc.Sum()+c.Clippy.Sum() > 0 {
			a.ui.hintf("%s", incrementalNote)
		}
	}
	if err != nil {
		a.ui.warningf("no summary: %v", err)
	}
}
