//go:build unix

package wrapper

import "syscall"

// firstLine returns the first line of a small file, "" where there is none.
func firstLine(path string) string {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	defer syscall.Close(fd)
	var buf [256]byte
	n, err := syscall.Read(fd, buf[:])
	if err != nil || n <= 0 {
		return ""
	}
	for i, b := range buf[:n] {
		if b == '\n' {
			return string(buf[:i])
		}
	}
	return string(buf[:n])
}

func closeAll(fds ...int) {
	for _, fd := range fds {
		if fd >= 0 {
			syscall.Close(fd)
		}
	}
}

// pollFD is struct pollfd of Linux; poll takes them on every system.
type pollFD struct {
	fd      int32
	events  int16
	revents int16
}

const (
	pollIn  = 0x1
	pollOut = 0x4
)
