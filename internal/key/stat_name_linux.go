//go:build linux && (amd64 || arm64)

package key

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// statName is stat of a path that ends with a NUL: nothing is copied or allocated for it.
func statName(name *byte) (frontend.FileInfo, error) {
	var st unix.Stat_t
	at := unix.AT_FDCWD
	for {
		_, _, errno := unix.Syscall6(unix.SYS_NEWFSTATAT, uintptr(at), uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(&st)), 0, 0, 0)
		switch errno {
		case 0:
			return fileInfo(&st), nil
		case unix.EINTR:
		default:
			return frontend.FileInfo{}, errno
		}
	}
}
