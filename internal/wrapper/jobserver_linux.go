package wrapper

import (
	"strconv"
	"syscall"
)

// reopenPipe opens the pipe whose ends these descriptors are. A recipe of make that is not marked as recursive is told of descriptors
// that it does not get, and another file may lie there: only the two ends of one pipe are a jobserver. The
// descriptors themselves are left alone, as others share their flags.
func reopenPipe(r, w int) int {
	var read, write syscall.Stat_t
	if syscall.Fstat(r, &read) != nil || syscall.Fstat(w, &write) != nil || !samePipe(&read, &write) ||
		accessMode(r) != syscall.O_RDONLY || accessMode(w) != syscall.O_WRONLY {
		return -1
	}
	return openPipe("/proc/self/fd/"+strconv.Itoa(r), &read)
}

// accessMode returns how a descriptor was opened, -1 if it is none.
func accessMode(fd int) int {
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFL, 0)
	if errno != 0 {
		return -1
	}
	return int(flags) & syscall.O_ACCMODE
}
