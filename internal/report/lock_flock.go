//go:build linux || darwin

package report

import (
	"errors"
	"os"
	"syscall"
)

// tryLock locks f for as long as it is open, and reports false where someone else holds it. The lock belongs to the open
// file, so two in one process exclude each other too.
func tryLock(f *os.File) (bool, error) {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		default:
			return false, &os.PathError{Op: "lock", Path: f.Name(), Err: err}
		}
	}
}

// canLock says that a lock tells whether a file's writer lives.
const canLock = true
