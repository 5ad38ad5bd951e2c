//go:build unix

package wrapper

import (
	"errors"
	"io"
	"syscall"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// connectPatience is how long a wrapper waits for a place in the daemon's backlog.
const connectPatience = 250 * time.Millisecond

// errSilence is the answer to a read after protocol.Patience without a byte.
var errSilence = errors.New("daemon is silent")

// A conn is a blocking descriptor: Go's poller would cost an epoll instance and a thread at every hit.
type conn struct {
	fd       int
	path     string // of the socket
	dev, ino uint64 // of the socket's file when it was dialled
	buf      []byte // read but not yet taken, in received

	grace int         // how many silences more are borne from a daemon that lives
	lives func() bool // whether a daemon lives that should answer here

	silent bool // a read was waited for in vain already
}

// silentGrace is how many times protocol.Patience a daemon that lives is waited for beyond the first: with thousands of compiles
// at once on a few processors it may not get its turn for seconds.
const silentGrace = 2

// The socket of a daemon that lives and was silent all the same bears this mode, and no wrapper dials it for a while: it
// is stopped or drowned, and every compile would wait in vain. The file's ctime is when; the daemon itself does not
// look at the mode. (A mode costs no system call that a hit does not make anyway.)
const (
	silentMode = 0o200
	silentFor  = 15 * time.Second
)

var errShunned = errors.New("the daemon was silent a moment ago")

// isSilent reports whether a socket bears silentMode.
func isSilent(st *syscall.Stat_t) bool { return st.Mode&0o777 == silentMode }

// Buffers are static, as the one connection at a time of one process allows: a hit then hardly touches the heap.
var (
	received [8 << 10]byte
	// sent is enough for the Request of a usual environment and command line.
	sent [32 << 10]byte
)

// dial connects to the daemon at path. The peer must be of our user: the directory was checked before, but a socket may
// outlive what a directory was.
func dial(path string) (*conn, error) {
	var st syscall.Stat_t
	if err := syscall.Lstat(path, &st); err != nil {
		return nil, err
	}
	if isSilent(&st) && since(changed(&st), silentFor) {
		return nil, errShunned
	}
	fd, err := socket()
	if err != nil {
		return nil, err
	}
	c := &conn{fd: fd, path: path, dev: uint64(st.Dev), ino: uint64(st.Ino)}
	// A blocking connect waits for a place in a full backlog as long as a send may take, and in order of arrival.
	c.timeout(syscall.SO_SNDTIMEO, connectPatience)
	if err := retry(func() error { return syscall.Connect(fd, &syscall.SockaddrUnix{Name: path}) }); err != nil {
		syscall.Close(fd)
		return nil, err
	}
	if !peerIsOurs(fd) {
		syscall.Close(fd)
		return nil, syscall.EPERM
	}
	c.timeout(syscall.SO_RCVTIMEO, protocol.Patience)
	return c, nil
}

func (c *conn) timeout(option int, d time.Duration) {
	tv := syscall.NsecToTimeval(int64(d))
	// A socket that takes no timeout still works; only a mute daemon would then be waited for.
	_ = syscall.SetsockoptTimeval(c.fd, syscall.SOL_SOCKET, option, &tv)
}

// send writes one frame with one system call, where the socket's buffer holds it.
func (c *conn) send(m protocol.Message) error {
	b := protocol.AppendFrame(sent[:0], m)
	if len(b) > protocol.MaxFrame {
		return protocol.ErrFrame
	}
	if len(b) > len(sent) {
		// It may not fit into the buffer of a socket that nobody reads yet.
		c.timeout(syscall.SO_SNDTIMEO, protocol.Patience)
	}
	for start := time.Now(); len(b) > 0; {
		n, err := syscall.Write(c.fd, b)
		switch {
		case n > 0:
			b = b[n:]
			// A write ends early when nothing was taken for the time it may wait.
			if len(b) > 0 && time.Since(start) >= protocol.Patience {
				return errSilence
			}
		case err == syscall.EAGAIN:
			return errSilence
		case err != syscall.EINTR:
			return err
		}
	}
	return nil
}

// Read takes what has arrived, so that a frame usually costs one system call.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.buf) == 0 {
		n, err := c.receive()
		if err != nil {
			return 0, err
		}
		c.buf = received[:n]
	}
	n := copy(p, c.buf)
	c.buf = c.buf[n:]
	return n, nil
}

func (c *conn) receive() (int, error) {
	for {
		n, err := -1, error(syscall.EAGAIN)
		if !c.silent {
			n, err = syscall.Read(c.fd, received[:])
		}
		c.silent = false
		switch {
		case n > 0:
			return n, nil
		case err == nil:
			return 0, io.EOF
		case err == syscall.EAGAIN && c.grace > 0 && c.lives():
			c.grace--
		case err == syscall.EAGAIN:
			return 0, errSilence
		case err != syscall.EINTR:
			return 0, err
		}
	}
}

// retry repeats what a signal interrupted.
func retry(f func() error) error {
	for {
		if err := f(); err != syscall.EINTR {
			return err
		}
	}
}

// writeAll writes b to a descriptor of the caller's, which may be full and not blocking.
func writeAll(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := syscall.Write(fd, b)
		switch {
		case n > 0:
			b = b[n:]
		case err == syscall.EAGAIN:
			waitWritable(fd)
		case err != syscall.EINTR:
			return err
		}
	}
	return nil
}
