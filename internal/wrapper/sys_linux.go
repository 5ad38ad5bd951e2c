package wrapper

import (
	"syscall"
	"time"
	"unsafe"
)

// workDir is syscall.Getwd without its 4 KiB of stack.
func workDir() string {
	n, err := syscall.Getcwd(linkText[:])
	if err != nil || n <= 1 {
		return ""
	}
	return string(linkText[:n-1])
}

func socket() (int, error) {
	return syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
}

// peerIsOurs reports whether who listens at the other end is our user.
func peerIsOurs(fd int) bool {
	cred, err := syscall.GetsockoptUcred(fd, syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	return err == nil && int(cred.Uid) == syscall.Getuid()
}

// namespaceLink is the text that names our mount namespace.
func namespaceLink() string { return readLink("/proc/self/ns/mnt") }

// bootID tells one boot of the system from another.
func bootID() string { return firstLine("/proc/sys/kernel/random/boot_id") }

// poll waits until one of fds is ready, or for a time; negative is for ever. It may return early with none ready.
func poll(fds []pollFD, wait time.Duration) {
	var ts *syscall.Timespec
	if wait >= 0 {
		t := syscall.NsecToTimespec(int64(wait))
		ts = &t
	}
	for i := range fds {
		fds[i].revents = 0
	}
	_, _, errno := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&fds[0])), uintptr(len(fds)),
		uintptr(unsafe.Pointer(ts)), 0, 0, 0)
	if errno != 0 {
		for i := range fds {
			fds[i].revents = 0
		}
	}
}

// waitWritable waits until fd takes bytes again.
func waitWritable(fd int) { poll([]pollFD{{fd: int32(fd), events: pollOut}}, -1) }

// pipe returns the two ends of a pipe; only ours, the reading one, does not block.
func pipe() (r, w int, err error) {
	var p [2]int
	if err := syscall.Pipe2(p[:], syscall.O_CLOEXEC); err != nil {
		return -1, -1, err
	}
	if err := syscall.SetNonblock(p[0], true); err != nil {
		closeAll(p[0], p[1])
		return -1, -1, err
	}
	return p[0], p[1], nil
}

// withHandle asks for a handle of the child that is made, which cannot mean another process later.
func withHandle(attr *syscall.SysProcAttr, handle *int) { attr.PidFD = handle }

// signalChild sends a signal to a child that may have been waited for already.
func signalChild(pid, handle int, sig syscall.Signal) {
	const sysPidfdSendSignal = 424 // on every architecture
	if handle >= 0 {
		syscall.Syscall6(sysPidfdSendSignal, uintptr(handle), uintptr(sig), 0, 0, 0, 0)
		return
	}
	_ = syscall.Kill(pid, sig)
}

// quitAction is what Go's runtime does on SIGQUIT, as struct sigaction, while plainQuit is in force.
var quitAction [8]uint64

// plainQuit has SIGQUIT end us without the stack traces that Go's runtime prints; runtimeQuit undoes it.
func plainQuit() {
	var action [8]uint64
	syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(syscall.SIGQUIT), uintptr(unsafe.Pointer(&action)),
		uintptr(unsafe.Pointer(&quitAction)), maskBytes, 0, 0)
}

func runtimeQuit() {
	if quitAction[0] != 0 {
		syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(syscall.SIGQUIT), uintptr(unsafe.Pointer(&quitAction)), 0, maskBytes, 0, 0)
	}
}

// maskBytes is the size of the kernel's signal set.
const maskBytes = 8

// dieBy ends this process by a signal, as the child ended, without a second core file. It returns where the signal
// does not end it.
func dieBy(sig syscall.Signal) {
	const prSetDumpable = 4
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	syscall.RawSyscall(syscall.SYS_PRCTL, prSetDumpable, 0, 0) // a core_pattern that is a pipe ignores the limit
	// All zero means the default action: struct sigaction is no longer than this anywhere.
	var action [8]uint64
	syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&action)), 0, maskBytes, 0, 0)
	unblock := uint64(1) << (sig - 1)
	const sigUnblock = 1
	syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, sigUnblock, uintptr(unsafe.Pointer(&unblock)), 0, maskBytes, 0, 0)
	// To this thread, which takes it before the call returns. Another thread might take one to the process too late.
	syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(syscall.Getpid()), uintptr(syscall.Gettid()), uintptr(sig))
}
