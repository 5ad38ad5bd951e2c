package wrapper

import (
	"syscall"
	"unsafe"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// Go's runtime needs more to start than a compiler does, and ends the process where there is less: under "ulimit -v", -d or -u a compile that
// the plain compiler manages would fail by our fault. So there Prelude, after it has found no hit, becomes the compiler itself, and
// nothing is stored. This is by Prelude's rules too.

// Limits below which the runtime is not started. Go 1.26 needs 703 MiB of addresses, 40 MB of data and six threads; the rest is for what it
// does while it captures a compile.
const (
	runtimeAddresses = 1 << 30
	runtimeData      = 128 << 20
	runtimeProcesses = 64 // of the user, all together
)

// rlimitProcesses is RLIMIT_NPROC, which package syscall lacks.
const rlimitProcesses = 6

// isTight reports whether the limits of this process may leave the runtime no room.
func isTight() bool {
	return softLimit(syscall.RLIMIT_AS) < runtimeAddresses || softLimit(syscall.RLIMIT_DATA) < runtimeData ||
		softLimit(rlimitProcesses) < runtimeProcesses && syscall.Getuid() != 0
}

func softLimit(resource uintptr) uint64 {
	var limit syscall.Rlimit
	_, _, errno := syscall.RawSyscall(syscall.SYS_GETRLIMIT, resource, uintptr(unsafe.Pointer(&limit)), 0)
	if errno != 0 {
		return ^uint64(0)
	}
	return limit.Cur
}

// bareEnv is an environment with one more variable, nestText, and its null pointer.
var (
	bareEnv  [len(preludeEnv) + 2]*byte
	nestText [len(nestVariable) + len("=1\x00")]byte
)

// becomeBare is call.become, where that finds the compiler without a look at the working directory, and returns where it cannot.
func becomeBare(args, env []string, argv **byte, argc int) {
	name, rest, ok := compilerName(args)
	if !ok {
		return
	}
	own, ok := findOwn()
	if !ok {
		return
	}
	program, ok := findCompiler(name, env, own)
	if !ok {
		return
	}
	envp := pointerAt(argv, argc+1)
	if program.isScript() {
		if envp = nested(env); envp == nil {
			return
		}
	}
	// A daemon that has said anything counts this call.
	if disabled, _ := protocol.Bool(getenv(env, "COMPILE_CACHE_DISABLE")); !disabled && asked.length == 0 {
		countBare(env, own)
	}
	argv = pointerAt(argv, len(args)-len(rest)-1)
	*argv = unsafe.StringData(string(program))
	syscall.RawSyscall(syscall.SYS_EXECVE, program.pointer(), uintptr(unsafe.Pointer(argv)), uintptr(unsafe.Pointer(envp)))
}

// nested returns env with nestVariable one higher, nil where scripts are to be passed over by now.
func nested(env []string) **byte {
	level := byte('0')
	if v := getenv(env, nestVariable); v != "" {
		level = v[0]
		if len(v) > 1 || level < '0' || level >= '0'+maxNesting {
			return nil
		}
	}
	n := 0
	for _, kv := range env {
		if !sets(kv, nestVariable) {
			bareEnv[n] = unsafe.StringData(kv)
			n++
		}
	}
	text := append(append(append(nestText[:0], nestVariable...), '='), level+1)
	bareEnv[n] = unsafe.SliceData(text)
	return &bareEnv[0]
}

// countBare is countUnrecorded, for an instance whose sockets lie in it, and which has counted or recorded before. The namespace is
// part of the socket's name only.
func countBare(env []string, own self) {
	_, run, ok := socketName(env, own, "0")
	if !ok {
		return
	}
	var st syscall.Stat_t
	dir := join(parent(string(run)))
	file := join(string(dir), "/spool/unrecorded")
	if dir == "" || file == "" || !dir.stat(&st, 0) || !mayCount(&st) {
		return
	}
	if fd := file.open(countFlags, 0o600); fd >= 0 {
		dot := [...]byte{'.'}
		writeRaw(fd, dot[:])
		closeRaw(fd)
	}
}
