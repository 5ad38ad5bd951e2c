package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// step is what a step of a workflow leaves to the runner.
type step struct{ log, output, summary, state string }

// runStep runs a command as the runner runs a step; the command must end with 0, as all of ours do.
func runStep(t *testing.T, env map[string]string, command ...string) step {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = []string{"RUNNER_TEMP=" + dir, "HOME=" + dir, "GITHUB_WORKSPACE=" + dir, "GITHUB_ACTION_PATH=" + copied}
	files := map[string]string{}
	for _, name := range []string{"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_STATE", "GITHUB_ENV", "GITHUB_PATH"} {
		files[name] = filepath.Join(dir, name)
		if err := os.WriteFile(files[name], nil, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd.Env = append(cmd.Env, name+"="+files[name])
	}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v ended with %v, want success: a step of ours never fails a job\n%s", command, err, out)
	}
	read := func(name string) string {
		b, err := os.ReadFile(files[name])
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	return step{string(out), read("GITHUB_OUTPUT"), read("GITHUB_STEP_SUMMARY"), read("GITHUB_STATE")}
}

// programDir makes a directory of programs: shell scripts by name.
func programDir(t *testing.T, scripts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, script := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestBootstrap(t *testing.T) {
	script := filepath.Join(work.Repository, "dist", "bootstrap.sh")
	good := programDir(t, map[string]string{"ccwrap": "exit 0", "compile-cache": "echo compile-cache 1.0"})
	broken := programDir(t, map[string]string{"ccwrap": "exit 0", "compile-cache": "echo bad image; echo ::set-env::1 >&2; exit 126"})
	noGo := programDir(t, map[string]string{})
	badGo := programDir(t, map[string]string{"go": `[ "$1" = version ] && { echo go version go1.1; exit; }; echo go.mod requires go 1.26; exit 1`})
	const path = "/usr/bin:/bin"
	for _, tt := range []struct {
		what    string
		env     map[string]string
		program string // in the output; "" for none
		says    string
	}{
		{"programs", map[string]string{"INPUT_BINARY_PATH": good}, good + "/compile-cache", "compile-cache 1.0"},
		{"an empty directory", map[string]string{"INPUT_BINARY_PATH": noGo}, "", "there is no program ccwrap in " + noGo},
		{"a relative directory", map[string]string{"INPUT_BINARY_PATH": "bin"}, "", "/bin"},
		{"a directory of the home", map[string]string{"INPUT_BINARY_PATH": "~/bin", "HOME": "/home/me"}, "", "in /home/me/bin"},
		{"a program that does not run", map[string]string{"INPUT_BINARY_PATH": broken}, "", "cannot run here: ::set-env::1"},
		{"a path that is a command", map[string]string{"INPUT_BINARY_PATH": "/x\n::set-env name=PATH::/evil\r%0A$(touch evil)"}, "", "/x ::set-env name=PATH::/evil %0A$(touch evil)"},
		{"a Go that is too old", map[string]string{"PATH": badGo + ":" + path}, "", "compile-cache could not be built: go.mod requires go 1.26"},
	} {
		for _, shell := range []string{"sh", "bash"} {
			t.Run(tt.what+"/"+shell, func(t *testing.T) {
				env := map[string]string{"PATH": path}
				for name, value := range tt.env {
					env[name] = value
				}
				s := runStep(t, env, shell, script)
				want := ""
				if tt.program != "" {
					want = "program=" + tt.program + "\n"
				}
				if s.output != want {
					t.Errorf("output = %q, want %q\n%s", s.output, want, s.log)
				}
				if !strings.Contains(s.log, tt.says) {
					t.Errorf("log = %q, want %q in it", s.log, tt.says)
				}
				if failed := strings.Contains(s.summary, "not running"); failed != (tt.program == "") {
					t.Errorf("summary = %q with output %q", s.summary, s.output)
				}
				for line := range strings.Lines(s.log) {
					if strings.HasPrefix(line, "::") && !strings.HasPrefix(line, "::error::compile-cache: ") || strings.Contains(line, "\r") {
						t.Errorf("log line %q is a command that is not ours", line)
					}
				}
			})
		}
	}
}

// The hook runs the program with what the runner gave it, and whatever becomes of the program, the job goes on.
func TestHook(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skipf("no node: %v", err)
	}
	main, post := filepath.Join(work.Repository, "dist", "hook", "main.js"), filepath.Join(work.Repository, "dist", "hook", "post.js")
	dir := programDir(t, map[string]string{
		"good":   `echo "ran $*, dir $INPUT_DIR"`,
		"fails":  `echo "ran $*"; exit 3`,
		"killed": `echo "ran $*"; kill -9 $$`,
	})
	for _, tt := range []struct{ program, main, post string }{
		{"good", "ran action start, dir 5%\n", "ran action report --stop, dir 5%\n"},
		{"fails", "ran action start\n::warning::compile-cache: warning: DIR/fails action start: exit status 3\n",
			"ran action report --stop\n::warning::compile-cache: warning: DIR/fails action report --stop: exit status 3\n"},
		{"killed", "ran action start\n::warning::compile-cache: warning: DIR/killed action start: SIGKILL\n",
			"ran action report --stop\n::warning::compile-cache: warning: DIR/killed action report --stop: SIGKILL\n"},
		{"absent", "::warning::compile-cache: warning: DIR/absent action start: spawnSync DIR/absent ENOENT\n",
			"::warning::compile-cache: warning: DIR/absent action report --stop: spawnSync DIR/absent ENOENT\n"},
	} {
		program := filepath.Join(dir, tt.program)
		got := runStep(t, map[string]string{"PATH": os.Getenv("PATH"), "INPUT_PROGRAM": program, "INPUT_DIR": "5%"}, node, main)
		if want := strings.ReplaceAll(tt.main, "DIR", dir); got.log != want {
			t.Errorf("main.js with %s printed %q, want %q", tt.program, got.log, want)
		}
		if want := "program=" + program + "\n"; got.state != want {
			t.Errorf("main.js with %s left the state %q, want %q", tt.program, got.state, want)
		}
		got = runStep(t, map[string]string{"PATH": os.Getenv("PATH"), "STATE_program": program, "INPUT_DIR": "5%"}, node, post)
		if want := strings.ReplaceAll(tt.post, "DIR", dir); got.log != want {
			t.Errorf("post.js with %s printed %q, want %q", tt.program, got.log, want)
		}
	}
	for _, script := range []string{main, post} {
		if got := runStep(t, map[string]string{"PATH": os.Getenv("PATH")}, node, script); got.log != "" || got.state != "" {
			t.Errorf("%s without a program printed %q and left %q, want nothing", script, got.log, got.state)
		}
	}
}
