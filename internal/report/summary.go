package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// Summary is what reports of people's builds say, in the order in which they say it.
type Summary struct {
	Stats *Stats
	Tally Tally
	// Misses, by lost time; Uncacheable and Bypassed, by the compiler's CPU time.
	Misses      []MissGroup
	Uncacheable []ReasonGroup
	Bypassed    []ReasonGroup
	NotStored   []Count         // why results of misses were not stored
	Slowest     []compile.Event // by wall time
	Events      []compile.Event // of invocations, in order of time
	Earlier     int64           // invocations that count but whose events were folded
	Skipped     int64           // damaged lines of the spool

	lookup Lookup
}

// MissGroup is the misses attributed to one cause: each miss is in one group.
type MissGroup struct {
	Why     phrase
	Count   int64
	LostMS  float64 // the compiler's wall time
	Example string  // a source
}

// ReasonGroup is the invocations of one reason.
type ReasonGroup struct {
	Reason  compile.Reason
	Sum     ReasonSum
	Details []Count // the most frequent ones
}

// Count is how often a string came.
type Count struct {
	Text  string
	Count int64
}

// Options of Load.
type Options struct {
	Version string
	Now     time.Time // for Since, where nothing has been counted
	Run     string    // the run whose events count, with those of runs inside it; "": all since the zeroing
	Lookup  Lookup
}

// Bounds of lists, above which rows are left out and counted.
const (
	maxSlowest = 20
	maxDetails = 3
)

// Load summarises the spool of an instance. Unrecorded wrappers belong to no run: Stats.Unrecorded is since the zeroing
// always, and a caller that reports one run sets it to the difference.
func Load(instance string, o Options) (*Summary, error) {
	r, err := OpenReader(SpoolDir(instance))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	s := &Summary{lookup: o.Lookup}
	if o.Run == "" {
		s.Tally = r.Folded()
		s.Earlier = s.Tally.Outcomes.Sum()
	} else if r.containing, err = quoted(o.Run); err != nil {
		return nil, err
	}
	err = r.each(func(e *compile.Event) {
		if o.Run != "" && !within(e.Run, o.Run) {
			return
		}
		s.Tally.Add(e)
		if !isStorage(e) {
			s.Events = append(s.Events, *e)
		}
	}, true)
	if err != nil {
		return nil, err
	}
	sortByTime(s.Events)
	s.Skipped = r.Skipped
	s.Stats = s.Tally.Stats()
	s.Stats.Version, s.Stats.Dir, s.Stats.Unrecorded = o.Version, instance, r.Unrecorded
	if o.Run == "" {
		s.Stats.Since = since(&s.Tally, r.Zeroed, o.Now)
	} else {
		s.Stats.Since = since(&s.Tally, time.Time{}, o.Now)
	}
	s.group()
	return s, nil
}

// LastRun returns the run of the newest event that counts and has one; "" for none.
func LastRun(instance string) (string, error) {
	r, err := OpenReader(SpoolDir(instance))
	if err != nil {
		return "", err
	}
	defer r.Close()
	var run string
	var newest time.Time
	err = r.Each(func(e *compile.Event) {
		if e.Run != "" && !e.Time.Before(newest) {
			run, newest = e.Run, e.Time
		}
	})
	return run, err
}

// quoted returns s as it stands in a line of the spool, without the closing quote.
func quoted(s string) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(s)
	return bytes.TrimSuffix(b.Bytes(), []byte("\"\n")), err
}

// within reports whether run is outer or was made inside it: such a run's name is outer's, a slash, and its own.
func within(run, outer string) bool {
	rest, ok := strings.CutPrefix(run, outer)
	return ok && (rest == "" || rest[0] == '/')
}

func (s *Summary) group() {
	misses := map[string]*MissGroup{}
	details := map[compile.ReasonID]map[string]int64{}
	notStored := map[string]int64{}
	for i := range s.Events {
		e := &s.Events[i]
		switch e.Outcome {
		case compile.Miss:
			why := whyMissed(e, s.lookup)
			g := misses[why.String()]
			if g == nil {
				g = &MissGroup{Why: why, Example: sourcePath(e)}
				misses[why.String()] = g
			}
			g.Count++
			g.LostMS += finite(e.CompileMS)
			if e.NotStored != "" {
				notStored[e.NotStored]++
			}
		case compile.Uncacheable, compile.Bypassed:
			if details[e.Reason] == nil {
				details[e.Reason] = map[string]int64{}
			}
			if e.Detail != "" {
				details[e.Reason][e.Detail]++
			}
		}
	}
	for _, g := range misses {
		s.Misses = append(s.Misses, *g)
	}
	slices.SortFunc(s.Misses, func(a, b MissGroup) int {
		return cmp.Or(cmp.Compare(b.LostMS, a.LostMS), cmp.Compare(b.Count, a.Count), strings.Compare(a.Why.String(), b.Why.String()))
	})
	s.Uncacheable = s.reasonGroups(s.Tally.Uncacheable, details)
	s.Bypassed = s.reasonGroups(s.Tally.Bypassed, details)
	s.NotStored = mostFrequent(notStored, maxDetails)

	s.Slowest = slices.Clone(s.Events)
	slices.SortStableFunc(s.Slowest, func(a, b compile.Event) int { return cmp.Compare(finite(b.WallMS), finite(a.WallMS)) })
	s.Slowest = s.Slowest[:min(len(s.Slowest), maxSlowest)]
}

func (s *Summary) reasonGroups(sums ReasonSums, details map[compile.ReasonID]map[string]int64) []ReasonGroup {
	var groups []ReasonGroup
	for id, sum := range sums {
		reason := s.lookup(id)
		reason.ID = id
		groups = append(groups, ReasonGroup{Reason: reason, Sum: sum, Details: mostFrequent(details[id], maxDetails)})
	}
	slices.SortFunc(groups, func(a, b ReasonGroup) int {
		return cmp.Or(cmp.Compare(b.Sum.CPUMS, a.Sum.CPUMS), cmp.Compare(b.Sum.Count, a.Sum.Count), cmp.Compare(a.Reason.ID, b.Reason.ID))
	})
	return groups
}

func mostFrequent(counts map[string]int64, n int) []Count {
	var list []Count
	for text, count := range counts {
		list = append(list, Count{Text: text, Count: count})
	}
	slices.SortFunc(list, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Text, b.Text))
	})
	return list[:min(len(list), n)]
}

// sourcePath is the source made absolute; the output or the program where an invocation has no source.
func sourcePath(e *compile.Event) string {
	name := cmp.Or(e.Source, e.Output, e.Program)
	if name == "" || path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(e.Dir, name)
}

// cpuShare is the part of all CPU time of compilers that sum took, in percent; "" where none was measured.
func (s *Summary) cpuShare(sum ReasonSum) string {
	if s.Tally.CPUMS <= 0 {
		return ""
	}
	return percent(sum.CPUMS / s.Tally.CPUMS)
}

// percent never rounds up to 100 % or down to 0 %.
func percent(share float64) string {
	p := share * 100
	switch r := math.Round(p*10) / 10; {
	case share < 1 && r >= 100:
		p = 99.9
	case share > 0 && r <= 0:
		p = 0.1
	}
	return fmt.Sprintf("%.1f %%", p)
}

// duration shows milliseconds for people.
func duration(ms float64) string {
	d := time.Duration(finite(ms) * float64(time.Millisecond))
	switch {
	case d < time.Millisecond:
		return "0s"
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

// plural is "1 compile", "2 compiles".
func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Verdict is the line that people act on first.
func (s *Summary) Verdict() string {
	o := &s.Tally.Outcomes
	rate, ok := o.HitRate()
	switch {
	case ok:
		hits, separator := s.hitsText()
		return fmt.Sprintf("hit rate %s (%s%s%s), %s of compiling saved", percent(rate),
			hits, separator, plural(o.Miss, "miss", "misses"), duration(s.Tally.SavedMS))
	case o.Sum() > 0:
		return fmt.Sprintf("nothing was looked up in %s", plural(o.Sum(), "invocation", "invocations"))
	}
	return "no compiler was called through the cache"
}

// maxUnits bounds the events that JSON lists: the newest.
const maxUnits = 10_000

// WriteJSON writes the stats and, as "units", the events.
func (s *Summary) WriteJSON(w io.Writer) error {
	if err := s.Stats.Invariant(); err != nil {
		return err
	}
	listed := s.Events[max(0, len(s.Events)-maxUnits):]
	units := make([]compile.Event, len(listed))
	for i := range listed {
		units[i] = shortened(&listed[i])
	}
	return writeJSON(w, struct {
		*Stats
		Units        []compile.Event `json:"units"`
		UnitsLeftOut int64           `json:"units_left_out"`
	}{s.Stats, units, s.Earlier + int64(len(s.Events)-len(listed))})
}
