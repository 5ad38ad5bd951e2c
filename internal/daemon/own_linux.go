package daemon

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// peerUID returns the user at the other end.
func peerUID(nc net.Conn) (uid int, err error) {
	err = control(nc, func(fd int) error {
		cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err == nil {
			uid = int(cred.Uid)
		}
		return err
	})
	return uid, err
}

// Namespace names this process's mount namespace, as ccwrap does.
func Namespace() string {
	link, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return "0"
	}
	return strings.Trim(strings.TrimPrefix(link, "mnt:"), "[]")
}

// bootID names this run of the kernel.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "0"
	}
	return strings.TrimSpace(string(b))
}

// Conceal keeps other processes of our user from reading this one's memory and environment, and the kernel from writing them to a
// core file. What reads our environment to know which processes are a job's, as a runner does when it cleans up, does not find us any
// more: the post step, or having nothing to do, ends the daemon.
func Conceal() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }

// closeInherited keeps the descriptors that this process was born with from its children.
func closeInherited() {
	if unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC) == nil {
		return
	}
	for fd := 3; fd < 1024; fd++ {
		unix.CloseOnExec(fd)
	}
}

// timerSlack is how late the kernel may end the daemon's sleeps, in nanoseconds.
const timerSlack = 1_000_000

// relaxTimers sets the timer slack of this thread, which a process started from it inherits. While Go's runtime has work, a
// thread of its own sleeps 20 µs at a time to look after the others; with the usual slack of 50 µs that was an eighth of
// the daemon's CPU time on hits.
// restore gives this thread its own slack back: the build that `run` starts next shall not inherit ours.
func relaxTimers() (restore func()) {
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, timerSlack, 0, 0, 0)
	return func() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0) }
}

// isDefunct reports whether a process has ended and nobody has asked for its status. The daemon's parent is the first process of its
// container, which may take its time for that, or never do it: that of a job's container in GitHub's workflows is tail.
func isDefunct(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, ok := bytes.Cut(b[bytes.LastIndexByte(b, ')')+1:], []byte(" "))
	return ok && len(rest) > 0 && (rest[0] == 'Z' || rest[0] == 'X')
}
