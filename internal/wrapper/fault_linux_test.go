package wrapper

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

func replay(words string) *protocol.Replay { return &protocol.Replay{Stdout: []byte(words)} }

// aCompiler prints, fails and reads: all that a fault must not change.
var aCompiler = []string{"/bin/sh", "-c", "echo out; echo err >&2; exit 3"}

var itsEnd = exits(3, "out\n", "err\n")

// Whatever a daemon does wrong, the build gets the plain compiler's answer, once, and the call is counted as unrecorded.
func TestFaultyDaemon(t *testing.T) {
	frame := func(m protocol.Message) []byte { return protocol.AppendFrame(nil, m) }
	// after has the compiler run and goes on with what comes then.
	after := func(then func(*peer)) func(*peer) {
		return func(p *peer) {
			p.request()
			p.send(&protocol.Run{Capture: true})
			p.ran()
			then(p)
		}
	}
	first := func(b []byte) func(*peer) {
		return func(p *peer) {
			p.request()
			p.write(b)
		}
	}
	for name, play := range map[string]func(*peer){
		"hangs up at once":             func(p *peer) {},
		"hangs up on the request":      func(p *peer) { p.request() },
		"is mute":                      func(p *peer) { p.request(); waitForEnd(p) },
		"reads nothing":                waitForEnd,
		"sends garbage":                first([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")),
		"sends half a head":            first([]byte{1, 0}),
		"sends half a frame":           first(frame(replay("half"))[:9]),
		"claims a large frame":         first([]byte{0xff, 0xff, 0xff, 0x7f, byte(protocol.TypeReplay)}),
		"claims a frame and stops":     func(p *peer) { p.request(); p.write([]byte{200, 0, 0, 0, byte(protocol.TypeReplay)}); waitForEnd(p) },
		"sends a payload too long":     first([]byte{2, 0, 0, 0, byte(protocol.TypeExec), 1}),
		"sends a payload too short":    first([]byte{2, 0, 0, 0, byte(protocol.TypeReplay), 1}),
		"replays an odd status":        first(frame(&protocol.Replay{Status: 256})),
		"is done before":               first(frame(protocol.Done{})),
		"sends a wrapper's frame":      first(frame(&protocol.Answer{})),
		"sends a frame from hereafter": first([]byte{1, 0, 0, 0, 200}),
		"waits, then hangs up":         first(append(frame(protocol.Wait{}), frame(protocol.Wait{})...)),
		"hangs up on an answer": func(p *peer) {
			p.request()
			p.send(&protocol.Probe{Argv: []string{"/bin/true"}})
		},
		"hangs up while it compiles": func(p *peer) { p.request(); p.send(&protocol.Run{Capture: true}) },
		"hangs up after":             after(func(p *peer) {}),
		"is mute after":              after(waitForEnd),
		"sends garbage after":        after(func(p *peer) { p.write([]byte("garbage")) }),
		"replays after":              after(func(p *peer) { p.send(replay("again")) }),
		"runs again":                 after(func(p *peer) { p.send(&protocol.Run{}) }),
		"executes after":             after(func(p *peer) { p.send(protocol.Exec{}) }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newInstance(t)
			in.serve(play)
			if got := in.run(append([]string{ccwrap}, aCompiler...)...); got != itsEnd {
				t.Errorf("got %v, want %v", got, itsEnd)
			}
			if got := in.unrecorded(); got != 1 {
				t.Errorf("%d unrecorded, want 1", got)
			}
		})
	}
}

// waitForEnd says nothing until the wrapper hangs up.
func waitForEnd(p *peer) {
	for b := make([]byte, 1024); ; {
		if _, err := p.Read(b); err != nil {
			return
		}
	}
}

// A request that no buffer holds does not block on a daemon that reads nothing.
func TestLargeRequestToMuteDaemon(t *testing.T) {
	in := newInstance(t)
	hold := make(chan struct{})
	in.serve(func(*peer) { <-hold })
	defer close(hold)
	big := make([]byte, 100<<10)
	for i := range big {
		big[i] = 'x'
	}
	in.env = append(in.env, "A="+string(big), "B="+string(big), "C="+string(big), "D="+string(big))
	if got := in.run(append([]string{ccwrap}, aCompiler...)...); got != itsEnd {
		t.Errorf("got %v, want %v", got, itsEnd)
	}
}

// The socket of a daemon that does not answer is removed when it is old, and only if it is still the one that was dialled.
func TestSocketIsSetAside(t *testing.T) {
	for _, tt := range []struct {
		name    string
		play    func(*peer)
		old     bool
		removed bool
	}{
		{"old and mute", waitForEnd, true, true},
		{"young and mute", waitForEnd, false, false},
		{"old and talking nonsense", func(p *peer) { p.request(); p.write([]byte("nonsense")) }, true, true},
		{"old and hanging up", func(p *peer) { p.request() }, true, false},
		{"old and well", toExecute, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := newInstance(t)
			in.serve(tt.play)
			socket := in.place.Socket()
			if tt.old {
				old := time.Now().Add(-2 * staleAge)
				if err := os.Chtimes(socket, old, old); err != nil {
					t.Fatal(err)
				}
			}
			if got := in.run(append([]string{ccwrap}, aCompiler...)...); got != itsEnd {
				t.Errorf("got %v, want %v", got, itsEnd)
			}
			if _, err := os.Lstat(socket); os.IsNotExist(err) != tt.removed {
				t.Errorf("socket after: %v, want removed %v", err, tt.removed)
			}
		})
	}
}

// A daemon that lives, and holds its lock, is busy and not broken: its socket stays however old it is, and for a while no
// other compile waits for it. Under a storm of 5,000 wrappers one silence drove out a healthy daemon.
func TestSilentDaemonThatLivesIsShunned(t *testing.T) {
	t.Parallel()
	in := newInstance(t)
	asked := make(chan struct{}, 2)
	in.serve(func(p *peer) { asked <- struct{}{}; waitForEnd(p) })
	lock, err := os.OpenFile(in.place.Lock(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	socket := in.place.Socket()
	old := time.Now().Add(-2 * staleAge)
	if err := os.Chtimes(socket, old, old); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := in.run(append([]string{ccwrap}, aCompiler...)...); got != itsEnd {
			t.Errorf("got %v, want %v", got, itsEnd)
		}
	}
	if fi, err := os.Lstat(socket); err != nil || fi.Mode().Perm() != silentMode {
		t.Errorf("the socket of a living daemon: %v, %v", fi, err)
	}
	if n := len(asked); n != 1 {
		t.Errorf("%d of 2 compiles asked the silent daemon, want 1", n)
	}
}

func TestReplacedSocketIsKept(t *testing.T) {
	in := newInstance(t)
	socket := in.place.Socket()
	in.serve(func(p *peer) {
		p.request()
		// A fresh daemon takes the name.
		if err := os.Rename(socket, socket+".old"); err != nil {
			t.Error(err)
		}
		if err := os.WriteFile(socket, nil, 0o600); err != nil {
			t.Error(err)
		}
		old := time.Now().Add(-2 * staleAge)
		if err := os.Chtimes(socket, old, old); err != nil {
			t.Error(err)
		}
		p.write([]byte("nonsense"))
	})
	in.run(append([]string{ccwrap}, aCompiler...)...)
	if _, err := os.Lstat(socket); err != nil {
		t.Errorf("the new socket is gone: %v", err)
	}
}

// A directory of sockets that is not ours alone is not used.
func TestUnsafeRunDirectory(t *testing.T) {
	for name, change := range map[string]func(run string) error{
		"readable by the group": func(run string) error { return os.Chmod(run, 0o740) },
		"a link": func(run string) error {
			if err := os.Rename(run, run+".real"); err != nil {
				return err
			}
			return os.Symlink(run+".real", run)
		},
		"a file": func(run string) error {
			if err := os.RemoveAll(run); err != nil {
				return err
			}
			return os.WriteFile(run, nil, 0o700)
		},
	} {
		in := newInstance(t)
		program := in.install()
		// A daemon that answers tells whether it was asked.
		in.serve(toReplay(&protocol.Replay{Status: 99}))
		if err := change(in.place.Run); err != nil {
			t.Fatal(err)
		}
		if got := in.run(append([]string{program}, aCompiler...)...); got != itsEnd {
			t.Errorf("%s: %v, want %v", name, got, itsEnd)
		}
		if in.unrecorded() != 1 || in.starts() != 0 {
			t.Errorf("%s: %d unrecorded, %d starts, want 1 and 0", name, in.unrecorded(), in.starts())
		}
	}
}

// Unrecorded calls leave no directory behind where there was no instance, and nothing in one that others may write to.
func TestUnrecordedMakesNoInstance(t *testing.T) {
	in := newInstance(t)
	absent := filepath.Join(in.dir, "absent")
	in.env[1] = "COMPILE_CACHE_DIR=" + absent
	if got := in.run(append([]string{ccwrap}, aCompiler...)...); got != itsEnd {
		t.Errorf("got %v, want %v", got, itsEnd)
	}
	if _, err := os.Lstat(absent); !os.IsNotExist(err) {
		t.Errorf("the instance's directory: %v, want it absent", err)
	}
	open := newInstance(t)
	if err := os.Chmod(open.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	open.run(append([]string{ccwrap}, aCompiler...)...)
	if n := open.unrecorded(); n != 0 {
		t.Errorf("%d unrecorded in a directory for all, want 0", n)
	}
}

func TestDisabledTouchesNothing(t *testing.T) {
	in := newInstance(t)
	in.env = append(in.env, "COMPILE_CACHE_DISABLE=1")
	if got := in.run(append([]string{in.install()}, aCompiler...)...); got != itsEnd {
		t.Errorf("got %v, want %v", got, itsEnd)
	}
	if in.unrecorded() != 0 || in.starts() != 0 {
		t.Errorf("%d unrecorded, %d starts, want none", in.unrecorded(), in.starts())
	}
}

// The compiler runs where nothing can be named: no HOME, no PATH, no directory.
func TestBareEnvironment(t *testing.T) {
	in := newInstance(t)
	in.env = nil
	if got := in.run(ccwrap, "sh", "-c", "exit 3"); got != exits(3, "", "") {
		t.Errorf("with no environment: %v, want 3", got)
	}
	in.env = []string{"COMPILE_CACHE_DIR=x", "PATH=/usr/bin:/bin"}
	if got := in.run("/bin/sh", "-c", `mkdir "$1" && cd "$1" && rmdir "$1" && exec "$0" false`, ccwrap, filepath.Join(in.dir, "gone")); got != exits(1, "", "") {
		t.Errorf("in a directory that is gone: %v, want 1", got)
	}
}

// A daemon that hangs may still send Waits: they put a wrapper off for a while only.
func TestEndlessWaits(t *testing.T) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan verdict, 1)
	go func() {
		talk := &conversation{conn: &conn{fd: fds[0]}}
		v, _, _ := talk.listen(20 * time.Millisecond)
		ended <- v
		syscall.Close(fds[0]) // a write that found no room ends, too
	}()
	wait := protocol.AppendFrame(nil, protocol.Wait{})
	for err == nil {
		_, err = syscall.Write(fds[1], wait)
	}
	if v := <-ended; v != fault {
		t.Errorf("listen to Waits alone = %v, want a fault", v)
	}
	syscall.Close(fds[1])
}
