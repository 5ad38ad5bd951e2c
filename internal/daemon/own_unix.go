//go:build unix

package daemon

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// ErrRunning says that another daemon serves the place already.
var ErrRunning = errors.New("a daemon is running already")

// OwnDirectories makes the instance's directories and refuses those that are not ours alone: whoever can write there could
// answer in our place, exchange what is stored, or put other programs where our shims are.
func OwnDirectories(place protocol.Place) error {
	for _, dir := range []string{place.Dir, place.Run} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("create %s: %w", dir, err)
		}
	}
	for _, dir := range []string{place.Dir, filepath.Dir(place.Run)} {
		if err := ours(dir); err != nil {
			return err
		}
	}
	fi, err := os.Lstat(place.Run)
	if err != nil {
		return err
	}
	if !fi.IsDir() || !owned(fi) || fi.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s is not a directory of ours alone (owner %d, mode 0700)", place.Run, os.Getuid())
	}
	return nil
}

// ours refuses a directory that another user owns or may write to. People read it as they like: what is below is closed. It may be a
// link of ours, to a larger disk.
func ours(dir string) error {
	link, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	fi, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !fi.IsDir() || !owned(link) || !owned(fi) || fi.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s is not a directory of ours that no other user may write to (owner %d, mode 0700 or 0755)", dir, os.Getuid())
	}
	return nil
}

func owned(fi os.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Getuid()
}

// takeLock takes the lock that tells that a daemon lives, and claims the place's namespace as the instance's first where
// there is none. A predecessor that is draining lets go of the lock first.
func takeLock(place protocol.Place) (*os.File, error) {
	for {
		f, err := lockFile(place)
		if err != nil {
			return nil, err
		}
		// Another daemon may have swept the file away between its opening and its locking; then its lock tells nobody anything.
		at, err := os.Lstat(place.Lock())
		own, ownErr := f.Stat()
		if err == nil && ownErr == nil && os.SameFile(at, own) {
			if err := claim(place); err != nil {
				f.Close()
				return nil, err
			}
			return f, nil
		}
		f.Close()
		if ownErr != nil || err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("lock %s: %w", place.Lock(), errors.Join(err, ownErr))
		}
	}
}

func lockFile(place protocol.Place) (*os.File, error) {
	f, err := os.OpenFile(place.Lock(), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	// Whoever only asks whether a daemon lives holds the lock for some microseconds.
	for range 20 {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrRunning
		}
		return nil, fmt.Errorf("lock %s: %w", place.Lock(), err)
	}
	return f, nil
}

// claim writes the instance's first namespace, where the one written is gone.
func claim(place protocol.Place) error {
	boot := bootID()
	b, err := os.ReadFile(place.Home())
	if err == nil {
		namespace, theirBoot, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
		if namespace == place.Namespace && theirBoot == boot {
			return nil
		}
		if theirBoot == boot && locked(place.LockIn(namespace)) {
			return nil
		}
	}
	temporary := place.Home() + ".new"
	if err := os.WriteFile(temporary, []byte(place.Namespace+" "+boot+"\n"), 0o600); err != nil {
		return fmt.Errorf("claim namespace: %w", err)
	}
	if err := os.Rename(temporary, place.Home()); err != nil {
		return fmt.Errorf("claim namespace: %w", err)
	}
	return nil
}

func locked(path string) bool {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// Running reports whether a daemon of this place lives: it holds its lock.
func Running(place protocol.Place) bool { return locked(place.Lock()) }

// Alive reports whether a process exists and has not ended.
func Alive(pid int) bool { return !errors.Is(unix.Kill(pid, 0), unix.ESRCH) && !isDefunct(pid) }

// InForeground reports whether a terminal sends its signals to this process and, at the same time, to its children.
func InForeground() bool {
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer tty.Close()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

func identify(path string) (dev, ino uint64, err error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0, 0, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return uint64(st.Dev), st.Ino, nil
}

// fileSystemSize returns the size of the file system that holds dir or the nearest directory above it that exists.
func fileSystemSize(dir string) int64 {
	for {
		var st unix.Statfs_t
		err := unix.Statfs(dir, &st)
		if err == nil {
			return int64(st.Blocks) * int64(st.Bsize)
		}
		up := filepath.Dir(dir)
		if up == dir {
			return 0
		}
		dir = up
	}
}

// scratchBytes and scratchFiles are what the file system of the hidden files must have left before a compiler is asked to write
// some: more than the dependency files of all compiles under way take.
const (
	scratchBytes = 4 << 20
	scratchFiles = 64
)

// hasRoom reports whether hidden files can be written to dir. Where that cannot be told, they can.
func hasRoom(dir string) bool {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return !errors.Is(err, unix.ENOENT)
	}
	return int64(st.Bavail)*int64(st.Bsize) >= scratchBytes && (st.Files == 0 || uint64(st.Ffree) >= scratchFiles)
}

// control runs f on the descriptor of a connection.
func control(nc net.Conn, f func(fd int) error) error {
	raw, err := nc.(*net.UnixConn).SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}
