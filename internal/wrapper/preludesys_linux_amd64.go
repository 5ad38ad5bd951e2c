package wrapper

import (
	"syscall"
	"time"
	"unsafe"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// What Prelude asks the system and the environment, by its rules.

// A cpath is a path behind whose last byte lies a zero byte.
type cpath string

// zeroed returns the path of a text that ends in a zero byte.
func zeroed(text string) cpath { return cpath(text[:len(text)-1]) }

func (p cpath) pointer() uintptr { return uintptr(unsafe.Pointer(unsafe.StringData(string(p)))) }

func (p cpath) stat(st *syscall.Stat_t, flags uintptr) bool {
	_, _, errno := syscall.RawSyscall6(syscall.SYS_NEWFSTATAT, atCwd, p.pointer(), uintptr(unsafe.Pointer(st)), flags, 0, 0)
	return errno == 0
}

func (p cpath) executable() bool {
	_, _, errno := syscall.RawSyscall(syscall.SYS_FACCESSAT, atCwd, p.pointer(), accessExecute)
	return errno == 0
}

// open returns a descriptor, or -1.
func (p cpath) open(flags, mode uintptr) int {
	fd, _, errno := syscall.RawSyscall6(syscall.SYS_OPENAT, atCwd, p.pointer(), flags, mode, 0, 0)
	if errno != 0 {
		return -1
	}
	return int(fd)
}

// isScript is the function of this name.
func (p cpath) isScript() bool {
	fd := p.open(syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if fd < 0 {
		return false
	}
	var magic [2]byte
	n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&magic)), uintptr(len(magic)))
	closeRaw(fd)
	return errno == 0 && n == 2 && magic == scriptMagic
}

// within is the function of this name, for a path that is not empty.
func (p cpath) within(dir string) cpath {
	if p[0] == '/' {
		return p
	}
	return join(dir, "/", string(p))
}

const (
	atCwd             = ^uintptr(99) // AT_FDCWD, -100
	atSymlinkNoFollow = 0x100
)

// pointerAt returns where the i-th pointer of a list lies.
func pointerAt(list **byte, i int) **byte {
	return (**byte)(unsafe.Add(unsafe.Pointer(list), uintptr(i)*unsafe.Sizeof(list)))
}

// cstrings appends the strings of a list that ends with a null pointer to list, within its capacity; whole is false where that does
// not hold all.
func cstrings(list []string, p **byte) (all []string, whole bool) {
	for i := 0; len(list) < cap(list); i++ {
		first := *pointerAt(p, i)
		if first == nil {
			return list, true
		}
		n := 0
		for *(*byte)(unsafe.Add(unsafe.Pointer(first), n)) != 0 {
			n++
		}
		list = list[:len(list)+1]
		list[len(list)-1] = unsafe.String(first, n)
	}
	return list, false
}

// join puts texts together, into names. Where there is no room the path is empty, and no file has it.
func join(texts ...string) cpath {
	start := namesUsed
	for _, text := range texts {
		if len(text) >= len(names)-namesUsed {
			namesUsed = start
			return ""
		}
		namesUsed += copy(names[namesUsed:], text)
	}
	name := names[start:namesUsed]
	names[namesUsed] = 0
	namesUsed++
	return cpath(unsafe.String(unsafe.SliceData(name), len(name)))
}

// readName returns the text of a link, "" where there is none.
func readName(p cpath) cpath {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_READLINKAT, atCwd, p.pointer(), uintptr(unsafe.Pointer(&linkText)), uintptr(len(linkText)), 0, 0)
	if errno != 0 || int(n) <= 0 || int(n) >= len(linkText) {
		return ""
	}
	text := linkText[:n]
	return join(unsafe.String(unsafe.SliceData(text), len(text)))
}

// workName returns the physical working directory, "" where it has no name.
func workName() cpath {
	n, _, errno := syscall.RawSyscall(syscall.SYS_GETCWD, uintptr(unsafe.Pointer(&linkText)), uintptr(len(linkText)), 0)
	if errno != 0 || int(n) <= 1 || int(n) > len(linkText) || linkText[0] != '/' {
		return ""
	}
	text := linkText[:n-1]
	return join(unsafe.String(unsafe.SliceData(text), len(text)))
}

// findCompiler is call.resolve where that finds a compiler without a look at the working directory.
func findCompiler(name string, env []string, own self) (cpath, bool) {
	var st syscall.Stat_t
	if hasSlash(name) {
		p := cpath(name) // an argument
		if !p.stat(&st, 0) || st.Mode&syscall.S_IFMT == syscall.S_IFDIR || !p.executable() {
			return "", false
		}
		target, ok := linkEnd(p)
		return p, ok && !own.is(&st, target)
	}
	path, found := lookupEnv(env, "PATH")
	if !found {
		path = defaultPath
	}
	for dir, more := "", true; more; {
		dir, path, more = cutPath(path)
		if dir == "" || dir[0] != '/' {
			return "", false
		}
		used := namesUsed
		p := join(dir, "/", name)
		if p == "" {
			return "", false
		}
		if p.stat(&st, 0) && st.Mode&syscall.S_IFMT == syscall.S_IFREG && p.executable() && !own.same(&st) {
			target, ok := linkEnd(p)
			if !ok {
				return "", false
			}
			if !own.is(&st, target) && !isOtherCache(target) {
				return p, true
			}
		}
		namesUsed = used
	}
	return "", false
}

// findOwn is findSelf; ok is false where there is no such file. (One that was removed has another name there.)
func findOwn() (own self, ok bool) {
	path := readName(zeroed("/proc/self/exe\x00"))
	var st syscall.Stat_t
	if path == "" || !path.stat(&st, 0) {
		return self{}, false
	}
	return self{path: string(path), dev: uint64(st.Dev), ino: uint64(st.Ino)}, true
}

// linkEnd returns the name of the file that followLinks ends at.
func linkEnd(p cpath) (name string, ok bool) {
	for range maxLinks {
		text := readName(p)
		if text == "" {
			break
		}
		if p = text.within(parent(string(p))); p == "" {
			return "", false
		}
	}
	return base(string(p)), true
}

// socketName returns the path of the daemon's socket, and that of its directory.
func socketName(env []string, own self, namespace string) (socket, run cpath, ok bool) {
	shims := parent(own.path)
	link := join(shims, "/.instance")
	if link == "" {
		return "", "", false
	}
	instance := readName(link)
	if instance != "" {
		if instance = instance.within(shims); instance == "" {
			return "", "", false
		}
	}
	var path [128]byte
	b, length, ok := protocol.AppendSocket(path[:0], func(name string) string { return getenv(env, name) }, string(instance), namespace)
	if !ok {
		return "", "", false
	}
	text := unsafe.String(unsafe.SliceData(b), len(b))
	socket, run = join(text), join(text[:length])
	return socket, run, socket != "" && run != ""
}

// preludeDial is dial, for a socket in a directory that is ours alone; it returns a descriptor, or -1.
func preludeDial(socket, run cpath) int {
	var st syscall.Stat_t
	if !run.stat(&st, atSymlinkNoFollow) || !isOurs(&st) ||
		!socket.stat(&st, atSymlinkNoFollow) || isSilent(&st) {
		return -1
	}
	asked.dev, asked.ino = uint64(st.Dev), uint64(st.Ino)
	var address syscall.RawSockaddrUnix
	address.Family = syscall.AF_UNIX
	if len(socket) >= len(address.Path) {
		return -1
	}
	for i := range len(socket) {
		address.Path[i] = int8(socket[i])
	}
	r, _, errno := syscall.RawSyscall(syscall.SYS_SOCKET, syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if errno != 0 {
		return -1
	}
	fd := int(r)
	// A number this low is that of a standard descriptor that is closed: the runtime opens those.
	if fd <= 2 || !connectRaw(fd, &address, unsafe.Offsetof(address.Path)+uintptr(len(socket))+1) {
		closeRaw(fd)
		return -1
	}
	return fd
}

func connectRaw(fd int, address *syscall.RawSockaddrUnix, size uintptr) bool {
	timeout := syscall.Timeval{Usec: int64(connectPatience / time.Microsecond)}
	setTimeout(fd, syscall.SO_SNDTIMEO, &timeout)
	for {
		_, _, errno := syscall.RawSyscall(syscall.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(address)), size)
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 {
			return false
		}
		break
	}
	var peer syscall.Ucred
	length := uint32(unsafe.Sizeof(peer))
	_, _, errno := syscall.RawSyscall6(syscall.SYS_GETSOCKOPT, uintptr(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED,
		uintptr(unsafe.Pointer(&peer)), uintptr(unsafe.Pointer(&length)), 0)
	if errno != 0 || int(peer.Uid) != syscall.Getuid() {
		return false
	}
	timeout = syscall.Timeval{Sec: int64(protocol.Patience / time.Second)}
	setTimeout(fd, syscall.SO_RCVTIMEO, &timeout)
	return true
}

func setTimeout(fd int, option uintptr, timeout *syscall.Timeval) {
	syscall.RawSyscall6(syscall.SYS_SETSOCKOPT, uintptr(fd), syscall.SOL_SOCKET, option, uintptr(unsafe.Pointer(timeout)), unsafe.Sizeof(*timeout), 0)
}

// sendRaw sends all of b, and reports whether it did. A daemon that is gone sends us no signal.
func sendRaw(fd int, b []byte) bool {
	for len(b) > 0 {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), syscall.MSG_NOSIGNAL, 0, 0)
		switch {
		case errno == syscall.EINTR:
		case errno != 0 || int(n) > len(b):
			return false
		default:
			b = b[n:]
		}
	}
	return true
}

// writeRaw is writeAll.
func writeRaw(fd int, b []byte) {
	for len(b) > 0 {
		n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
		switch {
		case errno == syscall.EINTR:
		case errno == syscall.EAGAIN:
			ready := pollFD{fd: int32(fd), events: pollOut}
			syscall.RawSyscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&ready)), 1, 0, 0, 0, 0)
		case errno != 0 || int(n) > len(b):
			return
		default:
			b = b[n:]
		}
	}
}

func closeRaw(fd int) { syscall.RawSyscall(syscall.SYS_CLOSE, uintptr(fd), 0, 0) }

// inputIsNull is isNull of standard input.
func inputIsNull() bool {
	var st, null syscall.Stat_t
	_, _, errno := syscall.RawSyscall(syscall.SYS_FSTAT, 0, uintptr(unsafe.Pointer(&st)), 0)
	return errno == 0 && zeroed("/dev/null\x00").stat(&null, 0) && sameDevice(&st, &null)
}
