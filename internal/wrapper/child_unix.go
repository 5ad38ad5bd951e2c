//go:build unix

package wrapper

import (
	"runtime"
	"syscall"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// An outcome is how a child ended.
type outcome struct {
	status    syscall.WaitStatus
	wall, cpu time.Duration
}

// exit ends this process as the child ended: by the same signal, or with the status that is returned.
func (o *outcome) exit() int {
	if !o.status.Signaled() {
		return o.status.ExitStatus()
	}
	runtime.LockOSThread() // the signal must not be blocked in the thread that sends it
	dieBy(o.status.Signal())
	return 128 + int(o.status.Signal())
}

// A child is a process that was started and not yet waited for.
type child struct {
	pid, handle int
	started     time.Time
}

// startChild starts a program with three standard descriptors. All others without close-on-exec are inherited too: make's
// jobserver is among them.
func startChild(path string, argv, env []string, files [3]int) (*child, error) {
	ch := &child{handle: -1, started: time.Now()}
	attr := &syscall.SysProcAttr{}
	withHandle(attr, &ch.handle)
	var err error
	ch.pid, err = syscall.ForkExec(path, argv, &syscall.ProcAttr{
		Env:   env,
		Files: []uintptr{uintptr(files[0]), uintptr(files[1]), uintptr(files[2])},
		Sys:   attr,
	})
	return ch, err
}

// wait waits for the child's end.
func (ch *child) wait() *outcome {
	o := &outcome{}
	var usage syscall.Rusage
	err := retry(func() error { _, err := syscall.Wait4(ch.pid, &o.status, 0, &usage); return err })
	if err != nil {
		// Nobody knows how it went, so it must not pass for success.
		o.status = 1 << 8
	}
	o.wall = time.Since(ch.started)
	o.cpu = time.Duration(syscall.TimevalToNsec(usage.Utime) + syscall.TimevalToNsec(usage.Stime))
	return o
}

// run runs the compiler as a child, as r says. Where it cannot be started, run becomes it: that takes neither descriptors nor a
// further process, which may be what is lacking. Where that fails too, the report is nil and the status is what to exit with.
func (t *conversation) run(r *protocol.Run) (*protocol.Ran, int) {
	args := t.args
	if r.Args != nil {
		args = r.Args
	}
	runtimeQuit()
	// Ignoring SIGCHLD would lose the child's status. Compilers set it to its default themselves, for the same reason.
	t.ignore(t.ignored &^ (1 << (syscall.SIGCHLD - 1)))
	var streams []*stream
	files := [3]int{0, 1, 2}
	if r.Capture || t.said != nil {
		streams = capture(&files)
	}
	if r.Quiet {
		if streams == nil {
			return nil, t.become() // what it says would be heard
		}
		for _, s := range streams {
			s.to = -1
		}
	}
	if streams == nil && len(r.Unmap) > 0 {
		args = t.args // nobody is between the compiler and its reader, so it must not speak of other names
	}
	if len(streams) == 2 {
		streams[1].said = t.said
	}
	for _, s := range streams {
		s.unmap = newUnmapper(r.Unmap)
	}
	signals := catchSignals()
	defer signals.stop()
	var ch *child
	err := t.execute(args, func(path string, argv, env []string) (err error) {
		ch, err = startChild(path, argv, env, files)
		return err
	})
	for _, s := range streams {
		s.childHas()
	}
	if err != nil {
		return nil, t.become()
	}
	signals.forwardTo(ch)
	o := pump(ch, streams, -1)
	if r.Quiet {
		t.quiet = o
	} else {
		t.child, t.altered = o, r.Args != nil
		if len(streams) == 2 {
			t.heard = streams[1].data
		}
	}
	ran := &protocol.Ran{
		WaitStatus: uint32(o.status),
		WallNS:     uint64(o.wall),
		CPUNS:      uint64(o.cpu),
	}
	if r.Capture && len(streams) == 2 && streams[0].complete() && streams[1].complete() {
		ran.Captured, ran.Stdout, ran.Stderr = true, streams[0].data, streams[1].data
	}
	return ran, 0
}

// probeTime bounds a probed program.
const probeTime = 60 * time.Second

// probe runs the program that the daemon asks about, without input, and returns what it printed.
func (t *conversation) probe(p *protocol.Probe) *protocol.Answer {
	answer := &protocol.Answer{Status: 127}
	if len(p.Argv) == 0 {
		return answer
	}
	env := t.env
	for _, kv := range p.Env {
		for i := range len(kv) {
			if kv[i] == '=' {
				env = setenv(env, kv[:i], kv[i+1:])
				break
			}
		}
	}
	null, err := syscall.Open("/dev/null", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return answer
	}
	defer syscall.Close(null)
	files := [3]int{null, 1, 2}
	streams := captureSilently(&files)
	if streams == nil {
		return answer
	}
	ch, err := startChild(p.Argv[0], p.Argv, env, files)
	for _, s := range streams {
		s.childHas()
	}
	if err != nil {
		for _, s := range streams {
			s.close()
		}
		return answer
	}
	o := pump(ch, streams, probeTime)
	answer.Stdout, answer.Stderr = streams[0].data, streams[1].data
	answer.Status = uint32(o.status.ExitStatus())
	if o.status.Signaled() {
		answer.Status = 128 + uint32(o.status.Signal())
	}
	return answer
}
