// Package engine is the data path: an invocation comes in, a hit, a run or a refusal comes out, and what a run produced is
// put into the cache. handle.go reads from top to bottom; the other files are its stages.
//
// # What it keeps true
//
// The build gets what the plain compiler would give it: on a hit the same bytes, modes, messages and status, on
// anything else the compiler itself. A result is stored only when the compiler succeeded, or its failure is an answer (what build
// scripts ask rustc), all its outputs are its own, and nothing it read changed while it ran. Every call ends in exactly one event.
//
// Handle may be called from any number of goroutines. The engine runs no program: the Client does.
package engine

import (
	"context"
	"log/slog"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/key"
	"github.com/compile-cache/compile-cache-action/internal/recent"
)

// Config is what an engine is made of. Fields without a remark must be set.
type Config struct {
	Store     cache.Store
	Tier      string // name of the tier that Store is, for events
	Frontends []frontend.Frontend
	State     *key.State
	Clock     key.Clock
	Scratch   func() string // returns a fresh path prefix for a compile's hidden files; "" where there is no room for them
	Record    func(*compile.Event)
	Now       func() time.Time
	Log       *slog.Logger
	MadeBy    string   // who makes results, for people
	Env       []string // names of variables that hold settings; see settings.go
	// Quarantine is the directory for records of rechecks that found something; "" for none.
	Quarantine string
}

// Engine answers invocations.
type Engine struct {
	Config
	checks   *key.Checks
	inFlight inFlight
	scans    *recent.Map[scanKey, []string]  // which roots were found in which contents: libraries are inputs of all that depends on them
	answers  *recent.Map[digest.Key, []byte] // what compilers said when they were asked about themselves
	memory   chan struct{}                   // slots for compiles whose outputs are being collected
}

// collectors bounds how many compiles are collected at once, and with it the memory that their outputs take.
const collectors = 8

// New returns an engine. Nothing runs in the background until Handle is called.
func New(c Config) *Engine {
	return &Engine{
		Config: c, checks: key.NewChecks(), memory: make(chan struct{}, collectors),
		scans: recent.New[scanKey, []string](maxScans), answers: recent.New[digest.Key, []byte](maxAnswers),
	}
}

// Client is the wrapper at the other end: it runs what has to be run, in its own environment.
type Client interface {
	frontend.Prober
	// Run runs the compiler as the wrapper's child. An error says that the wrapper is gone.
	Run(ctx context.Context, run Run) (Ran, error)
	// Early has the wrapper write the first part of a replay, whose outputs are in place.
	Early(stdout, stderr []byte) error
	// Away tells the wrapper that what follows waits for another machine.
	Away()
}

// Run is how the compiler is to run.
type Run struct {
	Args    []string // nil: those of the invocation
	Capture bool     // messages are copied while they are passed on
	Quiet   bool     // with Capture: they are not passed on
	Unmap   []string // with Capture: pairs of texts; the first of each is replaced by the second in messages
}

// Ran is how a compiler ran.
type Ran struct {
	Status         int // exit status, 128+n where signal n ended it
	Wall, CPU      time.Duration
	Captured       bool // Stdout and Stderr are complete
	Stdout, Stderr []byte
}

// Answer is what the wrapper does next. The zero Answer says that all is done: it exits as its child did.
type Answer struct {
	Replay *Replay // exit so
	Exec   bool    // become the compiler
}

// Replay is what the compiler said when it made a result.
type Replay struct {
	Status         int
	Stdout, Stderr []byte
}
