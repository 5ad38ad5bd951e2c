package report

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// Outcomes counts invocations by outcome.
type Outcomes struct {
	Hit         int64 `json:"hit"`
	Miss        int64 `json:"miss"`
	Uncacheable int64 `json:"uncacheable"`
	NotCompile  int64 `json:"not_a_compile"`
	Bypassed    int64 `json:"bypassed"`
	Failed      int64 `json:"failed"`
}

// Sum returns the number of invocations.
func (o *Outcomes) Sum() int64 {
	return o.Hit + o.Miss + o.Uncacheable + o.NotCompile + o.Bypassed + o.Failed
}

// Of returns the count of one outcome; nil for what is no outcome.
func (o *Outcomes) Of(outcome compile.Outcome) *int64 {
	switch outcome {
	case compile.Hit:
		return &o.Hit
	case compile.Miss:
		return &o.Miss
	case compile.Uncacheable:
		return &o.Uncacheable
	case compile.NotCompile:
		return &o.NotCompile
	case compile.Bypassed:
		return &o.Bypassed
	case compile.Failed:
		return &o.Failed
	}
	return nil
}

// HitRate returns hit / (hit + miss); ok is false where there was neither.
func (o *Outcomes) HitRate() (rate float64, ok bool) {
	if o.Hit+o.Miss == 0 {
		return 0, false
	}
	return float64(o.Hit) / float64(o.Hit+o.Miss), true
}

// Tiers counts hits by the tier where the job first got the bytes.
type Tiers struct {
	Memory int64 `json:"memory"`
	Disk   int64 `json:"disk"`
	Edge   int64 `json:"edge"`
	Bucket int64 `json:"bucket"`
	Reapi  int64 `json:"reapi"`
	Other  int64 `json:"other,omitempty"` // of a tier that this version does not know
}

func (t *Tiers) sum() int64 { return t.Memory + t.Disk + t.Edge + t.Bucket + t.Reapi + t.Other }

func (t *Tiers) of(name string) *int64 {
	switch name {
	case "memory":
		return &t.Memory
	case "disk":
		return &t.Disk
	case "edge":
		return &t.Edge
	case "bucket":
		return &t.Bucket
	case "reapi":
		return &t.Reapi
	}
	return &t.Other
}

// Compilers are the outcomes by kind of compiler.
type Compilers struct {
	GCC    Outcomes `json:"gcc"`
	Clang  Outcomes `json:"clang"`
	Rustc  Outcomes `json:"rustc"`
	Clippy Outcomes `json:"clippy"`
	Other  Outcomes `json:"other"`
}

func (c *Compilers) all() []*Outcomes {
	return []*Outcomes{&c.GCC, &c.Clang, &c.Rustc, &c.Clippy, &c.Other}
}

func (c *Compilers) of(kind string) *Outcomes {
	switch kind {
	case "gcc":
		return &c.GCC
	case "clang":
		return &c.Clang
	case "rustc":
		return &c.Rustc
	case "clippy":
		return &c.Clippy
	}
	return &c.Other
}

// ReasonUnstated stands for the reason of an event that should have one and has none, so that sums by reason stay sums
// of all.
const ReasonUnstated compile.ReasonID = "unstated"

// ReasonSum is what one reason cost: how often, and the compiler's time, in milliseconds.
type ReasonSum struct {
	Count  int64   `json:"count"`
	WallMS float64 `json:"wall_ms"`
	CPUMS  float64 `json:"cpu_ms"`
}

// ReasonSums is by reason, within one outcome.
type ReasonSums map[compile.ReasonID]ReasonSum

// Tally is sums over events. The zero Tally is of no events. It is part of totals.json, so fields are added only.
type Tally struct {
	First       time.Time  `json:"first"` // of the events' times
	Last        time.Time  `json:"last"`
	Outcomes    Outcomes   `json:"outcomes"`
	Tiers       Tiers      `json:"tiers"`
	Compilers   Compilers  `json:"compilers"`
	Miss        ReasonSums `json:"miss"`
	Uncacheable ReasonSums `json:"uncacheable"`
	Bypassed    ReasonSums `json:"bypassed"`
	NotStored   int64      `json:"not_stored"`   // misses whose result could not be stored
	SavedMS     float64    `json:"saved_ms"`     // over hits, max(0, original wall - hit wall)
	CPUMS       float64    `json:"cpu_ms"`       // of compilers that ran
	BytesRead   int64      `json:"bytes_read"`   // of outputs, from the cache
	BytesStored int64      `json:"bytes_stored"` // newly written to the cache

	Storage []StorageSum `json:"storage,omitempty"` // of tiers beyond this machine
	Recheck *Rechecks    `json:"recheck,omitempty"` // nil where there were none
}

// Add counts an event whose outcome is one of compile.Outcomes, or a record of a tier; others do not count.
func (t *Tally) Add(e *compile.Event) {
	if isStorage(e) {
		t.addStorage(e)
		return
	}
	n := t.Outcomes.Of(e.Outcome)
	if n == nil {
		return
	}
	*n++
	*t.Compilers.of(e.Compiler).Of(e.Outcome)++
	t.seen(e.Time)
	switch e.Outcome {
	case compile.Hit:
		*t.Tiers.of(e.Tier)++
		t.SavedMS += Saved(e)
	case compile.Miss:
		addReason(&t.Miss, e)
		if e.NotStored != "" {
			t.NotStored++
		}
	case compile.Uncacheable:
		addReason(&t.Uncacheable, e)
	case compile.Bypassed:
		addReason(&t.Bypassed, e)
	}
	if e.Outcome != compile.Hit {
		t.CPUMS += finite(e.CompileCPUMS)
	}
	t.addRecheck(e)
	t.BytesRead += e.BytesRead
	t.BytesStored += e.BytesStored
}

// seen takes the time of an event that counts.
func (t *Tally) seen(at time.Time) {
	if at.IsZero() {
		return
	}
	if t.First.IsZero() || at.Before(t.First) {
		t.First = at
	}
	if at.After(t.Last) {
		t.Last = at
	}
}

// Saved returns the milliseconds that a hit saved: never less than none.
func Saved(e *compile.Event) float64 {
	if e.Outcome != compile.Hit {
		return 0
	}
	return finite(e.CompileMS - e.WallMS)
}

// finite keeps one senseless duration from spoiling every sum.
func finite(ms float64) float64 {
	if ms > 0 && ms < math.MaxInt32*1000 {
		return ms
	}
	return 0
}

func addReason(sums *ReasonSums, e *compile.Event) {
	if *sums == nil {
		*sums = ReasonSums{}
	}
	id := e.Reason
	if id == "" {
		id = ReasonUnstated
	}
	s := (*sums)[id]
	s.Count++
	s.WallMS += finite(e.CompileMS)
	s.CPUMS += finite(e.CompileCPUMS)
	(*sums)[id] = s
}

func (t *Tally) clone() Tally {
	c := *t
	c.Miss, c.Uncacheable, c.Bypassed = maps.Clone(t.Miss), maps.Clone(t.Uncacheable), maps.Clone(t.Bypassed)
	c.Storage = slices.Clone(t.Storage)
	if t.Recheck != nil {
		r := *t.Recheck
		c.Recheck = &r
	}
	for i := range c.Storage {
		c.Storage[i] = c.Storage[i].clone()
	}
	return c
}
