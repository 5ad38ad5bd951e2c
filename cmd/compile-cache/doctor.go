package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/config"
	"github.com/compile-cache/compile-cache-action/internal/daemon"
	"github.com/compile-cache/compile-cache-action/internal/frontend/cc"
	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// doctorCmd has the checks as what it does by itself.
type doctorCmd struct {
	Check doctorCheckCmd `cmd:"" default:"withargs" help:"Check that everything the cache needs works here: the default."`
	IAM   doctorIAMCmd   `cmd:"" name:"iam" help:"Try what the bucket must not let this job do. Writes small objects, and says which."`
}

type doctorCheckCmd struct {
	JSON bool `help:"As JSON."`
}

// finding is what one check found.
type finding struct {
	Check  string `json:"check"`
	State  string `json:"state"` // ok, note, warning, problem
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"`
}

// Run checks step by step what a build with the cache needs. A problem makes the status 1. Nothing is changed, but that a daemon is
// started where none runs, and that a bucket which this job writes has an object named doctor afterwards.
func (c *doctorCheckCmd) Run(a *app) error {
	var all findings
	a.checkSettings(all.say)
	a.checkDirectory(all.say)
	a.checkQuarantine(all.say)
	a.checkPrograms(all.say)
	a.checkCompilers(all.say)
	a.checkDaemon(all.say)
	for _, w := range a.walks() {
		all = append(all, w.found...)
	}
	return a.tell(all, c.JSON)
}

// findings are in the order in which they are told.
type findings []finding

func (f *findings) say(check, state, hint, format string, args ...any) {
	*f = append(*f, finding{check, state, fmt.Sprintf(format, args...), hint})
}

// tell prints findings. Its error is the status.
func (a *app) tell(all findings, asJSON bool) error {
	problems, width := 0, 10
	for _, f := range all {
		width = max(width, len(f.Check))
		if f.State == "problem" {
			problems++
		}
	}
	if asJSON {
		encoder := json.NewEncoder(a.stdout)
		encoder.SetEscapeHTML(false) // policies and URLs are to be copied
		err := encoder.Encode(struct {
			Problems int      `json:"problems"`
			Findings findings `json:"findings"`
		}{problems, all})
		if err != nil {
			return err
		}
	} else {
		for _, f := range all {
			fmt.Fprintf(a.stdout, "%-8s %-*s %s\n", f.State, width, f.Check, f.Detail)
			if f.Hint != "" {
				fmt.Fprintf(a.stdout, "%-8s %-*s hint: %s\n", "", width, "", f.Hint)
			}
		}
	}
	if problems > 0 {
		return exitStatus(1)
	}
	return nil
}

// sayFunc records a finding.
type sayFunc = func(check, state, hint, format string, args ...any)

func (a *app) checkSettings(say sayFunc) {
	if off, _ := protocol.Bool(a.getenv("COMPILE_CACHE_DISABLE")); off {
		say("settings", "warning", "unset COMPILE_CACHE_DISABLE", "COMPILE_CACHE_DISABLE is set: nothing is cached")
	}
	for _, name := range []string{"COMPILE_CACHE_READONLY", "COMPILE_CACHE_RECACHE"} {
		if on, _ := protocol.Bool(a.getenv(name)); on {
			say("settings", "note", "", "%s is set", name)
		}
	}
	if share, _ := config.ParseRecheck(a.getenv("COMPILE_CACHE_RECHECK")); share > 0 {
		say("settings", "note", "", "COMPILE_CACHE_RECHECK is set: %g%% of the hits are compiled again", share)
	}
	for _, w := range config.Read(a.getenv).Warnings {
		say("settings", "warning", "", "%s", w)
	}
}

func (a *app) checkDirectory(say sayFunc) {
	dir := a.place.Dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		say("directory", "problem", "set COMPILE_CACHE_DIR to a directory that can be written", "%v", err)
		return
	}
	probe, err := os.CreateTemp(dir, "doctor-*")
	if err != nil {
		say("directory", "problem", "set COMPILE_CACHE_DIR to a directory that can be written", "%v", err)
		return
	}
	_, err = probe.Write(make([]byte, 1<<20))
	probe.Close()
	_ = os.Remove(probe.Name())
	if err != nil {
		say("directory", "problem", "free some space, or set COMPILE_CACHE_DIR elsewhere", "%s: %v", dir, err)
		return
	}
	say("directory", "ok", "", "%s can be written", dir)
	if fi, err := os.Lstat(a.place.Run); err == nil && (!fi.IsDir() || fi.Mode().Perm()&0o077 != 0) {
		say("directory", "problem", "chmod 700 "+a.place.Run, "%s is open to others, so no wrapper trusts a socket in it", a.place.Run)
	}
}

func (a *app) checkPrograms(say sayFunc) {
	if err := a.install(); err != nil {
		say("programs", "problem", "", "%v", err)
		return
	}
	say("programs", "ok", "", "%s", a.program("ccwrap"))
}

// checkCompilers tells which compilers a build finds by name, and whether shims come before them.
func (a *app) checkCompilers(say sayFunc) {
	found := 0
	for _, name := range always {
		path, err := lookPath(name, a.getenv("PATH"))
		if err != nil {
			continue
		}
		found++
		real, err := filepath.EvalSymlinks(path)
		switch {
		case err != nil:
			say("compilers", "warning", "", "%s: %v", name, err)
		case filepath.Base(real) == "ccwrap":
			say("compilers", "ok", "", "%s is a shim: %s", name, path)
		case strings.Contains(filepath.Base(real), "ccache"):
			say("compilers", "note", "ccwrap skips it and uses the compiler behind", "%s is another cache: %s", name, real)
		case !cc.New().Match(filepath.Base(path)):
			say("compilers", "warning", "", "%s is not known as a compiler", path)
		default:
			say("compilers", "ok", "", "%s is %s", name, real)
		}
	}
	if found == 0 {
		say("compilers", "warning", "install gcc or clang", "no C or C++ compiler is in PATH")
	}
}

func (a *app) checkDaemon(say sayFunc) {
	client, err := a.connect()
	if err != nil {
		say("daemon", "problem", "compile-cache log shows why", "%v", err)
		return
	}
	defer client.Close()
	st, err := client.Ping()
	if err != nil {
		say("daemon", "problem", "compile-cache log shows why", "it does not answer: %v", err)
		return
	}
	say("daemon", "ok", "", "%d, version %s, trust class %s, at %s", st.PID, st.Version, st.Class, st.Socket)
	now := config.Read(a.getenv)
	for _, d := range differences(st.Config, now) {
		say("daemon", "warning", "compile-cache stop lets the next build start one with today's settings", "%s", d)
	}
	if daemon.Namespace() == "0" {
		say("daemon", "note", "", "this system tells no mount namespace")
	}
}

// differences lists settings in which a running daemon differs from the environment of now.
func differences(was, now config.Config) []string {
	var out []string
	if was.MaxSize.Value != now.MaxSize.Value {
		out = append(out, fmt.Sprintf("the daemon was started with another COMPILE_CACHE_MAX_SIZE: %+v, now %+v", was.MaxSize.Value, now.MaxSize.Value))
	}
	if was.IdleTimeout.Value != now.IdleTimeout.Value {
		out = append(out, fmt.Sprintf("the daemon was started with another COMPILE_CACHE_IDLE_TIMEOUT: %s, now %s", was.IdleTimeout.Value, now.IdleTimeout.Value))
	}
	if was.LogLevel.Value != now.LogLevel.Value {
		out = append(out, fmt.Sprintf("the daemon was started with another COMPILE_CACHE_LOG: %s, now %s", was.LogLevel.Value, now.LogLevel.Value))
	}
	for _, b := range []struct {
		name     string
		was, now config.Bucket
	}{{"COMPILE_CACHE_BUCKET", was.Bucket.Value, now.Bucket.Value}, {"COMPILE_CACHE_EDGE", was.Edge.Value, now.Edge.Value}} {
		if !b.was.Equal(b.now) {
			out = append(out, fmt.Sprintf("the daemon was started with another %s: %s, now %s", b.name, b.was, b.now))
		}
	}
	if was.Profile.Value != now.Profile.Value {
		out = append(out, fmt.Sprintf("the daemon was started with another COMPILE_CACHE_PROFILE: %q, now %q", was.Profile.Value, now.Profile.Value))
	}
	return out
}
