//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// check [-pty] [-umask MASK] [-by WRAPPER] [-piped FILE] OUTCOME[:REASON] COMPILER ARGS...
//
// runs the compiler plainly, puts the tree below $WORK back, runs it through ccwrap (or another wrapper), and fails unless both
// left the same files with the same bytes and modes, said the same and ended alike, and the invocation ended as told.
func cmdCheck(ts *testscript.TestScript, neg bool, args []string) {
	var how invocation
	by := "ccwrap"
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-pty":
			how.pty = true
			args = args[1:]
		case "-umask":
			how.umask = args[1]
			args = args[2:]
		case "-piped":
			how.piped = ts.MkAbs(args[1])
			args = args[2:]
		case "-by":
			by = args[1]
			args = args[2:]
		default:
			ts.Fatalf("check: unknown flag %s", args[0])
		}
	}
	if neg || len(args) < 2 {
		ts.Fatalf("usage: check [-pty] [-umask MASK] [-by WRAPPER] [-piped FILE] OUTCOME[:REASON] COMPILER ARGS...")
	}
	work := ts.Getenv("WORK")
	how.argv = args[1:]
	before := takeTree(ts, work)
	plain := how.run(ts)
	after := takeTree(ts, work)
	plain.left = after.since(before)
	after.restore(ts, before)

	before = takeTree(ts, work)
	how.argv = append([]string{by}, how.argv...)
	began := time.Now()
	wrapped := how.run(ts)
	wrapped.left = takeTree(ts, work).since(before)
	if d := plain.differences(wrapped); d != nil {
		ts.Fatalf("check: %s differs from the plain compiler:\n%s", strings.Join(how.argv, " "), strings.Join(d, "\n"))
	}
	if x := newest(ts); x.Time.Before(began) {
		ts.Fatalf("check: %s reached no daemon: the newest event is of %s, before", strings.Join(how.argv, " "), x.Time)
	}
	ended(ts, args[0])
}

// invocation is how a compiler is called.
type invocation struct {
	argv  []string
	pty   bool
	umask string
	piped string // a file that a pipe on standard input gives; "" for none
}

// ran is what a call did.
type ran struct {
	status, stdout, stderr string
	left                   map[string]file
}

func (i invocation) run(ts *testscript.TestScript) *ran {
	argv := i.argv
	if i.umask != "" {
		argv = append([]string{"sh", "-c", `umask "$0"; exec "$@"`, i.umask}, argv...)
	}
	if i.piped != "" {
		argv = append([]string{"sh", "-c", `cat "$0" | "$@"`, i.piped}, argv...)
	}
	if i.pty {
		return runOnTerminal(ts, argv)
	}
	r := &ran{}
	r.status = statusOf(ts, ts.Exec(argv[0], argv[1:]...))
	r.stdout, r.stderr = ts.ReadFile("stdout"), ts.ReadFile("stderr")
	return r
}

func (r *ran) differences(other *ran) (d []string) {
	text := func(what, plain, wrapped string) {
		if plain != wrapped {
			d = append(d, fmt.Sprintf("%s: plain %q, wrapped %q", what, plain, wrapped))
		}
	}
	text("status", r.status, other.status)
	text("stdout", r.stdout, other.stdout)
	text("stderr", r.stderr, other.stderr)
	names := map[string]bool{}
	for n := range r.left {
		names[n] = true
	}
	for n := range other.left {
		names[n] = true
	}
	for n := range names {
		a, inA := r.left[n]
		b, inB := other.left[n]
		switch {
		case !inB:
			d = append(d, n+": only the plain compiler wrote it")
		case !inA:
			d = append(d, n+": only the wrapped compiler wrote it")
		case a.mode != b.mode:
			d = append(d, fmt.Sprintf("%s: mode plain %v, wrapped %v", n, a.mode, b.mode))
		case !bytes.Equal(a.content, b.content):
			d = append(d, fmt.Sprintf("%s: %d and %d bytes differ", n, len(a.content), len(b.content)))
			if len(a.content) < 2000 && !bytes.ContainsRune(a.content, 0) {
				d = append(d, fmt.Sprintf("plain %q\nwrapped %q", a.content, b.content))
			}
		}
	}
	slices.Sort(d)
	return d
}

// file is the state of one; content is nil of what is no regular file.
type file struct {
	mode         fs.FileMode
	content      []byte
	target       string // of a link
	ino          uint64
	mtime, ctime time.Time
	gone         bool
}

// tree is a directory's files by path, without those whose first component begins with a dot (TMPDIR).
type tree struct {
	root  string
	files map[string]file
}

func takeTree(ts *testscript.TestScript, root string) tree {
	t := tree{root, map[string]file{}}
	ts.Check(filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, root+"/")
		if d.IsDir() {
			if name == ".tmp" {
				return fs.SkipDir
			}
			return nil
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		st := fi.Sys().(*syscall.Stat_t)
		f := file{mode: fi.Mode(), ino: st.Ino, mtime: fi.ModTime(), ctime: time.Unix(st.Ctim.Unix())}
		switch {
		case fi.Mode().IsRegular():
			if f.content, err = os.ReadFile(path); err != nil {
				return err
			}
		case fi.Mode()&fs.ModeSymlink != 0:
			if f.target, err = os.Readlink(path); err != nil {
				return err
			}
		}
		t.files[name] = f
		return nil
	}))
	return t
}

// since returns what was written, and what was removed.
func (t tree) since(before tree) map[string]file {
	changed := map[string]file{}
	for name, f := range t.files {
		old, there := before.files[name]
		if !there || old.ino != f.ino || old.mode != f.mode || !old.mtime.Equal(f.mtime) || !bytes.Equal(old.content, f.content) || old.target != f.target {
			changed[name] = f
		}
	}
	for name := range before.files {
		if _, there := t.files[name]; !there {
			changed[name] = file{gone: true}
		}
	}
	return changed
}

// restore makes the tree, which is as t says, as before says.
func (t tree) restore(ts *testscript.TestScript, before tree) {
	changed := t.since(before)
	for name := range changed {
		path := filepath.Join(t.root, name)
		old, there := before.files[name]
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			ts.Check(err)
		}
		if !there {
			continue
		}
		if !old.mode.IsRegular() {
			ts.Fatalf("check: the compiler replaced %s, which cannot be put back", name)
		}
		ts.Check(os.WriteFile(path, old.content, 0o600))
		ts.Check(os.Chmod(path, old.mode.Perm()))
		ts.Check(os.Chtimes(path, old.mtime, old.mtime))
	}
}

// runOnTerminal runs a command whose stderr is a terminal of 60 columns; stdout is a pipe.
func runOnTerminal(ts *testscript.TestScript, argv []string) *ran {
	master, slave, err := openTerminal()
	ts.Check(err)
	defer master.Close()
	env := append(environment(ts), "TERM=xterm")
	path, err := lookPath(argv[0], ts.Getenv("PATH"))
	ts.Check(err)
	var stdout bytes.Buffer
	cmd := &exec.Cmd{Path: path, Args: argv, Env: env, Dir: ts.MkAbs("."), Stdout: &stdout, Stderr: slave}
	err = cmd.Start()
	slave.Close()
	ts.Check(err)
	said := make(chan string)
	go func() {
		b, _ := io.ReadAll(master) // it ends with EIO when the last who holds the terminal has gone
		said <- string(b)
	}()
	r := &ran{status: statusOf(ts, cmd.Wait()), stdout: stdout.String()}
	r.stderr = <-said
	ts.Logf("[terminal]\n%q", r.stderr)
	return r
}

func openTerminal() (master, slave *os.File, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("open terminal: %w", err)
	}
	master = os.NewFile(uintptr(fd), "/dev/ptmx")
	unlock := int32(0)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCSPTLCK, uintptr(unsafe.Pointer(&unlock))); errno != 0 {
		master.Close()
		return nil, nil, fmt.Errorf("unlock terminal: %w", errno)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 25, Col: 60})
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		master.Close()
		return nil, nil, fmt.Errorf("open terminal: %w", err)
	}
	return master, slave, nil
}
