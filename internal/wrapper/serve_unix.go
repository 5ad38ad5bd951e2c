//go:build unix

package wrapper

import (
	"errors"
	"syscall"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// verdict is how a conversation ended.
type verdict int

const (
	fault    verdict = iota // ours: nobody answered, or not what the protocol says
	answered                // exit with the status
	toExec                  // become the compiler
)

// A conversation is a call's talk with the daemon.
type conversation struct {
	*call
	place protocol.Place
	conn  *conn
	child *outcome  // of the compiler, once it ran
	token *jobToken // once the daemon waits for another machine
	said  *said     // after an Early
	quiet *outcome  // of the last quiet run, which counts only if the daemon says so
	told  int       // how many Earlies that come were written before; see takeOver
}

// serve asks the daemon and does what it says.
func (c *call) serve() int {
	t := &conversation{call: c, place: c.place(protocol.NamespaceID(namespaceLink()))}
	if c.ignored&(1<<(syscall.SIGQUIT-1)) == 0 {
		plainQuit()
	}
	v, status := t.converse()
	t.token.take() // the caller counts it as ours until we end, and the compiler is at work
	if v == fault {
		countUnrecorded(t.place)
	}
	switch {
	case t.child != nil:
		return t.child.exit()
	case v == answered:
		return status
	}
	if t.conn != nil {
		// The daemon learns at once that nothing more will come.
		syscall.Close(t.conn.fd)
	}
	if t.said != nil {
		return t.runUnsaid()
	}
	return c.become()
}

// converse talks until the end of the conversation, or the first fault. A panic is a fault as any other.
func (t *conversation) converse() (v verdict, status int) {
	defer func() {
		if recover() != nil {
			v = fault
		}
	}()
	asked := t.takeOver()
	if !asked {
		if t.conn = t.connect(); t.conn == nil {
			return fault, 0
		}
	}
	t.conn.grace, t.conn.lives = silentGrace, func() bool { return locked(t.place.Lock()) }
	var err error
	if !asked {
		request, ok := t.request()
		if !ok {
			return fault, 0
		}
		err = t.conn.send(request)
	}
	if err == nil {
		v, status, err = t.listen(protocol.MaxWait)
	}
	if errors.Is(err, errSilence) || errors.Is(err, protocol.ErrFrame) {
		t.setAside()
	}
	return v, status
}

// listen obeys the daemon's frames until one ends the conversation. Waits alone put it off for maxWait.
func (t *conversation) listen(maxWait time.Duration) (verdict, int, error) {
	var since time.Time // of the first Wait after another frame
	for {
		kind, payload, err := protocol.ReadFrame(t.conn, nil)
		if err != nil {
			return fault, 0, err
		}
		if kind != protocol.TypeWait {
			since = time.Time{}
		}
		ran := t.child != nil
		switch {
		case kind == protocol.TypeWait && len(payload) == 0:
			if since.IsZero() {
				since = time.Now()
			} else if time.Since(since) > maxWait {
				return fault, 0, errSilence
			}
		case kind == protocol.TypeEarly && !ran:
			e, err := protocol.ParseEarly(payload)
			if err != nil {
				return fault, 0, err
			}
			if t.told > 0 {
				t.told--
			} else {
				_ = writeAll(1, e.Stdout)
				_ = writeAll(2, e.Stderr)
			}
			if t.said == nil {
				t.said = &said{}
			}
			t.said.add(e.Stderr)
		case kind == protocol.TypeAway && len(payload) == 0:
			if t.token == nil && !ran {
				t.token = t.giveToken()
			}
		case kind == protocol.TypeReplay && !ran:
			r, err := protocol.ParseReplay(payload)
			if err != nil || r.Status > 255 {
				return fault, 0, protocol.ErrFrame
			}
			// Who closed what we write to does not want it; the compile itself went well.
			_ = writeAll(1, r.Stdout)
			_ = writeAll(2, r.Stderr)
			return answered, int(r.Status), nil
		case kind == protocol.TypeExec && len(payload) == 0 && !ran:
			return toExec, 0, nil
		case kind == protocol.TypeDone && len(payload) == 0 && (ran || t.quiet != nil):
			if !ran {
				t.child = t.quiet
			}
			return answered, 0, nil
		case kind == protocol.TypeRun && !ran:
			r, err := protocol.ParseRun(payload)
			if err != nil {
				return fault, 0, err
			}
			t.token.take()
			report, status := t.run(r)
			if report == nil {
				return answered, status, nil
			}
			if err := t.conn.send(report); err != nil {
				return fault, 0, err
			}
		case kind == protocol.TypeProbe:
			p, err := protocol.ParseProbe(payload)
			if err != nil {
				return fault, 0, err
			}
			t.token.take()
			if err := t.conn.send(t.probe(p)); err != nil {
				return fault, 0, err
			}
		default:
			return fault, 0, protocol.ErrFrame
		}
	}
}

// request describes the call.
func (t *conversation) request() (*protocol.Request, bool) {
	dir := t.workDir()
	var root, work syscall.Stat_t
	if dir == "" || syscall.Stat("/", &root) != nil || syscall.Stat(".", &work) != nil {
		return nil, false
	}
	request := &protocol.Request{
		Program:   within(dir, t.program),
		Args:      t.args,
		Dir:       dir,
		Env:       t.env,
		Umask:     umask(),
		NoInput:   isNull(0),
		Namespace: t.place.Namespace,
	}
	describe(request, &root, &work)
	if t.input = t.takeInput(); t.input != nil && !t.input.long {
		request.HasInput, request.Input = true, t.input.text
	}
	return request, true
}

// describe adds what every Request says: our version, the terminal's width, and which directories / and the working directory are.
func describe(r *protocol.Request, root, work *syscall.Stat_t) {
	r.Version = protocol.Version
	r.Columns = columns(2)
	r.RootDev, r.RootIno = uint64(root.Dev), uint64(root.Ino)
	r.DirDev, r.DirIno = uint64(work.Dev), uint64(work.Ino)
}

// isNull reports whether a descriptor is the null device.
func isNull(fd int) bool {
	var st, null syscall.Stat_t
	return syscall.Fstat(fd, &st) == nil && syscall.Stat("/dev/null", &null) == nil && sameDevice(&st, &null)
}

// sameDevice reports whether two files are one character device.
func sameDevice(a, b *syscall.Stat_t) bool {
	return a.Mode&syscall.S_IFMT == syscall.S_IFCHR && b.Mode&syscall.S_IFMT == syscall.S_IFCHR && a.Rdev == b.Rdev
}

// umask reads the umask, which can only be read by setting it; no other thread of ours makes files.
func umask() uint32 {
	mask := syscall.Umask(0o077)
	syscall.Umask(mask)
	return uint32(mask)
}
