package wrapper

import (
	"syscall"
	"unsafe"
)

type winsize struct{ row, col, xpixel, ypixel uint16 }

// columns returns the width of the terminal that fd is, 0 where it is none. A terminal that does not know its width has 65536, which
// no terminal has: to a compiler it is unbounded.
func columns(fd int) uint32 {
	var size winsize
	_, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(fd), syscall.TIOCGWINSZ, uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return 0
	}
	if size.col == 0 {
		return 1 << 16
	}
	return uint32(size.col)
}

// openPTY returns a pty of the size of the terminal like. It passes bytes unchanged: what a line end becomes is the
// terminal's business. It never becomes a controlling terminal.
func openPTY(like int) (master, slave int, err error) {
	master, slave, err = ptyPair()
	if err != nil {
		return -1, -1, err
	}
	var size winsize
	var mode syscall.Termios
	for _, step := range []struct {
		fd      int
		request uintptr
		arg     unsafe.Pointer
	}{
		{like, syscall.TIOCGWINSZ, unsafe.Pointer(&size)},
		{slave, syscall.TIOCSWINSZ, unsafe.Pointer(&size)},
		{slave, syscall.TCGETS, unsafe.Pointer(&mode)},
	} {
		if err = ioctl(step.fd, step.request, step.arg); err != nil {
			break
		}
	}
	if err == nil {
		mode.Oflag &^= syscall.OPOST
		mode.Lflag &^= syscall.ECHO
		err = ioctl(slave, syscall.TCSETS, unsafe.Pointer(&mode))
	}
	if err != nil {
		closeAll(master, slave)
		return -1, -1, err
	}
	return master, slave, nil
}

// ptyPair returns the two ends of a new pty. The master does not block.
func ptyPair() (master, slave int, err error) {
	const flags = syscall.O_RDWR | syscall.O_NOCTTY | syscall.O_CLOEXEC
	master, err = syscall.Open("/dev/ptmx", flags|syscall.O_NONBLOCK, 0)
	if err != nil {
		return -1, -1, err
	}
	var unlocked int32
	if err := ioctl(master, syscall.TIOCSPTLCK, unsafe.Pointer(&unlocked)); err != nil {
		closeAll(master)
		return -1, -1, err
	}
	// TIOCGPTPEER (Linux 4.13) needs no path, which may mean another pty in this mount namespace.
	const getPeer = 0x5441
	peer, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(master), getPeer, flags)
	if errno != 0 {
		closeAll(master)
		return -1, -1, errno
	}
	return master, int(peer), nil
}

func ioctl(fd int, request uintptr, arg unsafe.Pointer) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}
