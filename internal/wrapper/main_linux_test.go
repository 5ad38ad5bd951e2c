package wrapper

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// ccwrap is the real program, built once: most of what it promises is about a whole process.
var ccwrap string

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "compile-cache" {
		os.Exit(fakeProgram(os.Args[1:]))
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "ccwrap-test")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		ccwrap = filepath.Join(dir, "ccwrap")
		build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", ccwrap, "../../cmd/ccwrap")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build ccwrap: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// testTimeout ends a test that hangs; no test's result depends on it.
const testTimeout = 60 * time.Second

// An instance is one directory with what belongs to it, and the environment that names it.
type instance struct {
	t     *testing.T
	dir   string
	env   []string
	place protocol.Place
}

// newInstance returns an instance with a run directory and no daemon.
func newInstance(t *testing.T) *instance {
	t.Helper()
	// t.TempDir has the test's name in it, which may be too long for a socket.
	dir, err := os.MkdirTemp("", "cc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Mkdir(filepath.Join(dir, "run"), 0o700); err != nil {
		t.Fatal(err)
	}
	in := &instance{t: t, dir: dir, env: []string{"PATH=/usr/bin:/bin", "COMPILE_CACHE_DIR=" + dir, "LC_ALL=C"}}
	in.place = protocol.FindPlace(func(name string) string { return getenv(in.env, name) }, "", os.Getuid(),
		protocol.NamespaceID(namespaceLink()))
	return in
}

// unrecorded returns how many invocations were counted as such.
func (in *instance) unrecorded() int {
	b, err := os.ReadFile(in.place.Unrecorded())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		in.t.Fatal(err)
	}
	return len(b)
}

// A peer is a daemon's side of one connection.
type peer struct {
	net.Conn
	t *testing.T
}

func (p *peer) send(messages ...protocol.Message) {
	var b []byte
	for _, m := range messages {
		b = protocol.AppendFrame(b, m)
	}
	p.write(b)
}

// write may fail: some wrappers hang up on purpose.
func (p *peer) write(b []byte) { _, _ = p.Write(b) }

func (p *peer) receive(want protocol.FrameType) []byte {
	kind, payload, err := protocol.ReadFrame(p, nil)
	if err != nil || kind != want {
		p.t.Errorf("daemon got frame %d, %v, want %d", kind, err, want)
	}
	return payload
}

func (p *peer) request() *protocol.Request {
	r, err := protocol.ParseRequest(p.receive(protocol.TypeRequest))
	if err != nil {
		p.t.Errorf("ParseRequest() = %v", err)
		return &protocol.Request{}
	}
	return r
}

func (p *peer) ran() *protocol.Ran {
	r, err := protocol.ParseRan(p.receive(protocol.TypeRan))
	if err != nil {
		p.t.Errorf("ParseRan() = %v", err)
		return &protocol.Ran{}
	}
	return r
}

// serve plays the daemon: script talks on each connection.
func (in *instance) serve(script func(*peer)) {
	in.t.Helper()
	l, err := net.Listen("unix", in.place.Socket())
	if err != nil {
		in.t.Fatal(err)
	}
	var conversations sync.WaitGroup
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conversations.Go(func() {
				defer c.Close()
				script(&peer{Conn: c, t: in.t})
			})
		}
	}()
	in.t.Cleanup(func() {
		l.Close()
		<-accepting
		conversations.Wait()
	})
}

// toRun is a script that has every compiler run as a child, and passes on what is told of it.
func toRun(r *protocol.Run, told func(*protocol.Ran)) func(*peer) {
	return func(p *peer) {
		p.request()
		p.send(r)
		ran := p.ran()
		if told != nil {
			told(ran)
		}
		p.send(protocol.Done{})
	}
}

func toReplay(r *protocol.Replay) func(*peer) {
	return func(p *peer) {
		p.request()
		p.send(r)
	}
}

func toExecute(p *peer) {
	p.request()
	p.send(protocol.Exec{})
}

// ended is how a program ended.
type ended struct {
	status         syscall.WaitStatus
	stdout, stderr string
}

func (e ended) String() string {
	return fmt.Sprintf("exited %v with %d, signaled %v by %d, stdout %q, stderr %q",
		e.status.Exited(), e.status.ExitStatus(), e.status.Signaled(), e.status.Signal(), e.stdout, e.stderr)
}

func exits(status int, stdout, stderr string) ended {
	return ended{syscall.WaitStatus(status << 8), stdout, stderr}
}

// command returns a command with the instance's environment.
func (in *instance) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(in.t.Context(), args[0], args[1:]...)
	cmd.Env = in.env
	cmd.WaitDelay = testTimeout
	return cmd
}

// run runs a program to its end.
func (in *instance) run(args ...string) ended {
	in.t.Helper()
	return in.finish(in.command(args...))
}

func (in *instance) finish(cmd *exec.Cmd) ended {
	in.t.Helper()
	var stdout, stderr bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &stdout
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &stderr
	}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		in.t.Fatalf("run %v: %v", cmd.Args, err)
	}
	return ended{cmd.ProcessState.Sys().(syscall.WaitStatus), stdout.String(), stderr.String()}
}

// script writes an executable shell script.
func script(t *testing.T, path, body string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func symlink(t *testing.T, target, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

// copyFile copies an executable.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o755); err != nil {
		t.Fatal(err)
	}
}

// A gate is a named pipe on which a script waits until the test opens it.
type gate struct {
	t    *testing.T
	path string
}

func newGate(t *testing.T) gate {
	t.Helper()
	g := gate{t, filepath.Join(t.TempDir(), "gate")}
	if err := syscall.Mkfifo(g.path, 0o600); err != nil {
		t.Fatal(err)
	}
	return g
}

// open lets the reader go on; it returns when the reader is there.
func (g gate) open() {
	g.t.Helper()
	if err := os.WriteFile(g.path, []byte("go\n"), 0); err != nil {
		g.t.Error(err)
	}
}

// readLine reads one line of a running program's output.
func readLine(t *testing.T, r io.Reader) string {
	t.Helper()
	var line strings.Builder
	for b := make([]byte, 1); ; {
		n, err := r.Read(b)
		if n == 1 && b[0] == '\n' {
			return line.String()
		}
		line.Write(b[:n])
		if err != nil {
			t.Fatalf("read a line: %v after %q", err, line.String())
		}
	}
}
