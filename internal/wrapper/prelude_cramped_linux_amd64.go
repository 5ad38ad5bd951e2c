package wrapper

import (
	"syscall"
	"unsafe"
)

// What Go's runtime needs to start, by measurement with Go 1.26, and more: below 860 MB of addresses, 40 MB of data or six threads it ends
// the process with a report of its own, where gcc makes do with 50 MB and two processes. Who sets such limits (ulimit -v, -d, -u)
// gets hits still, and else the compiler.
const (
	crampedAddresses = 1 << 30
	crampedData      = 128 << 20
	crampedProcesses = 64 // of the user, all together
)

// Numbers that package syscall lacks.
const rlimitProcesses = 6

// cramped reports whether the runtime might not start under the limits of this process.
func cramped() bool {
	return softLimit(syscall.RLIMIT_AS) < crampedAddresses || softLimit(syscall.RLIMIT_DATA) < crampedData ||
		syscall.Getuid() != 0 && softLimit(rlimitProcesses) < crampedProcesses
}

func softLimit(resource uintptr) uint64 {
	var limit syscall.Rlimit
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, 0, resource, 0, uintptr(unsafe.Pointer(&limit)), 0, 0)
	if errno != 0 {
		return ^uint64(0)
	}
	return limit.Cur
}

// becomeRaw is call.become for a call whose compiler is found without the runtime, and is no script. It returns where it cannot.
func becomeRaw(args, env []string, argv, envp **byte) {
	if getenv(env, nestVariable) != "" {
		return
	}
	at := 0 // of the compiler, in args
	for isOwnName(base(args[at])) {
		if at++; at == len(args) || args[at] == "" || args[at][0] == '-' {
			return
		}
	}
	name := args[at]
	if at == 0 {
		name = base(name)
	}
	var self syscall.Stat_t
	if !zeroed("/proc/self/exe\x00").stat(&self, 0) {
		return
	}
	program, ok := findCompiler(name, env, &self)
	if !ok || program.isScript() {
		return
	}
	list := unsafe.Add(unsafe.Pointer(argv), uintptr(at)*unsafe.Sizeof(argv))
	first := *(*uintptr)(list)
	*(*uintptr)(list) = program.pointer()
	syscall.RawSyscall(syscall.SYS_EXECVE, program.pointer(), uintptr(list), uintptr(unsafe.Pointer(envp)))
	*(*uintptr)(list) = first
}

// isScript is the function of this name. What cannot be read is taken for one.
func (p cpath) isScript() bool {
	fd, _, errno := syscall.RawSyscall6(syscall.SYS_OPENAT, atCwd, p.pointer(), syscall.O_RDONLY|syscall.O_CLOEXEC, 0, 0, 0)
	if errno != 0 {
		return true
	}
	var magic [2]byte
	n, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&magic)), uintptr(len(magic)))
	closeRaw(int(fd))
	return errno != 0 || int(n) == len(magic) && magic[0] == '#' && magic[1] == '!'
}
