// Command compile-cache runs builds with a compiler cache, keeps its daemon, and tells what the cache did.
//
//	compile-cache run -- make -j8
//
// Exit status: 0; 1 where a command failed or found a problem; 2 for wrong usage. `run` ends as the command it ran.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/compile-cache/compile-cache-action/internal/daemon"
	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// Version is set by the linker in a release.
var Version = "devel"

// commands are all commands; one file each.
type commands struct {
	Run     runCmd     `cmd:"" help:"Run a build with the cache: compilers called by name are answered from it."`
	Start   startCmd   `cmd:"" help:"Start the daemon and make the compiler shims."`
	Stop    stopCmd    `cmd:"" help:"Stop the daemon when it has finished what is under way."`
	Stats   statsCmd   `cmd:"" help:"Show what the cache did."`
	Report  reportCmd  `cmd:"" help:"Write a report of what the cache did."`
	Recheck recheckCmd `cmd:"" help:"Run a build whose hits are compiled again and compared, or show what was found so."`
	Explain explainCmd `cmd:"" help:"Tell why the last compile of a file was or was not answered from the cache."`
	Doctor  doctorCmd  `cmd:"" help:"Check that everything the cache needs works here."`
	Log     logCmd     `cmd:"" help:"Show the daemon's log."`
	Clear   clearCmd   `cmd:"" help:"Remove everything stored; counters are kept."`
	Shim    shimCmd    `cmd:"" help:"Make a directory of compiler shims, to be put first in PATH."`
	Version versionCmd `cmd:"" help:"Show the version."`
	Action  actionCmd  `cmd:"" hidden:"" help:"Be a step of the GitHub action."`
	Daemon  daemonCmd  `cmd:"" hidden:"" help:"Be the daemon; started by the others."`
}

// app is what a command works with.
type app struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
	env            []string
	getenv         func(string) string
	place          protocol.Place
	now            func() time.Time
	ui             *ui
}

// exitStatus is an error that only carries the status to exit with: everything has been said.
type exitStatus int

func (exitStatus) Error() string { return "" }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}

// run is the program but for the process: tests call it.
func run(ctx context.Context, args, env []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr, env: env, getenv: lookup(env), now: time.Now}
	a.ui = &ui{w: stderr, terminal: isTerminal(stderr), annotate: a.getenv("GITHUB_ACTIONS") == "true"}
	a.place = protocol.FindPlace(a.getenv, "", os.Getuid(), daemon.Namespace())
	if !filepath.IsAbs(a.place.Dir) {
		// A relative COMPILE_CACHE_DIR is relative to where the command is given; builds change directories.
		if dir, err := filepath.Abs(a.place.Dir); err == nil {
			a.setenv("COMPILE_CACHE_DIR", dir)
			a.place = protocol.FindPlace(a.getenv, "", os.Getuid(), daemon.Namespace())
		}
	}
	var cli commands
	exited := -1
	parser, err := kong.New(&cli,
		kong.Name("compile-cache"),
		kong.Description(description),
		kong.Writers(stdout, stderr),
		kong.Exit(func(status int) { exited = status }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Help(help),
		kong.Bind(a),
	)
	if err != nil {
		a.ui.fail(err)
		return 1
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	c, err := parser.Parse(args)
	switch {
	case exited >= 0:
		return exited
	case err != nil:
		a.ui.errorf("%v", err)
		a.ui.hintf("compile-cache --help lists the commands")
		return 2
	}
	return a.status(c.Run(a))
}

// status is the one place where an error becomes an exit status.
func (a *app) status(err error) int {
	var status exitStatus
	var usage *usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	case errors.As(err, &usage):
		a.ui.fail(err)
		return 2
	}
	a.ui.fail(err)
	return 1
}

func lookup(env []string) func(string) string {
	values := make(map[string]string, len(env))
	for _, kv := range env {
		for i := 1; i < len(kv); i++ {
			if kv[i] == '=' {
				if _, ok := values[kv[:i]]; !ok {
					values[kv[:i]] = kv[i+1:]
				}
				break
			}
		}
	}
	return func(name string) string { return values[name] }
}

// setenv sets a variable for the command and its children.
func (a *app) setenv(name, value string) {
	a.env = append(without(a.env, name), name+"="+value)
	a.getenv = lookup(a.env)
}

func without(env []string, name string) []string {
	out := make([]string, 0, len(env)+1)
	for _, kv := range env {
		if len(kv) <= len(name) || kv[:len(name)] != name || kv[len(name)] != '=' {
			out = append(out, kv)
		}
	}
	return out
}
