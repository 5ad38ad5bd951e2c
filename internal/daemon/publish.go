package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// publishFor bounds how long somebody waits for a publication.
const publishFor = 30 * time.Second

// flusher is implemented by stores part of which is shared with other machines.
type flusher interface {
	// Flush makes visible there what was put before, and returns when that is done or ctx has ended. What could not be is in the error.
	Flush(ctx context.Context) error
}

// Publication is what a daemon answers to "publish". All of it is since the last one: each thing is told once.
type Publication struct {
	Published Published         `json:"published"`
	Dropped   int64             `json:"dropped"` // results that should have been published and were not
	Problems  []compile.Problem `json:"problems,omitempty"`
}

// Published says how much other machines find now.
type Published struct {
	Packs   int64 `json:"packs"`
	Results int64 `json:"results"`
	Bytes   int64 `json:"bytes"` // uploaded
}

// publications remembers what was told.
type publications struct {
	// totals returns what was done since the daemon started, and its problems, with how often each has come up. Set before the
	// server serves; nil where nothing is published. It may be called at any time.
	totals func() Publication

	mu     sync.Mutex // guards what follows; held while somebody waits for a publication, so that two do not tell the same
	told   Publication
	failed string // the last failure told
}

// flush publishes what is stored, where that is more than storing it.
func (s *Server) flush(ctx context.Context) error {
	if f, ok := s.store.(flusher); ok {
		return f.Flush(ctx)
	}
	return nil
}

// publish carries out the verb.
func (s *Server) publish() Publication {
	p := &s.publications
	p.mu.Lock()
	defer p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), publishFor)
	defer cancel()
	err := s.flush(ctx)
	s.recordFar(true)
	var now Publication
	if p.totals != nil {
		now = p.totals()
	}
	told := p.told
	p.told = now
	since := Publication{
		Published: Published{
			Packs: now.Published.Packs - told.Published.Packs, Results: now.Published.Results - told.Published.Results,
			Bytes: now.Published.Bytes - told.Published.Bytes,
		},
		Dropped: now.Dropped - told.Dropped,
	}
	before := map[[2]string]bool{}
	for i := range told.Problems {
		before[told.Problems[i].ID()] = true
	}
	for _, problem := range now.Problems {
		if !before[problem.ID()] {
			since.Problems = append(since.Problems, problem)
		}
	}
	if err == nil {
		p.failed = ""
		return since
	}
	s.log.Warn("publish", "error", err)
	switch {
	case ctx.Err() != nil && errors.Is(err, context.DeadlineExceeded):
		since.Problems = append(since.Problems, compile.Problem{
			Kind: "unfinished", Count: 1, Text: fmt.Sprintf("not all was published within %s", publishFor),
			Advice: "the next daemon here with the same scope publishes what is left",
		})
	case len(since.Problems) == 0 && p.failed != err.Error():
		// Its causes have been told before, but not that it has come to this.
		since.Problems = append(since.Problems, compile.Problem{Kind: "publish", Count: 1, Text: "publish: " + err.Error()})
	}
	p.failed = err.Error()
	return since
}
