package wrapper

import (
	"runtime"
	"syscall"
	"unsafe"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// Build scripts ask rustc what it can do by a source on standard input, which is there to be read once. So the daemon gets the text
// with the request, and a compiler that runs all the same finds a file in memory in the place of the pipe, each run from its
// beginning.

// An input is standard input, read to its end.
type input struct {
	text []byte // the part that the file has not yet
	file int    // in memory
	long bool   // too long for a request
	err  error  // the file cannot hold it: no compiler may take the beginning for the whole
}

// inputText is where standard input is read to: what fits a request, and a byte more.
var inputText [protocol.MaxInput + 1]byte

// takeInput reads standard input to its end where the compiler would, and where it is a pipe. Otherwise it returns nil, and nothing was
// read.
func (c *call) takeInput() *input {
	var st syscall.Stat_t
	if !readsInput(base(c.program), c.args) || syscall.Fstat(0, &st) != nil || st.Mode&syscall.S_IFMT != syscall.S_IFIFO {
		return nil
	}
	if flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, 0, syscall.F_GETFL, 0); errno != 0 || flags&syscall.O_NONBLOCK != 0 {
		return nil // the compiler would see an error where we wait
	}
	in := &input{file: memoryFile()}
	if in.file < 0 {
		return nil
	}
	for n := 0; ; {
		got, err := syscall.Read(0, inputText[n:])
		if err == syscall.EINTR {
			continue
		}
		if got <= 0 {
			in.text = inputText[:n]
			return in
		}
		if n += got; n == len(inputText) {
			in.long, in.text, n = true, inputText[:], 0
			in.write()
		}
	}
}

// write moves text to the file.
func (in *input) write() {
	if in.err == nil {
		in.err = writeAll(in.file, in.text)
	}
	in.text = nil
}

// feed puts the file in the place of standard input, for one run of the compiler.
func (in *input) feed() error {
	if in == nil {
		return nil
	}
	in.write()
	if in.err != nil {
		return in.err
	}
	if _, err := syscall.Seek(in.file, 0, 0); err != nil {
		return err
	}
	return syscall.Dup3(in.file, 0, 0)
}

// memoryFile returns a file that has no name and closes on exec, or -1. Package syscall does not know the call on every architecture.
func memoryFile() int {
	var memfdCreate uintptr
	switch runtime.GOARCH {
	case "amd64":
		memfdCreate = 319
	case "arm64", "riscv64", "loong64":
		memfdCreate = 279
	default:
		return -1
	}
	name := [...]byte{'s', 't', 'd', 'i', 'n', 0}
	const closeOnExec = 1
	fd, _, errno := syscall.Syscall(memfdCreate, uintptr(unsafe.Pointer(&name)), closeOnExec, 0)
	if errno != 0 {
		return -1
	}
	return int(fd)
}
