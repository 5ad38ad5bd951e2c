//go:build unix

package bucket

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

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
	return f, nil
}
