package wrapper

import (
	"syscall"
	"unsafe"
)

// columns returns the width of the terminal that fd is, 0 where it is none, 65536 where it does not know it.
func columns(fd int) uint32 {
	var size struct{ row, col, xpixel, ypixel uint16 }
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.TIOCGWINSZ, uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return 0
	}
	if size.col == 0 {
		return 1 << 16
	}
	return uint32(size.col)
}

// openPTY has no answer: without cgo a pty cannot be granted. The compiler then keeps the terminal, uncaptured.
func openPTY(int) (master, slave int, err error) { return -1, -1, syscall.ENOTSUP }
