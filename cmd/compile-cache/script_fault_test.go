//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/compile-cache/compile-cache-action/internal/daemon"
	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// daemon alive|gone|kill|pid NAME|count N
//
// waits until a daemon of the script's place answers or none does, kills it at once (SIGKILL), puts its process id into a
// variable, or says how many daemons of the script there are.
func cmdDaemon(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: daemon alive|gone|kill|pid NAME|count N")
	}
	switch args[0] {
	case "alive":
		if !await(patience, func() bool { return daemonPID(ts) != 0 }) {
			ts.Fatalf("daemon: none answers")
		}
	case "gone":
		if !await(patience, func() bool { return len(scriptDaemons(ts)) == 0 }) {
			ts.Fatalf("daemon: still there: %v", scriptDaemons(ts))
		}
	case "kill":
		pid := daemonPID(ts)
		if pid == 0 {
			ts.Fatalf("daemon: none answers")
		}
		ts.Check(syscall.Kill(pid, syscall.SIGKILL))
		// The socket and the lock go with the last of its threads.
		if !await(patience, func() bool { return !daemon.Running(place(ts)) }) {
			ts.Fatalf("daemon: %d survives", pid)
		}
	case "pid":
		ts.Setenv(args[1], strconv.Itoa(daemonPID(ts)))
	case "count":
		if got := strconv.Itoa(len(scriptDaemons(ts))); got != args[1] {
			ts.Fatalf("daemon: there are %s, want %s", got, args[1])
		}
	default:
		ts.Fatalf("daemon: unknown word %s", args[0])
	}
}

// daemonPID returns 0 where no daemon answers.
func daemonPID(ts *testscript.TestScript) int {
	client, err := daemon.Dial(place(ts))
	if err != nil {
		return 0
	}
	defer client.Close()
	st, err := client.Ping()
	if err != nil {
		return 0
	}
	return st.PID
}

func scriptDaemons(ts *testscript.TestScript) []int {
	return processes(filepath.Join(ts.Getenv("BIN"), "compile-cache"), "COMPILE_CACHE_SCRIPT_MARK="+ts.Getenv("COMPILE_CACHE_SCRIPT_MARK"))
}

// listen MODE puts something else in the daemon's place until the script's end:
//
//	mute      accepts and says nothing
//	garbage   answers with bytes that are no frame
//	half      answers with half a frame and falls silent
//	huge      announces a frame of 4 GiB
//	close     hangs up at once
//	exec      answers Exec, as a daemon of another version does
//	replayed  answers a frame of type Replay with a senseless payload
//
// listen -old MODE makes the socket look as if it had been there for a minute.
func cmdListen(ts *testscript.TestScript, neg bool, args []string) {
	old := len(args) > 0 && args[0] == "-old"
	if old {
		args = args[1:]
	}
	if neg || len(args) != 1 {
		ts.Fatalf("usage: listen [-old] MODE")
	}
	p := place(ts)
	for _, dir := range []string{p.Dir, p.Run} {
		ts.Check(os.MkdirAll(dir, 0o700))
	}
	_ = os.Remove(p.Socket())
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: p.Socket(), Net: "unix"})
	ts.Check(err)
	l.SetUnlinkOnClose(false)
	if old {
		ts.Check(setSocketTime(p.Socket(), time.Now().Add(-time.Minute)))
	}
	var mu sync.Mutex
	var open []net.Conn
	ts.Defer(func() {
		l.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, nc := range open {
			nc.Close()
		}
	})
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, nc)
			mu.Unlock()
			go impersonate(nc, args[0])
		}
	}()
}

func setSocketTime(path string, when time.Time) error { return os.Chtimes(path, when, when) }

func impersonate(nc net.Conn, mode string) {
	request := make([]byte, 64<<10)
	if mode != "close" {
		if n, _ := nc.Read(request); n == 0 {
			return
		}
	}
	switch mode {
	case "garbage":
		_, _ = nc.Write(bytes.Repeat([]byte("HTTP/1.1 400 Bad Request\r\n"), 10))
	case "half":
		frame := protocol.AppendFrame(nil, &protocol.Replay{Stdout: []byte("half a word")})
		_, _ = nc.Write(frame[:len(frame)/2])
	case "huge":
		_, _ = nc.Write(append(binary.LittleEndian.AppendUint32(nil, 1<<32-1), byte(protocol.TypeReplay)))
	case "close":
		nc.Close()
	case "exec":
		_, _ = nc.Write(protocol.AppendFrame(nil, protocol.Exec{}))
	case "replayed":
		_, _ = nc.Write([]byte{4, 0, 0, 0, byte(protocol.TypeReplay), 1, 2, 3})
	}
}

// storm [-par N] COUNT COMMAND... runs a command COUNT times, N at once (256), with NN in it replaced by the run's number. All must
// exit with 0 and say nothing.
func cmdStorm(ts *testscript.TestScript, neg bool, args []string) {
	par := 256
	if len(args) > 2 && args[0] == "-par" {
		par, _ = strconv.Atoi(args[1])
		args = args[2:]
	}
	if neg || len(args) < 2 || par < 1 {
		ts.Fatalf("usage: storm [-par N] COUNT COMMAND...")
	}
	count, err := strconv.Atoi(args[0])
	ts.Check(err)
	path, err := lookPath(args[1], ts.Getenv("PATH"))
	ts.Check(err)
	env, dir := environment(ts), ts.MkAbs(".")
	began := time.Now()
	var mu sync.Mutex
	var failed []string
	var wg sync.WaitGroup
	slots := make(chan struct{}, par)
	for i := range count {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			argv := make([]string, 0, len(args)-1)
			for _, a := range args[1:] {
				argv = append(argv, strings.ReplaceAll(a, "NN", strconv.Itoa(i)))
			}
			var said bytes.Buffer
			cmd := &exec.Cmd{Path: path, Args: argv, Env: env, Dir: dir, Stdout: &said, Stderr: &said}
			if err := cmd.Run(); err != nil || said.Len() > 0 {
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, fmt.Sprintf("%s: %v: %s", strings.Join(argv, " "), err, &said))
			}
		})
	}
	wg.Wait()
	ts.Logf("storm: %d in %s", count, time.Since(began).Round(time.Millisecond))
	if failed != nil {
		ts.Fatalf("storm: %d of %d failed; the first: %s", len(failed), count, failed[0])
	}
}

// flip DIR [PATTERN] changes one byte in the middle of every file below DIR whose path holds PATTERN.
func cmdFlip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: flip DIR [PATTERN]")
	}
	flipped := 0
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || len(args) > 1 && !strings.Contains(path, args[1]) {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil || len(b) == 0 {
			return err
		}
		b[len(b)/2] ^= 0x20
		flipped++
		if err := os.Chmod(path, 0o600); err != nil {
			return err
		}
		return os.WriteFile(path, b, 0o600)
	}))
	if flipped == 0 {
		ts.Fatalf("flip: %s has no such file", args[0])
	}
}
