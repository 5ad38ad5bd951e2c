package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// Bounds of what is kept of one tier, so that a damaged spool cannot make totals.json grow.
const (
	maxProblems   = 20
	maxReads      = 12
	shortProblems = 12 // of one record that would exceed MaxLine
)

// StorageSum is what one tier beyond this machine did: sums over its records, and the words of the newest one. It is part of
// totals.json, so fields are added only.
type StorageSum struct {
	compile.Storage
	Last time.Time `json:"last"` // of the records' times
	// OtherProblems counts the failures whose causes exceed maxProblems.
	OtherProblems int64 `json:"other_problems,omitempty"`
}

// isStorage reports whether e tells of a tier and not of an invocation.
func isStorage(e *compile.Event) bool { return e.Outcome == "" && e.Storage != nil }

// storageTier names the tier under which a record is counted: those this version does not know are one.
func storageTier(name string) string {
	switch name {
	case "edge", "bucket", "reapi":
		return name
	}
	return "other"
}

// storageOf returns the sum of a tier, which it adds where it is missing; sums are in the order of their names.
func (t *Tally) storageOf(tier string) *StorageSum {
	i, found := slices.BinarySearchFunc(t.Storage, tier, func(s StorageSum, tier string) int { return cmp.Compare(s.Tier, tier) })
	if !found {
		t.Storage = slices.Insert(t.Storage, i, StorageSum{Storage: compile.Storage{Tier: tier}})
	}
	return &t.Storage[i]
}

func (t *Tally) addStorage(e *compile.Event) {
	t.seen(e.Time)
	sum := t.storageOf(storageTier(e.Storage.Tier))
	newest := !e.Time.Before(sum.Last)
	sum.add(e.Storage, newest)
	if newest {
		sum.Last = e.Time
	}
}

// add counts a record. Files are read one after another, so the newest record need not be the last.
func (s *StorageSum) add(r *compile.Storage, newest bool) {
	if newest {
		s.Place, s.Provider, s.ProviderWhy, s.Scope, s.Expires = r.Place, r.Provider, r.ProviderWhy, r.Scope, r.Expires
		shortFields(&s.Place, &s.Provider, &s.ProviderWhy, &s.Scope)
		s.Reads = shortReads(r.Reads)
	}
	for _, n := range []struct {
		sum *int64
		add int64
	}{
		{&s.Get, r.Get}, {&s.List, r.List}, {&s.Put, r.Put}, {&s.Downloaded, r.Downloaded}, {&s.Uploaded, r.Uploaded},
		{&s.Prefetched, r.Prefetched}, {&s.Published, r.Published}, {&s.Dropped, r.Dropped}, {&s.Skipped, r.Skipped},
	} {
		*n.sum += sensible(n.add)
	}
	for _, p := range r.Problems {
		shortProblem(&p)
		s.addProblem(&p, newest)
	}
}

func (s *StorageSum) addProblem(p *compile.Problem, newest bool) {
	n := max(1, sensible(p.Count))
	for i := range s.Problems {
		if known := &s.Problems[i]; known.ID() == p.ID() {
			n += known.Count
			if newest {
				*known = *p
			}
			known.Count = n
			return
		}
	}
	if len(s.Problems) >= maxProblems {
		s.OtherProblems += n
		return
	}
	s.Problems = append(s.Problems, *p)
	s.Problems[len(s.Problems)-1].Count = n
}

// failures is how often the tier failed.
func (s *StorageSum) failures() int64 {
	n := s.OtherProblems
	for i := range s.Problems {
		n += s.Problems[i].Count
	}
	return n
}

// requests is of all kinds.
func (s *StorageSum) requests() int64 { return s.Get + s.List + s.Put }

func (s *StorageSum) clone() StorageSum {
	c := *s
	c.Reads, c.Problems = slices.Clone(s.Reads), slices.Clone(s.Problems)
	return c
}

// sensible keeps one damaged number from spoiling every sum.
func sensible(n int64) int64 {
	if n < 0 || n > 1<<53 {
		return 0
	}
	return n
}

// StorageStats is one tier beyond this machine in stats --json.
type StorageStats struct {
	Tier          string            `json:"tier"`
	Place         string            `json:"place"`
	Scope         string            `json:"scope"`
	Reads         []string          `json:"reads"`
	Provider      string            `json:"provider"`
	ProviderWhy   string            `json:"provider_why"`
	Expires       *time.Time        `json:"expires"` // of the credentials; null: never, or not known
	Hits          int64             `json:"hits"`
	Requests      Requests          `json:"requests"`
	Downloaded    int64             `json:"downloaded"` // bytes
	Uploaded      int64             `json:"uploaded"`
	Prefetched    int64             `json:"prefetched"` // results
	Published     int64             `json:"published"`
	Dropped       int64             `json:"dropped"`
	Skipped       int64             `json:"skipped"` // lookups
	Problems      []compile.Problem `json:"problems"`
	OtherProblems int64             `json:"other_problems"` // failures beyond those listed
}

// storageStats are the tiers that left a record, and what went over the network to them all.
func (t *Tally) storageStats() (list []StorageStats, requests Requests, downloaded, uploaded int64) {
	for i := range t.Storage {
		s := t.Storage[i].clone()
		requests.Get += s.Get
		requests.List += s.List
		requests.Put += s.Put
		downloaded += s.Downloaded
		uploaded += s.Uploaded
		list = append(list, StorageStats{
			Tier: s.Tier, Place: s.Place, Scope: s.Scope, Reads: append([]string{}, s.Reads...), Provider: s.Provider, ProviderWhy: s.ProviderWhy,
			Expires: s.Expires, Hits: *t.Tiers.of(s.Tier), Requests: Requests{Get: s.Get, List: s.List, Put: s.Put},
			Downloaded: s.Downloaded, Uploaded: s.Uploaded, Prefetched: s.Prefetched, Published: s.Published, Dropped: s.Dropped,
			Skipped: s.Skipped, Problems: append([]compile.Problem{}, s.Problems...), OtherProblems: s.OtherProblems,
		})
	}
	return list, requests, downloaded, uploaded
}

// shortStorage returns a copy with its strings and lists cut to what always fits into a line.
func shortStorage(r *compile.Storage) *compile.Storage {
	short := *r
	shortFields(&short.Tier, &short.Place, &short.Provider, &short.ProviderWhy, &short.Scope)
	short.Reads = shortReads(r.Reads)
	short.Problems = slices.Clone(r.Problems[:min(len(r.Problems), shortProblems)])
	for i := range short.Problems {
		shortProblem(&short.Problems[i])
	}
	return &short
}

func shortReads(reads []string) []string {
	reads = slices.Clone(reads[:min(len(reads), maxReads)])
	for i := range reads {
		shortFields(&reads[i])
	}
	return reads
}

func shortProblem(p *compile.Problem) { shortFields(&p.Kind, &p.Cause, &p.Text, &p.Advice) }

func shortFields(texts ...*string) {
	for _, s := range texts {
		*s = (*s)[:min(len(*s), maxField)]
	}
}
