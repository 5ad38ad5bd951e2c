//go:build unix

package engine

import (
	"golang.org/x/sys/unix"
	"os"
)

// newFile is a descriptor of a file just created.
type newFile int

// createFile creates a file that must not be there, of which our umask takes all but the owner's rights.
func createFile(path string, mode uint32) (output, error) {
	for {
		fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, mode&0o777)
		if err == nil {
			return newFile(fd), nil
		}
		if err != unix.EINTR {
			return nil, &os.PathError{Op: "create", Path: path, Err: err}
		}
	}
}

func (f newFile) Fd() uintptr { return uintptr(f) }

func (f newFile) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n, err := unix.Write(int(f), p[done:])
		if n > 0 {
			done += n
		}
		if err != nil && err != unix.EINTR {
			return done, os.NewSyscallError("write", err)
		}
	}
	return done, nil
}

func (f newFile) Chmod(mode os.FileMode) error {
	return os.NewSyscallError("chmod", unix.Fchmod(int(f), uint32(mode.Perm())))
}

func (f newFile) Close() error { return os.NewSyscallError("close", unix.Close(int(f))) }
