package report

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// Stats is what stats --json prints. Outsiders rely on it: fields may be added, none changes its name, order or meaning.
type Stats struct {
	Schema       int       `json:"schema"` // 1
	Version      string    `json:"version"`
	Dir          string    `json:"dir"`
	Since        string    `json:"since"` // RFC 3339: the first event that counts, or the zeroing
	Invocations  int64     `json:"invocations"`
	Unrecorded   int64     `json:"unrecorded"` // wrappers that reached no daemon; not among the invocations
	Outcomes     Outcomes  `json:"outcomes"`
	HitRate      *float64  `json:"hit_rate"` // nil where nothing hit or missed
	HitsByTier   Tiers     `json:"hits_by_tier"`
	Reasons      Reasons   `json:"reasons"`
	ByCompiler   Compilers `json:"by_compiler"`
	TimeSavedMS  int64     `json:"time_saved_ms"`
	Bytes        Bytes     `json:"bytes"`
	Requests     Requests  `json:"requests"`
	SizeBytes    int64     `json:"size_bytes"`     // of the store; the caller's to set, as is MaxSizeBytes
	MaxSizeBytes int64     `json:"max_size_bytes"` // 0: not known

	Storage []StorageStats `json:"storage,omitempty"` // tiers beyond this machine, where there were any
	Recheck *Rechecks      `json:"recheck,omitempty"` // hits that were compiled again, where there were any
}

// Reasons counts by reason id.
type Reasons struct {
	Miss        map[compile.ReasonID]int64 `json:"miss"`
	Uncacheable map[compile.ReasonID]int64 `json:"uncacheable"`
	Bypassed    map[compile.ReasonID]int64 `json:"bypassed"`
}

// Bytes are of outputs, read from and stored into the cache, and of what went over the network.
type Bytes struct {
	Read       int64 `json:"read"`
	Stored     int64 `json:"stored"`
	Downloaded int64 `json:"downloaded"`
	Uploaded   int64 `json:"uploaded"`
}

// Requests are of the bucket, and of the edge where there is one.
type Requests struct {
	Get  int64 `json:"get"`
	List int64 `json:"list"`
	Put  int64 `json:"put"`
}

// ReadStats returns the stats of the instance in directory dir. now is Since where nothing has been counted yet.
func ReadStats(dir, version string, now time.Time) (*Stats, error) {
	r, err := OpenReader(SpoolDir(dir))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	t, err := r.Tally()
	if err != nil {
		return nil, err
	}
	s := t.Stats()
	s.Version, s.Dir, s.Unrecorded = version, dir, r.Unrecorded
	s.Since = since(&t, r.Zeroed, now)
	return s, nil
}

func since(t *Tally, zeroed, now time.Time) string {
	switch {
	case !zeroed.IsZero():
		now = zeroed
	case !t.First.IsZero():
		now = t.First
	}
	return now.UTC().Format(time.RFC3339)
}

// Stats returns what the sums say; version, directory, sizes and unrecorded are left to the caller.
func (t *Tally) Stats() *Stats {
	s := &Stats{
		Schema:      1,
		Since:       since(t, time.Time{}, t.First),
		Invocations: t.Outcomes.Sum(),
		Outcomes:    t.Outcomes,
		HitsByTier:  t.Tiers,
		Reasons:     Reasons{Miss: t.Miss.counts(), Uncacheable: t.Uncacheable.counts(), Bypassed: t.Bypassed.counts()},
		ByCompiler:  t.Compilers,
		TimeSavedMS: int64(math.Round(t.SavedMS)),
		Bytes:       Bytes{Read: t.BytesRead, Stored: t.BytesStored},
		Recheck:     t.Recheck,
	}
	s.Storage, s.Requests, s.Bytes.Downloaded, s.Bytes.Uploaded = t.storageStats()
	if rate, ok := t.Outcomes.HitRate(); ok {
		s.HitRate = &rate
	}
	return s
}

func (s ReasonSums) counts() map[compile.ReasonID]int64 {
	m := make(map[compile.ReasonID]int64, len(s))
	for id, sum := range s {
		m[id] = sum.Count
	}
	return m
}

// Invariant returns what is wrong with the sums: every invocation is in exactly one outcome, and the outcomes by compiler,
// tier and reason add up to the outcomes. A violation is a fault of ours or a damaged totals.json.
func (s *Stats) Invariant() error {
	if got, want := s.Invocations, s.Outcomes.Sum(); got != want {
		return fmt.Errorf("stats: %d invocations, but outcomes add up to %d", got, want)
	}
	for _, outcome := range compile.Outcomes {
		var got int64
		for _, c := range s.ByCompiler.all() {
			if n := *c.Of(outcome); n < 0 {
				return fmt.Errorf("stats: %s of a compiler is %d", outcome, n)
			}
			got += *c.Of(outcome)
		}
		if want := *s.Outcomes.Of(outcome); got != want {
			return fmt.Errorf("stats: %s is %d, but by compiler %d", outcome, want, got)
		}
	}
	if got := s.HitsByTier.sum(); got != s.Outcomes.Hit {
		return fmt.Errorf("stats: hit is %d, but by tier %d", s.Outcomes.Hit, got)
	}
	for outcome, reasons := range map[compile.Outcome]map[compile.ReasonID]int64{
		compile.Miss: s.Reasons.Miss, compile.Uncacheable: s.Reasons.Uncacheable, compile.Bypassed: s.Reasons.Bypassed,
	} {
		var got int64
		for _, n := range reasons {
			got += n
		}
		if want := *s.Outcomes.Of(outcome); got != want {
			return fmt.Errorf("stats: %s is %d, but by reason %d", outcome, want, got)
		}
	}
	rate, ok := s.Outcomes.HitRate()
	if ok != (s.HitRate != nil) || ok && *s.HitRate != rate {
		return fmt.Errorf("stats: hit rate is not %d / (%d + %d)", s.Outcomes.Hit, s.Outcomes.Hit, s.Outcomes.Miss)
	}
	return nil
}

// WriteJSON writes s on one line. It refuses sums that are wrong.
func (s *Stats) WriteJSON(w io.Writer) error {
	if err := s.Invariant(); err != nil {
		return err
	}
	return writeJSON(w, s)
}

// writeJSON writes v on one line in which no log can see a workflow command: runners look for ##[ anywhere in a line.
func writeJSON(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(breakCommands(b), '\n'))
	return err
}
