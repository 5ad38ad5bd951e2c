//go:build unix

package wrapper

import (
	"strconv"
	"syscall"
	"time"
)

// A jobToken is the leave to be at work that cargo or make, the caller, counts as ours until we exit. It is a byte in a pipe, the
// jobserver's. While another machine is waited for it is given to whoever can use it, and it is taken back before anything
// but waiting goes on. What dies between the two leaves one token too many, which hangs nobody.
type jobToken struct {
	pipe   int // of our own, close-on-exec; -1 where there is nothing to take back
	parent int // who counts the token
}

const (
	// tokenPatience bounds the wait for a token. Others that were killed may have taken theirs with them; one
	// job more than was asked for is better than none at work.
	tokenPatience = time.Minute
	// tokenGlance is how often a wait looks whether the caller still lives.
	tokenGlance = time.Second
)

// giveToken gives the token back to the jobserver that the environment names, if it is really there.
func (c *call) giveToken() *jobToken {
	t := &jobToken{pipe: openJobserver(jobserver(c.env)), parent: syscall.Getppid()}
	if t.pipe < 0 {
		return t
	}
	// A pipe that is full, or of which nobody knows, is no jobserver in use.
	if err := retry(func() error { _, err := syscall.Write(t.pipe, []byte{'+'}); return err }); err != nil {
		syscall.Close(t.pipe)
		t.pipe = -1
	}
	return t
}

// take takes a token back, which others may have to return first. It may be called again, and of nil.
func (t *jobToken) take() {
	if t == nil || t.pipe < 0 {
		return
	}
	pipe := t.pipe
	t.pipe = -1
	// Who blocks in a read is woken for a byte of its own; to poll would wake all who wait for each. The description is not shared
	// with anybody.
	if syscall.SetNonblock(pipe, false) != nil {
		return
	}
	taken := make(chan struct{})
	go func() {
		var b [1]byte
		_ = retry(func() error { _, err := syscall.Read(pipe, b[:]); return err })
		close(taken)
	}()
	for began := time.Now(); time.Since(began) < tokenPatience && syscall.Getppid() == t.parent; {
		select {
		case <-taken:
			syscall.Close(pipe)
			return
		case <-time.After(tokenGlance):
		}
	}
	// The read goes on: a token that comes before we end is still ours to take.
}

// jobserver returns what the flags of cargo, else of make, say of the jobserver: "R,W" or "fifo:PATH"; "" for nothing. The last
// one counts.
func jobserver(env []string) string {
	flags, ok := lookupEnv(env, "CARGO_MAKEFLAGS")
	if !ok {
		flags = getenv(env, "MAKEFLAGS")
	}
	auth := ""
	for len(flags) > 0 {
		end := 0
		for end < len(flags) && flags[end] != ' ' {
			end++
		}
		word := flags[:end]
		flags = flags[min(end+1, len(flags)):]
		if word == "--" {
			break // variables follow
		}
		for _, option := range []string{"--jobserver-auth=", "--jobserver-fds="} {
			if len(word) > len(option) && word[:len(option)] == option {
				auth = word[len(option):]
			}
		}
	}
	return auth
}

// openJobserver opens the pipe for reading and writing without blocking, as a description of our own; -1 where there is none.
func openJobserver(auth string) int {
	const fifo = "fifo:"
	if len(auth) > len(fifo) && auth[:len(fifo)] == fifo {
		return openPipe(auth[len(fifo):], nil)
	}
	for i := range len(auth) {
		if auth[i] != ',' {
			continue
		}
		r, rerr := strconv.Atoi(auth[:i])
		w, werr := strconv.Atoi(auth[i+1:])
		if rerr != nil || werr != nil || r < 0 || w < 0 {
			return -1
		}
		return reopenPipe(r, w)
	}
	return -1
}

// openPipe opens a named pipe, which must be the one that like is, if that is given.
func openPipe(path string, like *syscall.Stat_t) int {
	fd, err := syscall.Open(path, syscall.O_RDWR|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	var st syscall.Stat_t
	if syscall.Fstat(fd, &st) == nil && st.Mode&syscall.S_IFMT == syscall.S_IFIFO && (like == nil || samePipe(&st, like)) {
		return fd
	}
	syscall.Close(fd)
	return -1
}

func samePipe(a, b *syscall.Stat_t) bool { return a.Dev == b.Dev && a.Ino == b.Ino }
