package daemon

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/engine"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// conn is one connection. Its conversations follow one another; conn is the engine's Client in each.
type conn struct {
	server *Server
	nc     net.Conn
	r      *bufio.Reader
	frame  []byte // reused for what is read

	mu      sync.Mutex // guards writing, and what follows
	out     []byte     // reused for what is written
	working bool       // it is our turn: the other end is waiting
	waits   *time.Timer

	idle atomic.Bool // between two conversations
}

// serve answers conversations until the other end hangs up.
func (c *conn) serve(ctx context.Context) {
	defer c.nc.Close()
	defer func() {
		// A defect met by one compile shall not take the daemon from all others: this wrapper becomes the plain compiler.
		if p := recover(); p != nil {
			c.server.log.Error("panic in a conversation", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	for c.between() {
		t, p, err := c.read()
		c.idle.Store(false)
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, os.ErrDeadlineExceeded) {
				c.server.log.Info("connection ended", "error", err)
			}
			return
		}
		switch t {
		case protocol.TypeRequest:
			err = c.request(ctx, p)
		case protocol.TypeControl:
			err = c.control(p)
		default:
			err = fmt.Errorf("frame %d opens no conversation", t)
		}
		if err != nil {
			c.server.log.Info("conversation ended", "error", err)
			return
		}
	}
}

// between notes that a conversation has ended; it is false where no other may begin.
func (c *conn) between() bool {
	c.idle.Store(true)
	return !c.server.draining.Load()
}

// hangUpIdle ends the connection if no conversation is under way. It must not wait for mu: who holds it may be writing to
// somebody who does not read.
func (c *conn) hangUpIdle() {
	if c.idle.Load() {
		_ = c.nc.SetReadDeadline(time.Unix(1, 0))
	}
}

func (c *conn) read() (protocol.FrameType, []byte, error) {
	t, p, err := protocol.ReadFrame(c.r, c.frame)
	if cap(p) > cap(c.frame) && cap(p) <= 1<<20 {
		c.frame = p // keep what usual requests need, not the largest ever
	}
	return t, p, err
}

// write sends one frame. ours says that the other end goes on waiting for us.
func (c *conn) write(m protocol.Message, ours bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.working = ours
	return c.send(m)
}

// send writes a frame; mu is held.
func (c *conn) send(m protocol.Message) error {
	c.out = protocol.AppendFrame(c.out[:0], m)
	_, err := c.nc.Write(c.out)
	if cap(c.out) > 1<<20 {
		c.out = nil
	}
	return err
}

// begin notes that the other end waits for us, and sends it signs of life from now on.
func (c *conn) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.working = true
	if c.waits == nil {
		c.waits = time.AfterFunc(protocol.WaitEvery, c.wait)
	} else {
		c.waits.Reset(protocol.WaitEvery)
	}
}

func (c *conn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.working = false
	c.waits.Stop()
}

func (c *conn) wait() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.working || c.send(protocol.Wait{}) != nil {
		return
	}
	c.waits.Reset(protocol.WaitEvery)
}

// request answers one invocation.
func (c *conn) request(ctx context.Context, p []byte) error {
	req, err := protocol.ParseRequest(p)
	if err != nil {
		return err
	}
	if req.Version != protocol.Version {
		return c.write(protocol.Exec{}, false)
	}
	c.begin()
	defer c.end()
	inv := &compile.Invocation{
		Program: req.Program, Args: req.Args, Dir: req.Dir, Env: req.Env, Umask: req.Umask, Columns: int(req.Columns), NoInput: req.NoInput,
		HasInput: req.HasInput, Input: bytes.Clone(req.Input),
	}
	if decline := c.server.foreign(req, inv); decline != nil {
		c.server.bypass(inv, decline)
		return c.write(protocol.Exec{}, false)
	}
	answer := c.server.engine.Handle(ctx, inv, c)
	switch {
	case answer.Replay != nil:
		r := answer.Replay
		return c.write(&protocol.Replay{Status: uint32(r.Status), Stdout: r.Stdout, Stderr: r.Stderr}, false)
	case answer.Exec:
		return c.write(protocol.Exec{}, false)
	}
	return c.write(protocol.Done{}, false)
}

// Run implements engine.Client.
func (c *conn) Run(_ context.Context, run engine.Run) (engine.Ran, error) {
	p, err := c.askWrapper(&protocol.Run{Args: run.Args, Capture: run.Capture, Quiet: run.Quiet, Unmap: run.Unmap}, protocol.TypeRan)
	if err != nil {
		return engine.Ran{}, err
	}
	m, err := protocol.ParseRan(p)
	if err != nil {
		return engine.Ran{}, err
	}
	return engine.Ran{
		Status: exitStatus(m.WaitStatus), Wall: time.Duration(m.WallNS), CPU: time.Duration(m.CPUNS), Captured: m.Captured,
		Stdout: clone(m.Stdout), Stderr: clone(m.Stderr),
	}, nil
}

// Early implements engine.Client.
func (c *conn) Early(stdout, stderr []byte) error {
	return c.write(&protocol.Early{Stdout: stdout, Stderr: stderr}, true)
}

// Away implements engine.Client.
func (c *conn) Away() { _ = c.write(protocol.Away{}, true) }

// Probe implements frontend.Prober.
func (c *conn) Probe(_ context.Context, argv, env []string) (frontend.ProbeResult, error) {
	p, err := c.askWrapper(&protocol.Probe{Argv: argv, Env: env}, protocol.TypeAnswer)
	if err != nil {
		return frontend.ProbeResult{}, err
	}
	m, err := protocol.ParseAnswer(p)
	if err != nil {
		return frontend.ProbeResult{}, err
	}
	return frontend.ProbeResult{Status: int(m.Status), Stdout: clone(m.Stdout), Stderr: clone(m.Stderr)}, nil
}

// askWrapper has the wrapper do something and returns the payload of its answer.
func (c *conn) askWrapper(m protocol.Message, want protocol.FrameType) ([]byte, error) {
	if err := c.write(m, false); err != nil {
		return nil, err
	}
	t, p, err := c.read()
	if err != nil {
		return nil, fmt.Errorf("the wrapper is gone: %w", err)
	}
	if t != want {
		return nil, fmt.Errorf("frame %d in place of %d", t, want)
	}
	c.begin()
	return p, nil
}

// clone copies what lies in the connection's frame.
func clone(b []byte) []byte { return append([]byte(nil), b...) }

// control answers a command of the CLI.
func (c *conn) control(p []byte) error {
	m, err := protocol.ParseControl(p)
	if err != nil {
		return err
	}
	body, err := c.server.command(m.Verb)
	answer := &protocol.Controlled{OK: err == nil}
	if err != nil {
		answer.Body = []byte(err.Error())
	} else if body != nil {
		if answer.Body, err = json.Marshal(body); err != nil {
			return err
		}
	}
	return c.write(answer, false)
}
