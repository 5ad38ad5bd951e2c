package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/disk"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/config"
	"github.com/compile-cache/compile-cache-action/internal/engine"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/cc"
	"github.com/compile-cache/compile-cache-action/internal/frontend/rustc"
	"github.com/compile-cache/compile-cache-action/internal/github"
	"github.com/compile-cache/compile-cache-action/internal/key"
	"github.com/compile-cache/compile-cache-action/internal/protocol"
	"github.com/compile-cache/compile-cache-action/internal/recheck"
	"github.com/compile-cache/compile-cache-action/internal/report"
)

// Options are what a daemon is started with.
type Options struct {
	Place   protocol.Place
	Config  config.Config
	Secrets Secrets // for the buckets; may be empty
	Getenv  func(string) string
	Version string
	Now     func() time.Time
	MadeBy  string   // who makes results, for people
	Warm    []string // files of toolchains to hash in the background

	warmed chan struct{} // closed when they are hashed, or that takes long; nil: nobody waits for it
}

// build constructs everything, from the store up.
func build(o Options, log *slog.Logger) (*Server, error) {
	scratch := filepath.Join(o.Place.Run, "tmp")
	if err := os.MkdirAll(scratch, 0o700); err != nil {
		return nil, fmt.Errorf("create directory for hidden files: %w", err)
	}
	fileSystem := fileSystemSize(o.Place.Dir)
	// What a job reads from a bucket lands on the disk, so the disk's class must not be more trusted than the scope: the event's file
	// or a protected tag may make less of a job than its place says.
	class := github.FindScopes(o.Getenv, github.ReadEvent, o.Place.Class).Class
	store, err := disk.Open(disk.Options{
		Dir: o.Place.Dir, Class: class, MaxBytes: o.Config.MaxSize.Value.Limit(fileSystem), Now: o.Now, Logger: log,
	})
	if err != nil {
		return nil, err
	}
	spool, err := report.OpenWriter(report.SpoolDir(o.Place.Dir), os.Getpid(), o.Now)
	if err != nil {
		return nil, err
	}
	s := &Server{
		place: o.Place, version: o.Version, config: o.Config, spool: spool, log: log, now: o.Now, began: o.Now(),
		identify: identify, peerUID: peerUID, stop: make(chan struct{}), live: map[*conn]bool{},
	}
	if s.rootDev, s.rootIno, err = identify("/"); err != nil {
		return nil, err
	}
	s.stack = s.stackTiers(o, store)
	s.store = s.stack
	s.publications.totals = s.published
	state := key.NewState(o.Now)
	clock := key.Clock{Path: clockPath(o.Place)}
	state.Fine = clock.TestTimes()
	var serial atomic.Uint64
	s.engine = engine.New(engine.Config{
		Store: s.stack, Tier: "disk", Frontends: []frontend.Frontend{cc.New(), rustc.New()}, State: state, Clock: clock,
		Scratch: func() string {
			if !hasRoom(scratch) {
				return ""
			}
			return filepath.Join(scratch, strconv.Itoa(os.Getpid())+"-"+strconv.FormatUint(serial.Add(1), 10))
		},
		Record: func(e *compile.Event) { s.record(e) }, Now: o.Now, Log: log, MadeBy: o.MadeBy,
		Quarantine: recheck.Dir(o.Place.Dir),
	})
	return s, nil
}

// clockPath returns the path of this process's probe file.
func clockPath(place protocol.Place) string {
	return filepath.Join(place.Run, "tmp", "clock-"+strconv.Itoa(os.Getpid()))
}

// Serve is the daemon itself: it returns when the daemon has drained. ready is called once it can be dialled, or is told why
// it never will be.
func Serve(ctx context.Context, o Options, ready func(error)) error {
	place := o.Place
	if err := OwnDirectories(place); err != nil {
		ready(err)
		return err
	}
	logFile, err := openLog(place.Dir, maxLog)
	if err != nil {
		ready(err)
		return err
	}
	defer logFile.Close()
	log := slog.New(slog.NewJSONHandler(logFile, &slog.HandlerOptions{Level: o.Config.LogLevel.Value}))

	lock, err := takeLock(place)
	if err != nil {
		ready(err)
		return err
	}
	defer lock.Close()
	o.warmed = make(chan struct{})
	s, err := build(o, log)
	if err != nil {
		log.Error("start failed", "error", err)
		ready(err)
		return err
	}
	l, own, err := listen(place)
	if err != nil {
		log.Error("listen failed", "error", err)
		ready(err)
		return err
	}
	log.Info("started", "version", o.Version, "pid", os.Getpid(), "socket", place.Socket(), "class", place.Class)
	for _, w := range o.Config.Warnings {
		log.Warn(w)
	}
	ready(nil)

	background, cancel := context.WithCancel(ctx)
	go warm(background, s.engine.State, o)
	go s.fold(background)
	go s.recordStorage(background)
	go sweep(place, o.Now())
	err = s.Serve(ctx, l, own)
	cancel()
	// From here on the next daemon may start.
	if own() {
		_ = os.Remove(place.Socket())
	}
	lock.Close()
	if derr := s.Drain(); err == nil {
		err = derr
	}
	_ = os.Remove(clockPath(place))
	log.Info("stopped", "error", err)
	return err
}

// warmFirst is for how long the hashing of toolchains comes before other work: where it takes longer, it is the disk that is slow.
const warmFirst = time.Second

// warm hashes the files of toolchains.
func warm(ctx context.Context, state *key.State, o Options) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		state.Warm(ctx, o.Warm)
	}()
	select {
	case <-done:
	case <-time.After(warmFirst):
	}
	close(o.warmed)
	<-done
}

// listen opens the socket under a name of its own and renames it, so that whoever finds it can dial it.
func listen(place protocol.Place) (l net.Listener, own func() bool, err error) {
	path := place.Socket()
	temporary := path + "." + strconv.Itoa(os.Getpid())
	_ = os.Remove(temporary)
	ul, err := net.ListenUnix("unix", &net.UnixAddr{Name: temporary, Net: "unix"})
	if err != nil {
		return nil, nil, fmt.Errorf("listen: %w", err)
	}
	ul.SetUnlinkOnClose(false)
	if err = os.Chmod(temporary, 0o600); err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		ul.Close()
		return nil, nil, fmt.Errorf("listen: %w", err)
	}
	mine, err := os.Lstat(path)
	if err != nil {
		ul.Close()
		return nil, nil, fmt.Errorf("listen: %w", err)
	}
	return ul, func() bool {
		now, err := os.Lstat(path)
		return err == nil && os.SameFile(mine, now)
	}, nil
}
