package daemon

import (
	"net"

	"golang.org/x/sys/unix"
)

// peerUID returns the user at the other end.
func peerUID(nc net.Conn) (uid int, err error) {
	err = control(nc, func(fd int) error {
		cred, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
		if err == nil {
			uid = int(cred.Uid)
		}
		return err
	})
	return uid, err
}

// Namespace names this process's mount namespace: there is one.
func Namespace() string { return "0" }

// bootID names this run of the kernel.
func bootID() string {
	s, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return "0"
	}
	return s
}

// Conceal keeps the kernel from writing this process's memory to a core file. Other processes of our user may not read it here
// unless they are debuggers.
func Conceal() error { return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) }

// closeInherited keeps the descriptors that this process was born with from its children.
func closeInherited() {
	for fd := 3; fd < 1024; fd++ {
		unix.CloseOnExec(fd)
	}
}

// relaxTimers has nothing to set here.
func relaxTimers() (restore func()) { return func() {} }

// isDefunct reports whether a process has ended and nobody has asked for its status: launchd does so at once.
func isDefunct(int) bool { return false }
