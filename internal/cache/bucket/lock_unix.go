//go:build unix

package bucket

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// errReplaced says that a lock was removed while it was taken, so that others can take one of the same name.
var errReplaced = errors.New("the lock was removed meanwhile")

// takeLock takes the lock of a file without waiting; it is held until it is closed or the process ends.
func takeLock(path string) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	held, err := f.Stat()
	if err == nil {
		var there os.FileInfo
		if there, err = os.Lstat(path); err == nil && !os.SameFile(held, there) {
			err = errReplaced
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
