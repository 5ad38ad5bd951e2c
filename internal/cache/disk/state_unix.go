//go:build unix

package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

func stateOf(st *unix.Stat_t) state {
	return state{dev: uint64(st.Dev), ino: st.Ino, size: st.Size, mtime: st.Mtim.Nano(), ctime: st.Ctim.Nano()}
}

// stateAt returns the state of what lies at path, which is a directory or a regular file as asked.
func stateAt(path string, directory bool) (state, error) {
	var st unix.Stat_t
	if err := retry(func() error { return unix.Lstat(path, &st) }); err != nil {
		return state{}, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	want := uint32(unix.S_IFREG)
	if directory {
		want = unix.S_IFDIR
	}
	if uint32(st.Mode)&unix.S_IFMT != want {
		return state{}, &fs.PathError{Op: "lstat", Path: path, Err: errNotRegular}
	}
	return stateOf(&st), nil
}

// openRegular opens a regular file without following a link. It bypasses os.Open, whose attempt to register a file with
// the poller costs five system calls and is of no use for regular files.
func openRegular(path string) (*os.File, state, error) {
	fd := -1
	// Without O_NONBLOCK, opening a FIFO would wait for its writer. For a regular file the flag means nothing, and it is
	// taken back before anyone sees the descriptor.
	err := retry(func() (err error) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		return err
	})
	if err == unix.ELOOP {
		err = errNotRegular
	}
	if err != nil {
		return nil, state{}, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	var st unix.Stat_t
	if err = retry(func() error { return unix.Fstat(fd, &st) }); err == nil && uint32(st.Mode)&unix.S_IFMT != unix.S_IFREG {
		err = errNotRegular
	}
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFL, 0)
	}
	if err != nil {
		unix.Close(fd)
		return nil, state{}, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), stateOf(&st), nil
}

// retry repeats what a signal interrupted.
func retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// checkPrivate returns an error unless dir is a directory, no link, that belongs to this user and is open to no other.
func checkPrivate(dir string) error {
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return &fs.PathError{Op: "lstat", Path: dir, Err: err}
	}
	switch uid := os.Geteuid(); {
	case uint32(st.Mode)&unix.S_IFMT != unix.S_IFDIR:
		return fmt.Errorf("%s is no directory", dir)
	case int(st.Uid) != uid:
		return fmt.Errorf("%s belongs to user %d, not to user %d", dir, st.Uid, uid)
	case st.Mode&0o077 != 0:
		return fmt.Errorf("%s is open to other users (mode %#o, want 0700)", dir, st.Mode&0o777)
	}
	return nil
}

// diskFull reports whether a write failed for want of space.
func diskFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// lockFile takes an exclusive lock on a file, made where absent, without waiting. It returns nil where another holds it.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	err = retry(func() error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) })
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, nil
	}
	return nil, &fs.PathError{Op: "lock", Path: path, Err: err}
}
