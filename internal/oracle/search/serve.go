package search

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/cachetest"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/engine"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/key"
)

// Parts are what an engine under test is made of; omissions replace some of them. A nil function changes nothing.
type Parts struct {
	Frontend   func(frontend.Frontend) frontend.Frontend
	State      func(*key.State)
	Invocation func(*compile.Invocation) // changes what the engine is told
	Answer     func(*engine.Answer)      // changes what the engine answers
	Tick       time.Duration             // granularity of file times; 0 for the kernel's own
}

// Served is an engine under test, with its store. Fields up to Counts must be set before Start.
type Served struct {
	Dir    string // for what the engine needs of the disk: a clock and scratch directories
	Parts  Parts
	Make   func() frontend.Frontend
	Now    func() time.Time
	Counts *Counts

	Store  *cachetest.Memory
	Engine *engine.Engine
	Event  *compile.Event // of what the engine did last

	scratch int
	known   map[[sha256.Size]byte]bool // what was stored, by everything that a plain compiler would say and write
}

// Start starts the engine, or another one on the same store.
func (s *Served) Start() {
	if s.Store == nil {
		s.Store, s.known = &cachetest.Memory{}, map[[sha256.Size]byte]bool{}
	}
	state := key.NewState(s.Now)
	clock := key.Clock{Path: filepath.Join(s.Dir, "clock")}
	state.Fine = clock.TestTimes()
	if tick := s.Parts.Tick; tick > 0 {
		state.Fine = false
		state.Adjust = func(fi frontend.FileInfo) frontend.FileInfo {
			fi.Mtime -= fi.Mtime % int64(tick)
			fi.Ctime -= fi.Ctime % int64(tick)
			return fi
		}
	}
	if s.Parts.State != nil {
		s.Parts.State(state)
	}
	fe := s.Make()
	if s.Parts.Frontend != nil {
		fe = s.Parts.Frontend(fe)
	}
	s.Engine = engine.New(engine.Config{
		Store: s.Store, Tier: "memory", Frontends: []frontend.Frontend{fe}, State: state, Clock: clock,
		Scratch: func() string { s.scratch++; return fmt.Sprintf("%s/scratch/%d", s.Dir, s.scratch) },
		Record:  func(e *compile.Event) { s.Event = e },
		Now:     s.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), MadeBy: "oracle",
	})
}

// Handle has the engine answer an invocation. Where it answers that the wrapper is to become the compiler, c runs it.
func (s *Served) Handle(inv *compile.Invocation, c engine.Client) engine.Answer {
	ctx := context.Background()
	told := *inv
	if s.Parts.Invocation != nil {
		s.Parts.Invocation(&told)
	}
	answer := s.Engine.Handle(ctx, &told, c)
	if s.Parts.Answer != nil {
		s.Parts.Answer(&answer)
	}
	if answer.Exec {
		_, _ = c.Run(ctx, engine.Run{})
	}
	return answer
}
