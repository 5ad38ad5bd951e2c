package wrapper

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// replayed is the status of every answer of the fake daemon.
const replayed = 42

// fakeProgram is the test binary called as compile-cache. "daemon" counts the start, listens and leaves a process behind that
// answers; with a file "fail" in the instance it fails, with "lie" it says that a daemon listens and there is none.
func fakeProgram(args []string) int {
	place := protocol.FindPlace(os.Getenv, "", os.Getuid(), protocol.NamespaceID(namespaceLink()))
	if len(args) == 1 && args[0] == "listening" {
		l, err := net.FileListener(os.NewFile(3, "listener"))
		if err != nil {
			return 1
		}
		return answerAll(l)
	}
	if len(args) != 1 || args[0] != "daemon" {
		return 2
	}
	if err := start(place); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func start(place protocol.Place) error {
	f, err := os.OpenFile(filepath.Join(place.Dir, "starts"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString("."); err != nil {
		return err
	}
	exists := func(name string) bool {
		_, err := os.Stat(filepath.Join(place.Dir, name))
		return err == nil
	}
	if exists("fail") {
		return fmt.Errorf("told to fail")
	}
	if exists("lie") {
		return nil
	}
	_ = os.Remove(place.Socket())
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: place.Socket()})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false)
	file, err := l.File()
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	child := exec.Command(program)
	child.Args = []string{"compile-cache", "listening"}
	child.ExtraFiles = []*os.File{file}
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return child.Start()
}

// answerAll replays until it is told to stop, or a minute went by: a failed test leaves nothing behind for ever.
func answerAll(l net.Listener) int {
	time.AfterFunc(time.Minute, func() { os.Exit(1) })
	for {
		c, err := l.Accept()
		if err != nil {
			return 1
		}
		switch kind, _, _ := protocol.ReadFrame(c, nil); kind {
		case protocol.TypeControl:
			return 0
		case protocol.TypeRequest:
			_, _ = c.Write(protocol.AppendFrame(nil, &protocol.Replay{Status: replayed}))
		}
		c.Close()
	}
}

// install puts ccwrap beside the fake compile-cache and returns its path. The daemon that it starts is stopped in the end.
func (in *instance) install() string {
	in.t.Helper()
	bin := filepath.Join(in.dir, "bin")
	copyFile(in.t, ccwrap, filepath.Join(bin, "ccwrap"))
	program, err := os.Executable()
	if err != nil {
		in.t.Fatal(err)
	}
	symlink(in.t, program, filepath.Join(bin, "compile-cache"))
	in.t.Cleanup(func() {
		if c, err := net.Dial("unix", in.place.Socket()); err == nil {
			_, _ = c.Write(protocol.AppendFrame(nil, &protocol.Control{Verb: "stop"}))
			c.Close()
		}
	})
	return filepath.Join(bin, "ccwrap")
}

// starts returns how often a daemon was started.
func (in *instance) starts() int {
	b, err := os.ReadFile(filepath.Join(in.dir, "starts"))
	if err != nil && !os.IsNotExist(err) {
		in.t.Fatal(err)
	}
	return len(b)
}
