package daemon

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/cache/tiers"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/config"
	"github.com/compile-cache/compile-cache-action/internal/engine"
	"github.com/compile-cache/compile-cache-action/internal/protocol"
	"github.com/compile-cache/compile-cache-action/internal/report"
)

// Server answers connections.
type Server struct {
	place    protocol.Place
	version  string
	config   config.Config
	engine   *engine.Engine
	store    cache.Store
	spool    *report.Writer
	log      *slog.Logger
	now      func() time.Time
	began    time.Time
	rootDev  uint64
	rootIno  uint64
	identify func(dir string) (dev, ino uint64, err error)
	peerUID  func(net.Conn) (int, error)

	conns    sync.WaitGroup
	open     atomic.Int64 // connections
	lastUsed atomic.Int64 // nanoseconds since the epoch
	stop     chan struct{}
	stopOnce sync.Once

	mu   sync.Mutex
	live map[*conn]bool // guarded by mu

	draining atomic.Bool

	publications publications

	stack *tiers.Stack
	far   []*farTier // behind the disk, in the order in which they are asked
	run   lastRun
}

// Status is what a daemon says of itself.
type Status struct {
	Version string        `json:"version"`
	PID     int           `json:"pid"`
	Began   time.Time     `json:"began"`
	Socket  string        `json:"socket"`
	Class   string        `json:"class"`
	Job     string        `json:"job,omitempty"`
	Config  config.Config `json:"config"`
}

// drainFor bounds how long a stopping daemon waits for the conversations under way. A compile may take longer; its wrapper
// then ends without us.
const drainFor = 30 * time.Second

// ownEvery is how often a daemon looks whether its socket is still its own, and whether it is idle.
const ownEvery = 2 * time.Second

// Serve accepts connections until ctx is done, `stop` asks, or the daemon has been idle for the time-out. own reports
// whether the socket is still ours. Drain follows.
func (s *Server) Serve(ctx context.Context, l net.Listener, own func() bool) error {
	s.touch()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.watch(ctx, own)
		l.Close()
	}()
	// A client's cancellation is its hanging up; the daemon's own end lets conversations finish.
	work := context.WithoutCancel(ctx)
	pause := time.Millisecond
	for {
		nc, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			break
		}
		if err != nil {
			// Out of descriptors: those who wait are served when others have gone.
			s.log.Warn("accept", "error", err)
			time.Sleep(pause)
			pause = min(2*pause, 100*time.Millisecond)
			continue
		}
		pause = time.Millisecond
		s.conns.Add(1)
		s.open.Add(1)
		go func() {
			defer s.conns.Done()
			defer s.open.Add(-1)
			defer s.touch()
			s.converse(work, nc)
		}()
	}
	<-done
	return nil
}

func (s *Server) converse(ctx context.Context, nc net.Conn) {
	if uid, err := s.peerUID(nc); err != nil || uid != os.Getuid() {
		s.log.Warn("refused a connection of another user", "uid", uid, "error", err)
		nc.Close()
		return
	}
	c := &conn{server: s, nc: nc, r: bufio.NewReaderSize(nc, 16<<10)}
	s.track(c, true)
	defer s.track(c, false)
	c.serve(ctx)
}

func (s *Server) track(c *conn, alive bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if alive {
		s.live[c] = true
	} else {
		delete(s.live, c)
	}
}

func (s *Server) touch() { s.lastUsed.Store(s.now().UnixNano()) }

// watch returns when it is time to go.
func (s *Server) watch(ctx context.Context, own func() bool) {
	tick := time.NewTicker(ownEvery)
	defer tick.Stop()
	idle := s.config.IdleTimeout.Value
	for {
		select {
		case <-ctx.Done():
			s.log.Info("asked to stop by a signal")
			return
		case <-s.stop:
			s.log.Info("asked to stop")
			return
		case <-tick.C:
			if !own() {
				s.log.Warn("the socket is no longer ours; leaving")
				return
			}
			quiet := s.now().Sub(time.Unix(0, s.lastUsed.Load()))
			if idle > 0 && s.open.Load() == 0 && quiet >= idle {
				s.log.Info("idle", "for", quiet.Round(time.Second).String())
				return
			}
		}
	}
}

// Drain waits for what is under way and closes what was built, users before what they use. What can be published already is published
// meanwhile: who ends us may not leave us the time to do it after.
func (s *Server) Drain() error {
	s.draining.Store(true)
	finished, published := make(chan struct{}), make(chan struct{})
	go func() { s.conns.Wait(); close(finished) }()
	go func() {
		defer close(published)
		ctx, cancel := context.WithTimeout(context.Background(), publishFor)
		defer cancel()
		if err := s.flush(ctx); err != nil {
			s.log.Warn("publish", "error", err)
		}
	}()
	s.each((*conn).hangUpIdle)
	select {
	case <-finished:
	case <-time.After(drainFor):
		s.log.Warn("conversations were cut off", "count", s.open.Load())
		s.each(func(c *conn) { c.nc.Close() })
		<-finished
	}
	<-published
	var errs []error
	if closer, ok := s.store.(cache.Closer); ok {
		ctx, cancel := context.WithTimeout(context.Background(), drainFor)
		defer cancel()
		errs = append(errs, closer.Close(ctx))
	}
	s.recordFar(true)
	errs = append(errs, s.spool.Close())
	return errors.Join(errs...)
}

func (s *Server) each(f func(*conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.live {
		f(c)
	}
}

// foreign tells why a request must not be served: it comes from another namespace, another root, or another job.
func (s *Server) foreign(req *protocol.Request, inv *compile.Invocation) *compile.Decline {
	bypass := func(reason compile.ReasonID, detail string) *compile.Decline {
		return &compile.Decline{Outcome: compile.Bypassed, Reason: reason, Detail: detail}
	}
	if req.Namespace != s.place.Namespace || req.RootDev != s.rootDev || req.RootIno != s.rootIno {
		return bypass(compile.ReasonOtherNamespace, "another mount namespace or root")
	}
	if dev, ino, err := s.identify(req.Dir); err != nil || dev != req.DirDev || ino != req.DirIno {
		return bypass(compile.ReasonOtherNamespace, "the working directory is another one here")
	}
	getenv := func(name string) string { v, _ := inv.Getenv(name); return v }
	theirs := protocol.FindPlace(getenv, s.place.Dir, os.Getuid(), req.Namespace)
	if theirs.Job != s.place.Job || theirs.Class != s.place.Class {
		return bypass(compile.ReasonOtherJob, strings.TrimSpace(theirs.Job))
	}
	return nil
}

// bypass records an invocation that the engine does not see.
func (s *Server) bypass(inv *compile.Invocation, d *compile.Decline) {
	s.record(&compile.Event{
		Time: s.now().UTC(), Outcome: d.Outcome, Reason: d.Reason, Detail: d.Detail,
		Compiler: "other", Program: inv.Program, Dir: inv.Dir,
	})
}

func (s *Server) record(e *compile.Event) {
	s.touch()
	s.run.set(e.Run)
	if err := s.spool.Record(e); err != nil {
		s.log.Warn("record event", "error", err)
	}
}

// foldEvery is how often closed spool files are looked through for what can be summed up.
const foldEvery = 15 * time.Minute

// fold keeps the spool small until ctx is done.
func (s *Server) fold(ctx context.Context) {
	tick := time.NewTicker(foldEvery)
	defer tick.Stop()
	for {
		if err := report.Fold(ctx, report.SpoolDir(s.place.Dir)); err != nil && ctx.Err() == nil {
			s.log.Warn("fold the spool", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// command carries out a verb of the CLI.
func (s *Server) command(verb string) (any, error) {
	switch verb {
	case "ping":
		return Status{
			Version: s.version, PID: os.Getpid(), Began: s.began, Socket: s.place.Socket(),
			Class: s.place.Class, Job: s.place.Job, Config: s.config,
		}, nil
	case "stop":
		s.stopOnce.Do(func() { close(s.stop) })
		return nil, nil
	case "publish":
		return s.publish(), nil
	case "record":
		s.recordFar(true)
		return nil, nil
	}
	return nil, fmt.Errorf("unknown command %q", verb)
}
