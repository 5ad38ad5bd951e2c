package wrapper

import (
	"syscall"
	"unsafe"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// Four fifths of the CPU of a hit were the start of Go's runtime: its heap, its threads, its collector. So a hit is looked for before
// the runtime starts. Prelude asks the daemon, and where the answer is a replay it gives it and ends the process: no thread was
// made, no signal taken over, no heap mapped. In all other cases, and wherever anything is out of the ordinary, it returns and the
// runtime starts; what was asked and heard is left for the conversation (takeOver), or nothing is.
//
// Code here may use no heap, no defer, no string addition and no map, only raw system calls, and of the variables of packages none that
// is initialized by running code (errors are nil yet). It must not panic: that would be the end of the process. TestPreludeIsBare looks into the
// machine code for calls of anything else, and TestPreludeAsksTheSame compares with what is asked later.

// asked is what Prelude left.
var asked struct {
	fd       int // the connection, on which a Request was sent; 0 for none
	dev, ino uint64
	length   int  // of what lies in received, whole
	told     int  // how many Earlies at its beginning were obeyed
	silent   bool // the daemon was, for as long as a read waits
}

// Longer command lines and environments wait for the heap.
var (
	preludeArgs [1024]string
	preludeEnv  [1024]string
	// names is where paths are put together.
	names     [16 << 10]byte
	namesUsed int
	preludeIn protocol.Request
)

// Prelude tries to answer the call of the process whose argc and argv these are. It is called instead of what the runtime would do
// first, and only there.
func Prelude(argc int, argv **byte) {
	args, whole := cstrings(preludeArgs[:0], argv)
	if len(args) == 0 || whole && len(args) != argc || *pointerAt(argv, argc) != nil {
		return
	}
	env, ok := cstrings(preludeEnv[:0], pointerAt(argv, argc+1))
	if !ok {
		return
	}
	if whole && ask(args, env) {
		hear()
	}
	// What an Early told must not be said again, and to take it back needs the runtime: that may just find room.
	if asked.told == 0 && isTight() {
		becomeBare(args, env, argv, argc)
	}
}

// ask sends the request and reports whether it did. What the daemon could not answer from what it is told then is not asked here.
func ask(args, env []string) bool {
	if getenv(env, "COMPILE_CACHE_DISABLE") != "" || getenv(env, nestVariable) != "" {
		return false
	}
	name, rest, ok := compilerName(args)
	if !ok {
		return false
	}
	own, ok := findOwn()
	if !ok {
		return false
	}
	program, ok := findCompiler(name, env, own)
	if !ok || readsInput(base(string(program)), rest) {
		return false
	}
	var root, work syscall.Stat_t
	dir := workName()
	if dir == "" || !zeroed("/\x00").stat(&root, 0) || !zeroed(".\x00").stat(&work, 0) {
		return false
	}
	r := &preludeIn
	r.Program = string(program.within(string(dir)))
	r.Args, r.Env, r.Dir = rest, env, string(dir)
	r.Namespace = protocol.NamespaceID(string(readName(zeroed("/proc/self/ns/mnt\x00"))))
	r.NoInput = inputIsNull()
	describe(r, &root, &work)
	size := 256 + len(r.Program) + len(r.Dir)
	for _, list := range [...][]string{rest, env} {
		for _, s := range list {
			size += 4 + len(s)
		}
	}
	if r.Program == "" || size > len(sent) {
		return false
	}
	socket, run, ok := socketName(env, own, r.Namespace)
	if !ok {
		return false
	}
	mask, _, _ := syscall.RawSyscall(syscall.SYS_UMASK, 0o077, 0, 0)
	syscall.RawSyscall(syscall.SYS_UMASK, mask, 0, 0)
	r.Umask = uint32(mask)
	fd := preludeDial(socket, run)
	if fd < 0 {
		return false
	}
	if !sendRaw(fd, protocol.AppendFrame(sent[:0], r)) {
		closeRaw(fd)
		return false
	}
	asked.fd = fd
	return true
}

// hear obeys the daemon's Earlies and its Replay. It returns at any other frame, at one that is too long, and where nothing comes.
func hear() {
	at := 0 // of received, what was obeyed
	var mask, before uint64
	for {
		kind, payload, length := protocol.FirstFrame(received[at:asked.length])
		if length == 0 {
			if !hearMore() {
				break
			}
			continue
		}
		if mask == 0 && (kind == protocol.TypeEarly || kind == protocol.TypeReplay) {
			// Who closed what we write to does not want it; the compile itself went well.
			mask = 1 << (syscall.SIGPIPE - 1)
			syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, sigBlock, uintptr(unsafe.Pointer(&mask)), uintptr(unsafe.Pointer(&before)), maskBytes, 0, 0)
		}
		var early protocol.Early
		var replay protocol.Replay
		switch {
		case kind == protocol.TypeEarly && early.Read(payload):
			writeRaw(1, early.Stdout)
			writeRaw(2, early.Stderr)
			asked.told++
			at += length
			continue
		case kind == protocol.TypeReplay && replay.Read(payload) && replay.Status <= 255:
			writeRaw(1, replay.Stdout)
			writeRaw(2, replay.Stderr)
			for {
				syscall.RawSyscall(syscall.SYS_EXIT_GROUP, uintptr(replay.Status), 0, 0)
			}
		}
		break
	}
	if mask != 0 && before&mask == 0 {
		var now syscall.Timespec
		syscall.RawSyscall6(syscall.SYS_RT_SIGTIMEDWAIT, uintptr(unsafe.Pointer(&mask)), 0, uintptr(unsafe.Pointer(&now)), maskBytes, 0, 0)
		syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, sigSetMask, uintptr(unsafe.Pointer(&before)), 0, maskBytes, 0, 0)
	}
}

const (
	sigBlock   = 0
	sigSetMask = 2
)

// hearMore reads once more, and reports whether anything came.
func hearMore() bool {
	if asked.length == len(received) {
		return false
	}
	room := received[asked.length:]
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(asked.fd), uintptr(unsafe.Pointer(unsafe.SliceData(room))), uintptr(len(room)))
		switch {
		case errno == syscall.EINTR:
			continue
		case errno == 0 && n > 0:
			asked.length += int(n)
			return true
		}
		asked.silent = errno == syscall.EAGAIN
		return false
	}
}

// takeOver continues what Prelude began, and reports whether it had asked.
func (t *conversation) takeOver() bool {
	if asked.fd == 0 {
		return false
	}
	t.conn = &conn{fd: asked.fd, path: t.place.Socket(), dev: asked.dev, ino: asked.ino, buf: received[:asked.length], silent: asked.silent}
	t.told = asked.told
	asked.fd = 0
	return true
}
