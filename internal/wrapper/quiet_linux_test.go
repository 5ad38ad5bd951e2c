package wrapper

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// quietly is a script that has the compiler run so often without a word, and then sends the answer.
func quietly(runs int, told func(*protocol.Ran), answer ...protocol.Message) func(*peer) {
	return func(p *peer) {
		p.request()
		for range runs {
			p.send(&protocol.Run{Capture: true, Quiet: true})
			told(p.ran())
		}
		p.send(answer...)
	}
}

// What a quiet run says only the daemon hears, and how it ends is not how the call ends.
func TestQuietRuns(t *testing.T) {
	const compiler = `echo run >>"$0.log"; echo out; echo err >&2; exit 3`
	for name, tt := range map[string]struct {
		answer []protocol.Message
		want   ended
		runs   int
	}{
		"replay": {[]protocol.Message{&protocol.Replay{Status: 7, Stdout: []byte("a\n"), Stderr: []byte("b\n")}}, exits(7, "a\n", "b\n"), 2},
		"done":   {[]protocol.Message{protocol.Done{}}, exits(3, "", ""), 2},
		"exec":   {[]protocol.Message{protocol.Exec{}}, exits(3, "out\n", "err\n"), 3},
		"killed": {nil, exits(3, "out\n", "err\n"), 3},
	} {
		t.Run(name, func(t *testing.T) {
			in := newInstance(t)
			path := filepath.Join(in.dir, "cc")
			script(t, path, compiler)
			in.serve(quietly(2, func(ran *protocol.Ran) {
				if string(ran.Stdout) != "out\n" || string(ran.Stderr) != "err\n" || !ran.Captured || syscall.WaitStatus(ran.WaitStatus).ExitStatus() != 3 {
					t.Errorf("told of %+v, want what the compiler said, and 3", ran)
				}
			}, tt.answer...))
			if got := in.run(ccwrap, path); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			log, err := os.ReadFile(path + ".log")
			if got := strings.Count(string(log), "run\n"); err != nil || got != tt.runs {
				t.Errorf("%d runs, %v; want %d", got, err, tt.runs)
			}
		})
	}
}

// Done after a quiet run that a signal ended ends the wrapper by that signal.
func TestQuietRunEndedByASignal(t *testing.T) {
	in := newInstance(t)
	in.serve(quietly(1, func(*protocol.Ran) {}, protocol.Done{}))
	got := in.run(ccwrap, "/bin/sh", "-c", "kill -TERM $$")
	if !got.status.Signaled() || got.status.Signal() != syscall.SIGTERM {
		t.Errorf("ended %v, want by SIGTERM", got)
	}
}

// Where stderr is a terminal a quiet compiler sees one as well, or its messages would not be those of the run before.
func TestQuietRunOnATerminal(t *testing.T) {
	in := newInstance(t)
	said := make(chan string, 1)
	in.serve(quietly(1, func(ran *protocol.Ran) { said <- string(ran.Stderr) }, &protocol.Replay{}))
	master, slave, err := ptyPair()
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(master)
	terminal := os.NewFile(uintptr(slave), "terminal")
	if size := (winsize{row: 33, col: 77}); ioctl(slave, syscall.TIOCSWINSZ, unsafe.Pointer(&size)) != nil {
		t.Fatal("the size cannot be set")
	}
	cmd := in.command(ccwrap, "/bin/sh", "-c", `test -t 2 && stty size <&2 >&2`)
	cmd.Stderr = terminal
	if got := in.finish(cmd); got != exits(0, "", "") {
		t.Errorf("got %v, want 0", got)
	}
	if got := <-said; got != "33 77\n" {
		t.Errorf("the compiler said %q, want the terminal's size", got)
	}
	fmt.Fprint(terminal, "END")
	terminal.Close()
	b := make([]byte, 100)
	_ = syscall.SetNonblock(master, true)
	n, err := syscall.Read(master, b)
	for deadline := time.Now().Add(testTimeout); err == syscall.EAGAIN && time.Now().Before(deadline); {
		n, err = syscall.Read(master, b)
	}
	if got := string(b[:max(n, 0)]); err != nil || got != "END" {
		t.Errorf("the terminal shows %q, %v; want nothing of the compiler", got, err)
	}
}
