//go:build linux || darwin

package key

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

func stat(path string) (frontend.FileInfo, error) {
	var st unix.Stat_t
	for {
		if err := unix.Stat(path, &st); err == nil {
			return fileInfo(&st), nil
		} else if err != unix.EINTR {
			return frontend.FileInfo{}, err
		}
	}
}

func lstat(path string) (frontend.FileInfo, error) {
	var st unix.Stat_t
	for {
		if err := unix.Lstat(path, &st); err == nil {
			return fileInfo(&st), nil
		} else if err != unix.EINTR {
			return frontend.FileInfo{}, err
		}
	}
}

func fstat(fd uintptr) (frontend.FileInfo, error) {
	var st unix.Stat_t
	for {
		if err := unix.Fstat(int(fd), &st); err == nil {
			return fileInfo(&st), nil
		} else if err != unix.EINTR {
			return frontend.FileInfo{}, err
		}
	}
}

// Types of files in FileInfo.Mode.
const (
	modeType    = unix.S_IFMT
	modeRegular = unix.S_IFREG
	modeDir     = unix.S_IFDIR
	modeLink    = unix.S_IFLNK
)

// missing reports whether err says that a path has no file: a component is absent, or is no directory.
func missing(err error) bool { return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) }
