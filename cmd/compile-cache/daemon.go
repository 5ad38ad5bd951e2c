package main

import (
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/config"
	"github.com/compile-cache/compile-cache-action/internal/daemon"
)

// memoryLimit is from where on garbage is collected as often as it takes, in bytes.
const memoryLimit = 160 << 20

// daemonCmd is called by ccwrap without --serve: it starts the daemon proper and waits until that one listens.
type daemonCmd struct {
	Serve bool   `hidden:""`
	Near  string `hidden:"" help:"Directory in which the builds are expected."`
}

func (c *daemonCmd) Run(a *app) error {
	if !c.Serve {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		return daemon.Detach(self, serveArgs(), a.env)
	}
	setUmask()
	settings := config.Read(a.getenv)
	if daemon.NeedsSecrets(settings) {
		// Before there is anything to hide.
		if err := daemon.Conceal(); err != nil {
			settings.Warnings = append(settings.Warnings, "other processes of this user may read the daemon's memory: "+err.Error())
		}
	}
	secrets, err := daemon.ReadSecrets()
	if err != nil {
		settings.Warnings = append(settings.Warnings, err.Error())
	}
	// Collecting garbage less often than by default costs some memory, of which there is a bound, and saves hits 4 % of CPU.
	debug.SetGCPercent(300)
	debug.SetMemoryLimit(memoryLimit)
	return daemon.Serve(a.ctx, daemon.Options{
		Place: a.place, Config: settings, Secrets: secrets, Getenv: a.getenv, Version: Version, Now: time.Now, MadeBy: a.madeBy(),
		Warm: a.warmFiles(c.Near),
	}, daemon.TellStarter())
}

// serveArgs are the arguments of the daemon proper, which works in "/": builds are expected where its starter is.
func serveArgs() []string {
	args := []string{"daemon", "--serve"}
	if here, err := os.Getwd(); err == nil {
		args = append(args, "--near", here)
	}
	return args
}

// madeBy says who makes the results of this daemon, for people who look at one later.
func (a *app) madeBy() string {
	host, _ := os.Hostname()
	parts := []string{host}
	for _, name := range []string{"GITHUB_REPOSITORY", "GITHUB_SHA", "GITHUB_RUN_ID", "GITHUB_JOB"} {
		if v := a.getenv(name); v != "" {
			parts = append(parts, v)
		}
	}
	return strings.Join(parts, " ")
}
