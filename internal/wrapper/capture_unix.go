//go:build unix

package wrapper

import (
	"syscall"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// A stream copies what a child writes to one of its descriptors while it passes it on.
type stream struct {
	from   int       // our end, not blocking; -1 when nothing more is read
	theirs int       // the child's end, -1 once the child has it
	to     int       // where to pass it on, -1 for nowhere
	unmap  *unmapper // nil: pass it on as it is
	data   []byte
	lost   bool // data is not all
}

// capture puts pipes, or a pty where stderr is a terminal, in the place of stdout and stderr. Where that cannot be done it
// changes nothing and returns nil.
func capture(files *[3]int) []*stream {
	streams := captureSilently(files)
	if streams == nil {
		return nil
	}
	streams[0].to, streams[1].to = 1, 2
	if columns(2) > 0 {
		streams[1].close()
		master, slave, err := openPTY(2)
		if err != nil {
			streams[0].close()
			files[1], files[2] = 1, 2
			return nil
		}
		streams[1].from, streams[1].theirs, files[2] = master, slave, slave
	}
	return streams
}

// captureSilently is capture without passing anything on.
func captureSilently(files *[3]int) []*stream {
	streams := make([]*stream, 2)
	for i := range streams {
		r, w, err := pipe()
		if err != nil {
			for _, s := range streams[:i] {
				s.close()
			}
			files[1], files[2] = 1, 2
			return nil
		}
		streams[i] = &stream{from: r, theirs: w, to: -1}
		files[1+i] = w
	}
	return streams
}

// childHas is called when the child was started, or was not: its end is of no use here.
func (s *stream) childHas() {
	closeAll(s.theirs)
	s.theirs = -1
}

func (s *stream) close() {
	closeAll(s.from, s.theirs)
	s.from, s.theirs = -1, -1
}

func (s *stream) complete() bool { return !s.lost }

// copy takes what is there, once, and reports whether there may be more.
func (s *stream) copy(buf []byte) bool {
	n, err := syscall.Read(s.from, buf)
	switch {
	case n > 0:
		s.keep(s.unmap.next(buf[:n]))
		return s.from >= 0
	case err == syscall.EINTR:
		return true
	case err == syscall.EAGAIN:
		return false
	}
	// The end, for which a pty says EIO.
	s.end()
	return false
}

// end closes a stream that was read to its end.
func (s *stream) end() {
	s.keep(s.unmap.rest())
	s.close()
}

func (s *stream) keep(b []byte) {
	if !s.lost && len(s.data)+len(b) <= protocol.MaxCapture {
		s.data = append(s.data, b...)
	} else {
		s.lost, s.data = true, nil
	}
	if s.to < 0 || len(b) == 0 {
		return
	}
	if err := writeAll(s.to, b); err != nil {
		s.lost, s.data = true, nil
		if err == syscall.EPIPE {
			// Nobody wants it: the compiler is told so by its next write, as if we were not in between. Compilers live with
			// other errors, such as a full disk.
			s.close()
		}
	}
}

// pump passes on what a child writes until it ended, and returns how. A child that outlives limit is killed; a
// negative limit is none.
func pump(ch *child, streams []*stream, limit time.Duration) *outcome {
	ended := make(chan *outcome, 1)
	endRead, endWrite := -1, -1
	if len(streams) > 0 {
		var err error
		if endRead, endWrite, err = pipe(); err != nil {
			endRead, endWrite = -1, -1 // copyAll looks now and then instead
		}
	}
	go func() {
		o := ch.wait()
		ended <- o
		closeAll(endWrite)
	}()
	copyAll(ch, streams, limit, func() bool { return len(ended) > 0 }, endRead)
	o := <-ended
	drain(streams)
	closeAll(endRead, ch.handle)
	return o
}

// copyAll copies until the streams or the child end; wake becomes readable at the child's end.
func copyAll(ch *child, streams []*stream, limit time.Duration, ended func() bool, wake int) {
	buf := make([]byte, 64<<10)
	fds := make([]pollFD, len(streams)+1)
	deadline := time.Now().Add(limit)
	for {
		open := false
		for i, s := range streams {
			fds[i] = pollFD{fd: int32(s.from), events: pollIn}
			open = open || s.from >= 0
		}
		fds[len(streams)] = pollFD{fd: int32(wake), events: pollIn}
		if !open {
			return
		}
		wait := time.Duration(-1)
		if limit >= 0 {
			if wait = time.Until(deadline); wait <= 0 {
				signalChild(ch.pid, ch.handle, syscall.SIGKILL)
				return
			}
		}
		if wake < 0 {
			wait = 10 * time.Millisecond
		}
		poll(fds, wait)
		for i, s := range streams {
			if s.from >= 0 && fds[i].revents != 0 {
				s.copy(buf)
			}
		}
		if ended() {
			return
		}
	}
}

// drain takes what the child left. It does not wait for the end of the stream, which a process that the child
// left behind may hold open, and takes no more than a pipe can hold, which such a process may fill for ever.
func drain(streams []*stream) {
	const capacity = 1 << 20
	buf := make([]byte, 64<<10)
	for _, s := range streams {
		for range capacity / len(buf) {
			if s.from < 0 || !s.copy(buf) {
				break
			}
		}
		if s.from >= 0 {
			s.end()
		}
	}
}
