package daemon

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/cachetest"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/config"
	"github.com/compile-cache/compile-cache-action/internal/engine"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/key"
	"github.com/compile-cache/compile-cache-action/internal/protocol"
	"github.com/compile-cache/compile-cache-action/internal/report"
)

// scripted is a front-end whose Parse does what the test says and declines.
type scripted struct {
	frontend.Frontend
	parse func(inv *compile.Invocation)
}

func (s scripted) Match(string) bool { return true }

func (s scripted) Parse(inv *compile.Invocation, _ frontend.Files) (*compile.Compilation, *compile.Decline) {
	s.parse(inv)
	return nil, &compile.Decline{Outcome: compile.NotCompile}
}

// pipes is a listener whose connections are made by the test.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{} }

// testServer is a server on pipes.
type testServer struct {
	*Server
	t        *testing.T
	listener *pipes
	dir      string
	ended    chan error
	own      bool
}

func newServer(t *testing.T, parse func(*compile.Invocation)) *testServer {
	t.Helper()
	dir := t.TempDir()
	spool, err := report.OpenWriter(report.SpoolDir(dir), os.Getpid(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	s := &Server{
		place: protocol.Place{Dir: dir, Namespace: "7", Class: protocol.ClassLocal}, config: config.Read(func(string) string { return "" }),
		store: &cachetest.Memory{}, spool: spool, log: log, now: time.Now, began: time.Now(), rootDev: 1, rootIno: 2,
		identify: func(dir string) (uint64, uint64, error) {
			if dir == "/gone" {
				return 0, 0, os.ErrNotExist
			}
			return 3, 4, nil
		},
		peerUID: func(net.Conn) (int, error) { return os.Getuid(), nil },
		stop:    make(chan struct{}), live: map[*conn]bool{},
	}
	s.engine = engine.New(engine.Config{
		Store: s.store, Frontends: []frontend.Frontend{scripted{parse: parse}}, State: key.NewState(time.Now),
		Record: s.record, Now: time.Now, Log: log,
	})
	return &testServer{Server: s, t: t, listener: &pipes{make(chan net.Conn), make(chan struct{})}, dir: dir, ended: make(chan error, 1), own: true}
}

func (s *testServer) start() {
	go func() {
		err := s.Serve(context.Background(), s.listener, func() bool { return s.own })
		s.ended <- errors.Join(err, s.Drain())
	}()
}

func (s *testServer) dial() net.Conn {
	client, server := net.Pipe()
	s.listener.conns <- server
	return client
}

// request returns a request that is served.
func request() *protocol.Request {
	return &protocol.Request{
		Version: protocol.Version, Program: "/usr/bin/gcc", Dir: "/w", Namespace: "7", RootDev: 1, RootIno: 2, DirDev: 3, DirIno: 4,
	}
}

// send sends a request and returns the type of the next frame that is no Wait, and how many Waits came before.
func (s *testServer) send(nc net.Conn, m protocol.Message) (t protocol.FrameType, waits int) {
	s.t.Helper()
	if _, err := nc.Write(protocol.AppendFrame(nil, m)); err != nil {
		s.t.Fatal(err)
	}
	r := bufio.NewReader(nc)
	for {
		t, _, err := protocol.ReadFrame(r, nil)
		if err != nil {
			s.t.Fatalf("after %d waits: %v", waits, err)
		}
		if t != protocol.TypeWait {
			return t, waits
		}
		waits++
	}
}

func (s *testServer) outcomes() map[compile.Outcome]int {
	s.t.Helper()
	r, err := report.OpenReader(report.SpoolDir(s.dir))
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Close()
	n := map[compile.Outcome]int{}
	if err := r.Each(func(e *compile.Event) { n[e.Outcome]++ }); err != nil {
		s.t.Fatal(err)
	}
	return n
}

func TestForeignRequestsAreNotServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parsed := 0
		s := newServer(t, func(*compile.Invocation) { parsed++ })
		s.start()
		nc := s.dial()
		for what, change := range map[string]func(*protocol.Request){
			"namespace": func(r *protocol.Request) { r.Namespace = "8" },
			"root":      func(r *protocol.Request) { r.RootIno = 9 },
			"directory": func(r *protocol.Request) { r.DirIno = 9 },
			"gone":      func(r *protocol.Request) { r.Dir = "/gone" },
			"job":       func(r *protocol.Request) { r.Env = []string{"GITHUB_RUN_ID=1"} },
			"class":     func(r *protocol.Request) { r.Env = []string{"GITHUB_ACTIONS=true"} },
		} {
			r := request()
			change(r)
			if got, _ := s.send(nc, r); got != protocol.TypeExec || parsed != 0 {
				t.Errorf("another %s: frame %d, parsed %d times", what, got, parsed)
			}
		}
		// Another protocol gets the same answer; what it means is not known, so nothing is counted.
		r := request()
		r.Version = 99
		if got, _ := s.send(nc, r); got != protocol.TypeExec {
			t.Errorf("another version: frame %d", got)
		}
		// The connection is still good.
		if got, _ := s.send(nc, request()); got != protocol.TypeExec || parsed != 1 {
			t.Errorf("our own: frame %d, parsed %d times", got, parsed)
		}
		nc.Close()
		if n := s.outcomes(); n[compile.Bypassed] != 6 || n[compile.NotCompile] != 1 {
			t.Errorf("outcomes %v, want 6 bypassed and 1 not a compile", n)
		}
		s.stopOnce.Do(func() { close(s.stop) })
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
	})
}

func TestSignsOfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, func(*compile.Invocation) { time.Sleep(5 * protocol.WaitEvery / 2) })
		s.start()
		nc := s.dial()
		if got, waits := s.send(nc, request()); got != protocol.TypeExec || waits != 2 {
			t.Errorf("frame %d after %d waits, want Exec after 2", got, waits)
		}
		nc.Close()
		close(s.stop)
		<-s.ended
	})
}

func TestPanicEndsOneConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, func(inv *compile.Invocation) {
			if inv.Dir == "/bad" {
				panic("a defect")
			}
		})
		s.start()
		nc := s.dial()
		r := request()
		r.Dir = "/bad"
		if _, err := nc.Write(protocol.AppendFrame(nil, r)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(nc); err != nil {
			t.Errorf("the connection does not end: %v", err)
		}
		nc = s.dial()
		if got, _ := s.send(nc, request()); got != protocol.TypeExec {
			t.Errorf("after the panic: frame %d", got)
		}
		nc.Close()
		close(s.stop)
		<-s.ended
	})
}

func TestIdleExit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, func(*compile.Invocation) {})
		began := time.Now()
		s.start()
		nc := s.dial() // a held connection keeps the daemon, however long
		time.Sleep(3 * config.DefaultIdleTimeout)
		select {
		case <-s.ended:
			t.Fatal("the daemon left although a connection is open")
		default:
		}
		nc.Close()
		<-s.ended
		if d := time.Since(began); d < 4*config.DefaultIdleTimeout || d > 4*config.DefaultIdleTimeout+time.Minute {
			t.Errorf("left after %s, want 40 minutes", d)
		}
	})
}

func TestLeavesWhenItsSocketIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, func(*compile.Invocation) {})
		s.own = false
		s.start()
		<-s.ended
	})
}

// A stopping daemon lets a conversation end, and hangs up where none is under way.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := newServer(t, func(*compile.Invocation) { <-release })
		s.start()
		idle, busy := s.dial(), s.dial()
		answered := make(chan protocol.FrameType)
		go func() { got, _ := s.send(busy, request()); answered <- got }()
		synctest.Wait()
		close(s.stop)
		if _, err := io.ReadAll(idle); err != nil {
			t.Errorf("the idle connection does not end: %v", err)
		}
		close(release)
		if got := <-answered; got != protocol.TypeExec {
			t.Errorf("the busy one got frame %d", got)
		}
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
	})
}

// A client that asks and never reads blocks a write of ours; it delays the end, and does not prevent it.
func TestDrainCutsOffWhoDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, func(*compile.Invocation) {})
		s.start()
		mute, idle := s.dial(), s.dial()
		if _, err := mute.Write(protocol.AppendFrame(nil, &protocol.Control{Verb: "ping"})); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		began := time.Now()
		close(s.stop)
		if _, err := io.ReadAll(idle); err != nil {
			t.Errorf("the idle connection does not end: %v", err)
		}
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
		if d := time.Since(began); d != drainFor {
			t.Errorf("ended after %s, want %s", d, drainFor)
		}
		mute.Close()
	})
}
