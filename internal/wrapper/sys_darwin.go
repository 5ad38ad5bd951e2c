package wrapper

import (
	"os/signal"
	"syscall"
	"time"
)

func workDir() string {
	dir, err := syscall.Getwd()
	if err != nil {
		return ""
	}
	return dir
}

func socket() (int, error) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	return fd, err
}

// peerIsOurs trusts the directory of the socket, which is ours alone: package syscall has no LOCAL_PEERCRED.
func peerIsOurs(int) bool { return true }

// namespaceLink is empty: there are no mount namespaces.
func namespaceLink() string { return "" }

// bootID tells one boot of the system from another; without an answer all boots are one, and a daemon's lock alone
// tells whether it lives.
func bootID() string {
	id, _ := syscall.Sysctl("kern.bootsessionuuid")
	return id
}

// poll waits until one of fds is ready, or for a time; negative is for ever. It may return early with none ready. Where a
// descriptor is too high for select, all count as ready after a moment: they do not block.
func poll(fds []pollFD, wait time.Duration) {
	var read, write syscall.FdSet
	high := 0
	for i := range fds {
		fds[i].revents = 0
		fd := int(fds[i].fd)
		if fd < 0 {
			continue
		}
		if fd >= len(read.Bits)*32 {
			time.Sleep(time.Millisecond)
			for i := range fds {
				fds[i].revents = fds[i].events
			}
			return
		}
		set := &read
		if fds[i].events == pollOut {
			set = &write
		}
		set.Bits[fd/32] |= 1 << (fd % 32)
		high = max(high, fd)
	}
	var tv *syscall.Timeval
	if wait >= 0 {
		t := syscall.NsecToTimeval(int64(wait))
		tv = &t
	}
	if syscall.Select(high+1, &read, &write, nil, tv) != nil {
		return
	}
	for i := range fds {
		fd := int(fds[i].fd)
		if fd >= 0 && (read.Bits[fd/32]|write.Bits[fd/32])&(1<<(fd%32)) != 0 {
			fds[i].revents = fds[i].events
		}
	}
}

// waitWritable waits until fd takes bytes again.
func waitWritable(fd int) { poll([]pollFD{{fd: int32(fd), events: pollOut}}, -1) }

// pipe returns the two ends of a pipe; only ours, the reading one, does not block.
func pipe() (r, w int, err error) {
	var p [2]int
	// No child is started meanwhile, so the moment without close-on-exec is harmless.
	if err := syscall.Pipe(p[:]); err != nil {
		return -1, -1, err
	}
	syscall.CloseOnExec(p[0])
	syscall.CloseOnExec(p[1])
	if err := syscall.SetNonblock(p[0], true); err != nil {
		closeAll(p[0], p[1])
		return -1, -1, err
	}
	return p[0], p[1], nil
}

// withHandle does nothing: a child has no handle but its number.
func withHandle(*syscall.SysProcAttr, *int) {}

// signalChild sends a signal to a child.
func signalChild(pid, _ int, sig syscall.Signal) { _ = syscall.Kill(pid, sig) }

// plainQuit and runtimeQuit do nothing: package syscall has no sigaction, so SIGQUIT to a waiting ccwrap prints Go's traces.
func plainQuit()   {}
func runtimeQuit() {}

// dieBy ends this process by a signal, as the child ended, without a second core file. It returns where the signal
// does not end it: Go keeps its own handlers of faults such as SIGSEGV.
func dieBy(sig syscall.Signal) {
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	signal.Reset(sig)
	_ = syscall.Kill(syscall.Getpid(), sig)
}
