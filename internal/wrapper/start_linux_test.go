package wrapper

import (
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestStart(t *testing.T) {
	in := newInstance(t)
	program := in.install()
	for range 3 {
		if got := in.run(append([]string{program}, aCompiler...)...); got != exits(replayed, "", "") {
			t.Errorf("got %v, want the daemon's answer", got)
		}
	}
	if in.starts() != 1 || in.unrecorded() != 0 {
		t.Errorf("%d starts, %d unrecorded, want 1 and 0", in.starts(), in.unrecorded())
	}
}

// An instance is made where there is none, for us alone.
func TestStartMakesTheInstance(t *testing.T) {
	in := newInstance(t)
	program := in.install()
	if err := os.Remove(in.place.Run); err != nil {
		t.Fatal(err)
	}
	if got := in.run("/bin/sh", "-c", `umask 0; exec "$@"`, "sh", program, "/bin/false"); got != exits(replayed, "", "") {
		t.Errorf("got %v, want the daemon's answer", got)
	}
	st, err := os.Stat(in.place.Run)
	if err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("run directory: %v, %v, want mode 0700", st.Mode(), err)
	}
}

// However many wrappers race, one daemon is started and all are answered.
func TestStartRace(t *testing.T) {
	in := newInstance(t)
	program := in.install()
	const wrappers = 200
	var running sync.WaitGroup
	answers := make(chan ended, wrappers)
	for range wrappers {
		running.Go(func() { answers <- in.run(append([]string{program}, aCompiler...)...) })
	}
	running.Wait()
	close(answers)
	for got := range answers {
		if got != exits(replayed, "", "") {
			t.Errorf("got %v, want the daemon's answer", got)
		}
	}
	if in.starts() != 1 || in.unrecorded() != 0 {
		t.Errorf("%d starts, %d unrecorded, want 1 and 0", in.starts(), in.unrecorded())
	}
}

// A dead daemon's socket is in nobody's way.
func TestStartAfterADeadDaemon(t *testing.T) {
	in := newInstance(t)
	program := in.install()
	fd, err := socket()
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: in.place.Socket()}); err != nil {
		t.Fatal(err)
	}
	closeAll(fd)
	if got := in.run(append([]string{program}, aCompiler...)...); got != exits(replayed, "", "") {
		t.Errorf("got %v, want the daemon's answer", got)
	}
}

// A start that fails is not repeated by every compile, but it is some time later.
func TestFailedStart(t *testing.T) {
	for _, how := range []string{"fail", "lie"} {
		in := newInstance(t)
		program := in.install()
		if err := os.WriteFile(filepath.Join(in.dir, how), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if got := in.run(append([]string{program}, aCompiler...)...); got != itsEnd {
				t.Errorf("%s: %v, want %v", how, got, itsEnd)
			}
		}
		if in.starts() != 1 || in.unrecorded() != 3 {
			t.Errorf("%s: %d starts, %d unrecorded, want 1 and 3", how, in.starts(), in.unrecorded())
		}
		old := time.Now().Add(-2 * startAgain)
		if err := os.Chtimes(in.place.StartLock(), old, old); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(in.dir, how)); err != nil {
			t.Fatal(err)
		}
		if got := in.run(append([]string{program}, aCompiler...)...); got != exits(replayed, "", "") {
			t.Errorf("%s, later: %v, want the daemon's answer", how, got)
		}
	}
}

// While another wrapper starts a daemon, one waits for it; where that wrapper gives up, one goes without.
func TestWaitForAnothersStart(t *testing.T) {
	in := newInstance(t)
	program := in.install()
	lock := flock(in.place.StartLock(), syscall.O_CREAT, syscall.LOCK_EX)
	if lock < 0 {
		t.Fatal("lock the start file: refused")
	}
	cmd := in.command(append([]string{program}, aCompiler...)...)
	done := make(chan ended, 1)
	go func() { done <- in.finish(cmd) }()
	in.serve(toExecute)
	if got := <-done; got != itsEnd {
		t.Errorf("got %v, want %v", got, itsEnd)
	}
	if in.starts() != 0 || in.unrecorded() != 0 {
		t.Errorf("%d starts, %d unrecorded, want none", in.starts(), in.unrecorded())
	}
	closeAll(lock)
}

// Another namespace's daemon is asked while it lives, and replaced when it does not.
func TestOtherNamespace(t *testing.T) {
	home := func(in *instance, boot string) {
		if err := os.WriteFile(in.place.Home(), []byte("77 "+boot+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := newInstance(t)
	program := in.install()
	home(in, bootID())
	own := in.place.Namespace
	in.place.Namespace = "77"
	in.serve(func(p *peer) {
		if got := p.request().Namespace; got != own {
			t.Errorf("the request names namespace %q, want %q", got, own)
		}
		p.send(replay("another"))
	})
	in.place.Namespace = own
	if got := in.run(append([]string{program}, aCompiler...)...); got != exits(0, "another", "") {
		t.Errorf("a living daemon elsewhere: %v, want its answer", got)
	}
	if in.starts() != 0 {
		t.Errorf("%d starts beside a living daemon, want 0", in.starts())
	}

	for _, boot := range []string{bootID(), "another-boot"} {
		dead := newInstance(t)
		program := dead.install()
		home(dead, boot)
		if got := dead.run(append([]string{program}, aCompiler...)...); got != exits(replayed, "", "") {
			t.Errorf("a dead daemon elsewhere, boot %s: %v, want a fresh daemon's answer", boot, got)
		}
	}
}
