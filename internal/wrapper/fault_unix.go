//go:build unix

package wrapper

import (
	"syscall"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// countUnrecorded appends one byte to the file of invocations that no daemon counted. Where the instance has no directory, or
// one that others may write to, nothing is counted.
func countUnrecorded(place protocol.Place) {
	var st syscall.Stat_t
	if place.Dir == "" || syscall.Stat(place.Dir, &st) != nil || !mayCount(&st) {
		return
	}
	path := place.Unrecorded()
	open := func() (int, error) { return syscall.Open(path, countFlags, 0o600) }
	fd, err := open()
	if err == syscall.ENOENT {
		_ = syscall.Mkdir(parent(path), 0o700)
		fd, err = open()
	}
	if err != nil {
		return
	}
	_, _ = syscall.Write(fd, []byte{'.'})
	syscall.Close(fd)
}

// mayCount reports whether a directory is one in which we count: nobody else may write to it.
func mayCount(st *syscall.Stat_t) bool { return int(st.Uid) == syscall.Getuid() && st.Mode&0o022 == 0 }

// countFlags are those with which Place.Unrecorded is opened.
const countFlags = syscall.O_WRONLY | syscall.O_APPEND | syscall.O_CREAT | syscall.O_CLOEXEC | syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// staleAge is the age from which the socket of a daemon that does not answer is removed. A younger one may be of a daemon
// that is still starting under load.
const staleAge = 10 * time.Second

// setAside keeps other compiles from waiting in vain as this one did. The socket of a daemon that lives is shunned for a
// while; any other is removed, so that the next wrapper starts a fresh daemon. It does nothing if another wrapper holds the start
// lock or the socket is no longer the one that was dialled.
func (t *conversation) setAside() {
	lock := flock(t.place.StartLock(), syscall.O_CREAT, syscall.LOCK_EX)
	if lock < 0 {
		return
	}
	defer syscall.Close(lock)
	var st syscall.Stat_t
	if syscall.Lstat(t.conn.path, &st) != nil || uint64(st.Dev) != t.conn.dev || uint64(st.Ino) != t.conn.ino {
		return
	}
	switch {
	case locked(t.place.Lock()):
		_ = syscall.Chmod(t.conn.path, silentMode)
	case !recent(&st, staleAge):
		_ = syscall.Unlink(t.conn.path)
	}
}

// flock opens and locks a file without waiting, and returns its descriptor, or -1 where it is locked or cannot be opened.
func flock(path string, create, how int) int {
	fd, err := syscall.Open(path, syscall.O_RDWR|syscall.O_CLOEXEC|syscall.O_NOFOLLOW|create, 0o600)
	if err != nil {
		return -1
	}
	if retry(func() error { return syscall.Flock(fd, how|syscall.LOCK_NB) }) != nil {
		syscall.Close(fd)
		return -1
	}
	return fd
}
