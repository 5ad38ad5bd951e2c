//go:build unix

package wrapper

import (
	"syscall"
	"time"
)

const (
	// startPatience bounds the wait for a daemon that another wrapper starts.
	startPatience = 3 * time.Second
	// starterPatience bounds the wait for the program that we start.
	starterPatience = 10 * time.Second
	// startAgain is the time after a failed start in which no other is tried.
	startAgain = 10 * time.Second
)

// connect returns a connection to the daemon of our place, which it starts where there is none; nil where
// that is not possible or not ours to do.
func (t *conversation) connect() *conn {
	var st syscall.Stat_t
	switch err := syscall.Lstat(t.place.Run, &st); {
	case err == syscall.ENOENT:
		return t.start()
	case err != nil || !isOurs(&st):
		return nil
	}
	c, err := dial(t.place.Socket())
	switch err {
	case nil:
		return c
	case syscall.ENOENT, syscall.ECONNREFUSED:
		return t.start()
	}
	return nil
}

// isOurs reports whether a directory is ours alone.
func isOurs(st *syscall.Stat_t) bool {
	return st.Mode&syscall.S_IFMT == syscall.S_IFDIR && int(st.Uid) == syscall.Getuid() && st.Mode&0o077 == 0
}

// start starts a daemon, or waits for the one that another wrapper starts. Only in the mount namespace of the instance's
// first daemon it is ours to start one: in another one, a daemon would not see the files that outlive the sandbox.
// There the first daemon, if it lives, is asked; it counts the call and lets us become the compiler.
func (t *conversation) start() *conn {
	home, boot := fields(firstLine(t.place.Home()))
	if home != "" && home != t.place.Namespace && boot == bootID() {
		// Its lock is not tried: a lock held for a moment could turn away a daemon that starts.
		if c, err := dial(t.place.SocketIn(home)); err == nil {
			return c
		}
	}
	if t.self.path == "" {
		return nil
	}
	program := parent(t.self.path) + "/compile-cache"
	if syscall.Access(program, accessExecute) != nil {
		return nil
	}
	mkdirAll(t.place.Dir)
	mkdirAll(t.place.Run)
	var st syscall.Stat_t
	if syscall.Lstat(t.place.Run, &st) != nil || !isOurs(&st) {
		return nil
	}
	lock := flock(t.place.StartLock(), syscall.O_CREAT, syscall.LOCK_EX)
	if lock < 0 {
		return t.awaitStart()
	}
	defer syscall.Close(lock)
	// Who held the lock before us may have just finished.
	if c, err := dial(t.place.Socket()); err == nil {
		return c
	}
	if syscall.Fstat(lock, &st) != nil || st.Size > 0 && recent(&st, startAgain) {
		return nil
	}
	if t.runStarter(program) {
		if c, err := dial(t.place.Socket()); err == nil {
			_ = syscall.Ftruncate(lock, 0)
			return c
		}
	}
	// A byte in the lock's file says that its time is that of a failure.
	_ = syscall.Ftruncate(lock, 0)
	_, _ = syscall.Write(lock, []byte{'x'})
	return nil
}

// runStarter runs "compile-cache daemon" and reports whether it says that a daemon listens. The program leaves a daemon of its own
// session behind, which keeps none of our descriptors. It is waited for, so that the compiler
// that we may become has no child it does not know.
func (t *conversation) runStarter(program string) bool {
	null, err := syscall.Open("/dev/null", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer syscall.Close(null)
	fd := uintptr(null)
	pid, err := syscall.ForkExec(program, []string{program, "daemon"}, &syscall.ProcAttr{
		Dir: "/",
		// The instance may be that of our shim, or relative to our directory: the daemon could not tell.
		Env:   setenv(t.env, "COMPILE_CACHE_DIR", t.place.Dir),
		Files: []uintptr{fd, fd, fd},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return false
	}
	deadline := time.Now().Add(starterPatience)
	var status syscall.WaitStatus
	for pause := time.Millisecond; ; pause = min(2*pause, 20*time.Millisecond) {
		got, err := syscall.Wait4(pid, &status, syscall.WNOHANG, nil)
		if got == pid {
			return status.Exited() && status.ExitStatus() == 0
		}
		if err != nil && err != syscall.EINTR {
			return false
		}
		if time.Now().After(deadline) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			_ = retry(func() error { _, err := syscall.Wait4(pid, &status, 0, nil); return err })
			return false
		}
		time.Sleep(pause)
	}
}

// awaitStart dials until the daemon that another wrapper starts is there, as long as that wrapper is at it.
func (t *conversation) awaitStart() *conn {
	deadline := time.Now().Add(startPatience)
	for pause := 5 * time.Millisecond; time.Now().Before(deadline); pause = min(2*pause, 50*time.Millisecond) {
		time.Sleep(pause)
		held := locked(t.place.StartLock())
		if c, err := dial(t.place.Socket()); err == nil {
			return c
		}
		if !held {
			return nil
		}
	}
	return nil
}

// locked reports whether another process holds the lock of a file.
func locked(path string) bool {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer syscall.Close(fd)
	return retry(func() error { return syscall.Flock(fd, syscall.LOCK_SH|syscall.LOCK_NB) }) == syscall.EWOULDBLOCK
}

// recent reports whether a file was changed within the last d. A time in the future says nothing.
func recent(st *syscall.Stat_t, d time.Duration) bool { return since(modified(st), d) }

// since reports whether t lies less than d back.
func since(t time.Time, d time.Duration) bool {
	age := time.Since(t)
	return age >= 0 && age < d
}

// mkdirAll makes a directory and those above it for us alone. What exists stays as it is.
func mkdirAll(path string) {
	if syscall.Mkdir(path, 0o700) == syscall.ENOENT {
		if up := parent(path); up != path {
			mkdirAll(up)
			_ = syscall.Mkdir(path, 0o700)
		}
	}
}

// fields splits "a b".
func fields(s string) (a, b string) {
	for i := range len(s) {
		if s[i] == ' ' {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}
