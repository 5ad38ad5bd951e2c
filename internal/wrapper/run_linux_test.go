package wrapper

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

func TestExitStatus(t *testing.T) {
	in := newInstance(t)
	in.serve(toRun(&protocol.Run{Capture: true}, func(ran *protocol.Ran) {
		status := syscall.WaitStatus(ran.WaitStatus)
		if got, want := strings.TrimSpace(string(ran.Stdout)), fmt.Sprint(status.ExitStatus()); got != want || !ran.Captured {
			t.Errorf("told of status %s, want %s, captured %v", want, got, ran.Captured)
		}
	}))
	for status := range 256 {
		want := exits(status, fmt.Sprintln(status), "")
		if got := in.run(ccwrap, "/bin/sh", "-c", fmt.Sprintf("echo %d; exit %d", status, status)); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

// A compiler that dies by a signal makes ccwrap die by it, and not of a core file more.
func TestDiesByTheSameSignal(t *testing.T) {
	for _, run := range []*protocol.Run{{}, {Capture: true}} {
		in := newInstance(t)
		in.serve(toRun(run, nil))
		for _, sig := range []syscall.Signal{
			syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGILL, syscall.SIGABRT, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGKILL,
			syscall.SIGUSR1, syscall.SIGSEGV, syscall.SIGPIPE, syscall.SIGALRM, syscall.SIGTERM, syscall.SIGXCPU, syscall.SIGSYS,
		} {
			got := in.run(ccwrap, "/bin/sh", "-c", fmt.Sprintf("ulimit -c 0; echo out; kill -%d $$", sig))
			if !got.status.Signaled() || got.status.Signal() != sig || got.stdout != "out\n" || got.stderr != "" {
				t.Errorf("killed by %v: %v", sig, got)
			}
		}
	}
}

// What the compiler prints is passed on while it runs.
func TestStreams(t *testing.T) {
	in := newInstance(t)
	tell := make(chan *protocol.Ran, 1)
	in.serve(toRun(&protocol.Run{Capture: true}, func(ran *protocol.Ran) { tell <- ran }))
	for _, redirect := range []string{"", ">&2"} {
		g := newGate(t)
		cmd := in.command(ccwrap, "/bin/sh", "-c", fmt.Sprintf(`{ echo first; read x <"%s"; echo second; } %s`, g.path, redirect))
		pipe := cmd.StdoutPipe
		if redirect != "" {
			pipe = cmd.StderrPipe
		}
		out, err := pipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if got := readLine(t, out); got != "first" {
			t.Errorf("read %q, want first", got)
		}
		g.open()
		if got := readLine(t, out); got != "second" {
			t.Errorf("read %q, want second", got)
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		told, want := <-tell, "first\nsecond\n"
		if got := string(told.Stdout) + string(told.Stderr); got != want || !told.Captured {
			t.Errorf("told of %q, captured %v, want %q, true", got, told.Captured, want)
		}
	}
}

// A process that the compiler leaves behind keeps its outputs open; nobody waits for it, and what it was given before is complete.
func TestBackgroundProcess(t *testing.T) {
	in := newInstance(t)
	in.serve(toRun(&protocol.Run{Capture: true}, nil))
	g := newGate(t)
	long := strings.Repeat("x", 40<<10)
	got := in.run("/bin/sh", "-c", `r=$("$0" /bin/sh -c 'cat "$0" & printf "%s" "$1"' "$1" "$2"; echo ":$?"); echo "$r"`, ccwrap, g.path, long)
	if want := exits(0, long+":0\n", ""); got != want {
		t.Errorf("got %d bytes, status %v, want %d bytes", len(got.stdout), got.status, len(want.stdout))
	}
	g.open()
}

// Beyond MaxCapture everything is still passed on, and the daemon is told that it has not all.
func TestMoreThanIsCaptured(t *testing.T) {
	in := newInstance(t)
	tell := make(chan *protocol.Ran, 1)
	in.serve(toRun(&protocol.Run{Capture: true}, func(ran *protocol.Ran) { tell <- ran }))
	for _, tt := range []struct {
		bytes    int
		captured bool
	}{{protocol.MaxCapture, true}, {protocol.MaxCapture + 1, false}} {
		got := in.run(ccwrap, "/usr/bin/head", "-c", fmt.Sprint(tt.bytes), "/dev/zero")
		if len(got.stdout) != tt.bytes || got.status != 0 {
			t.Errorf("%d bytes arrived, status %v, want %d", len(got.stdout), got.status, tt.bytes)
		}
		if told := <-tell; told.Captured != tt.captured || tt.captured && len(told.Stdout) != tt.bytes || !tt.captured && len(told.Stdout) > 0 {
			t.Errorf("told of %d bytes, captured %v, want %v", len(told.Stdout), told.Captured, tt.captured)
		}
	}
}

// A compiler whose reader is gone learns it, as it would without us.
func TestClosedReader(t *testing.T) {
	in := newInstance(t)
	in.serve(toRun(&protocol.Run{Capture: true}, nil))
	if got := in.run("/bin/sh", "-c", `{ "$0" /usr/bin/yes; echo "$?" >&2; } | head -n 1`, ccwrap); got != exits(0, "y\n", "141\n") {
		t.Errorf("got %v, want y and the status of SIGPIPE", got)
	}
}

// A disk that is full behind stderr does not end a compiler, nor what it does afterwards.
func TestFullReader(t *testing.T) {
	in := newInstance(t)
	tell := make(chan *protocol.Ran, 1)
	in.serve(toRun(&protocol.Run{Capture: true}, func(ran *protocol.Ran) { tell <- ran }))
	script := `exec 2>/dev/full; "$0" /bin/sh -c "echo a >&2; echo b >&2; echo c"`
	if got := in.run("/bin/sh", "-c", script, ccwrap); got != exits(0, "c\n", "") {
		t.Errorf("got %v, want c and status 0", got)
	}
	if told := <-tell; told.Captured {
		t.Error("messages that did not arrive count as captured")
	}
}

func TestOtherArguments(t *testing.T) {
	for _, tt := range []struct {
		run  *protocol.Run
		want string
	}{
		{&protocol.Run{}, "as given\n"},
		{&protocol.Run{Args: []string{"other", "arguments"}}, "other arguments\n"},
		{&protocol.Run{Args: []string{}}, "\n"},
	} {
		in := newInstance(t)
		in.serve(toRun(tt.run, nil))
		if got := in.run(ccwrap, "/bin/echo", "as", "given"); got != exits(0, tt.want, "") {
			t.Errorf("Run(%q): %v, want %q", tt.run.Args, got, tt.want)
		}
	}
}

func TestTimes(t *testing.T) {
	in := newInstance(t)
	var told protocol.Ran
	in.serve(toRun(&protocol.Run{}, func(ran *protocol.Ran) { told = *ran }))
	in.run(ccwrap, "/bin/sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done")
	if told.WallNS == 0 || told.CPUNS == 0 || told.Captured {
		t.Errorf("told of wall %d, cpu %d, captured %v, want both times and no capture", told.WallNS, told.CPUNS, told.Captured)
	}
}

// A signal to ccwrap alone reaches the compiler, which decides what becomes of it.
func TestSignalsArePassedOn(t *testing.T) {
	for _, sig := range passedOn {
		in := newInstance(t)
		in.serve(toRun(&protocol.Run{Capture: true}, nil))
		g := newGate(t)
		n := int(sig.(syscall.Signal))
		cmd := in.command(ccwrap, "/bin/sh", "-c", fmt.Sprintf(`trap 'echo caught; exit 9' %d; cat "%s" & echo ready; wait`, n, g.path))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if got := readLine(t, out); got != "ready" {
			t.Errorf("read %q, want ready", got)
		}
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if got := readLine(t, out); got != "caught" {
			t.Errorf("after %v read %q, want caught", sig, got)
		}
		g.open()
		_ = cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != 9 {
			t.Errorf("after %v status %d, want 9", sig, got)
		}
	}
}

// A wrapper that waits for its daemon ends by SIGQUIT as any program, without Go's stack traces.
func TestQuitWhileWaiting(t *testing.T) {
	in := newInstance(t)
	asked := make(chan struct{})
	in.serve(func(p *peer) {
		p.request()
		close(asked)
		waitForEnd(p)
	})
	cmd := in.command(ccwrap, "/bin/true")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	if err := cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !status.Signaled() || status.Signal() != syscall.SIGQUIT || stderr.Len() > 0 {
		t.Errorf("ended %v with %q, want SIGQUIT and not a word", cmd.ProcessState, stderr.String())
	}
}

// A compiler sees a terminal of the same size where there is one, and every byte passes as it was written.
func TestTerminal(t *testing.T) {
	in := newInstance(t)
	requests := make(chan *protocol.Request, 1)
	var told protocol.Ran
	in.serve(func(p *peer) {
		requests <- p.request()
		p.send(&protocol.Run{Capture: true})
		told = *p.ran()
		p.send(protocol.Done{})
	})
	master, slave, err := ptyPair()
	if err != nil {
		t.Skipf("no pty here: %v", err)
	}
	defer closeAll(master)
	size := winsize{row: 33, col: 77}
	if err := ioctl(slave, syscall.TIOCSWINSZ, unsafe.Pointer(&size)); err != nil {
		t.Fatal(err)
	}
	terminal := os.NewFile(uintptr(slave), "terminal")
	cmd := in.command(ccwrap, "/bin/sh", "-c", `test -t 2 && echo terminal; stty size <&2; printf 'a\nb\r\nc\033[31m' >&2`)
	cmd.Stdin, cmd.Stderr = terminal, terminal
	got := in.finish(cmd)
	if got != exits(0, "terminal\n33 77\n", "") {
		t.Errorf("got %v, want a terminal of 33 times 77", got)
	}
	if want := "a\nb\r\nc\033[31m"; string(told.Stderr) != want || !told.Captured {
		t.Errorf("told of %q, captured %v, want %q", told.Stderr, told.Captured, want)
	}
	// The user's terminal makes of line ends what it always does.
	b := make([]byte, 100)
	n, err := syscall.Read(master, b)
	if want := "a\r\nb\r\r\nc\033[31m"; err != nil || string(b[:n]) != want {
		t.Errorf("the terminal shows %q, %v, want %q", b[:max(n, 0)], err, want)
	}
	terminal.Close()
	request := <-requests
	if request.Columns != 77 {
		t.Errorf("the request has %d columns, want 77", request.Columns)
	}
	if request.NoInput {
		t.Error("a terminal is taken for the null device")
	}
}

// Ignored signals stay ignored, SIGCHLD excepted, without which there would be no status.
func TestIgnoredSignals(t *testing.T) {
	for _, sig := range []string{"HUP", "INT", "QUIT", "PIPE", "TERM", "USR1"} {
		for name, script := range map[string]func(*peer){"execute": toExecute, "run": toRun(&protocol.Run{}, nil)} {
			in := newInstance(t)
			in.serve(script)
			got := in.run("/bin/sh", "-c", `trap '' `+sig+`; exec "$0" /bin/sh -c 'kill -`+sig+` $$; echo alive'`, ccwrap)
			if got != exits(0, "alive\n", "") {
				t.Errorf("%s, ignoring SIG%s: %v, want it alive", name, sig, got)
			}
		}
	}
	in := newInstance(t)
	in.serve(toRun(&protocol.Run{}, nil))
	if got := in.run("/bin/sh", "-c", `trap '' CHLD; exec "$0" /bin/sh -c 'exit 4'`, ccwrap); got != exits(4, "", "") {
		t.Errorf("ignoring SIGCHLD: %v, want status 4", got)
	}
}

func TestProbe(t *testing.T) {
	in := newInstance(t)
	in.env = append(in.env, "CHANGED=old", "KEPT=kept")
	g := newGate(t)
	var answers []*protocol.Answer
	probe := func(p *peer, argv ...string) {
		p.send(&protocol.Probe{Argv: argv, Env: []string{"CHANGED=new", "ADDED=a=b"}})
		a, err := protocol.ParseAnswer(p.receive(protocol.TypeAnswer))
		if err != nil {
			t.Errorf("ParseAnswer() = %v", err)
		}
		answers = append(answers, a)
	}
	in.serve(func(p *peer) {
		p.request()
		probe(p, "/bin/sh", "-c", `cat; echo "$CHANGED $KEPT $ADDED"; echo err >&2; exit 3`)
		probe(p, "/bin/sh", "-c", `kill -9 $$`)
		probe(p, "/nowhere/at/all")
		probe(p)
		probe(p, "/bin/sh", "-c", `cat "`+g.path+`" & echo left`)
		p.send(&protocol.Run{})
		p.ran()
		probe(p, "/bin/sh", "-c", "echo after")
		p.send(protocol.Wait{}, protocol.Wait{}, protocol.Done{})
	})
	cmd := in.command(ccwrap, "/bin/sh", "-c", "echo compiled; exit 5")
	cmd.Stdin = strings.NewReader("not for a probe")
	if got := in.finish(cmd); got != exits(5, "compiled\n", "") {
		t.Errorf("got %v, want nothing but the compiler's", got)
	}
	g.open()
	want := []protocol.Answer{
		{Status: 3, Stdout: []byte("new kept a=b\n"), Stderr: []byte("err\n")},
		{Status: 137},
		{Status: 127},
		{Status: 127},
		{Status: 0, Stdout: []byte("left\n")},
		{Status: 0, Stdout: []byte("after\n")},
	}
	if len(answers) != len(want) {
		t.Fatalf("%d answers, want %d", len(answers), len(want))
	}
	for i, a := range answers {
		if a.Status != want[i].Status || string(a.Stdout) != string(want[i].Stdout) || string(a.Stderr) != string(want[i].Stderr) {
			t.Errorf("answer %d = %d %q %q, want %d %q %q", i, a.Status, a.Stdout, a.Stderr, want[i].Status, want[i].Stdout, want[i].Stderr)
		}
	}
}

// The compiler's file may be a script without a first line, which execvp gives to the shell.
func TestScriptWithoutInterpreter(t *testing.T) {
	for name, play := range map[string]func(*peer){"execute": toExecute, "run": toRun(&protocol.Run{}, nil)} {
		in := newInstance(t)
		in.serve(play)
		path := filepath.Join(in.dir, "cc")
		if err := os.WriteFile(path, []byte("echo \"$@\"; exit 8\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if got := in.run(ccwrap, path, "a", "b"); got != exits(8, "a b\n", "") {
			t.Errorf("%s: %v, want a b and 8", name, got)
		}
	}
}
