package tiers

// Status tells about one far tier.
type Status struct {
	Tier   string
	Write  bool
	Reads  BreakerStatus
	Writes BreakerStatus
	Queued int // writes that wait
	Drops  Drops
}

// Status tells about the far tiers in the order in which they are asked, as they are now; the caller may keep it.
func (s *Stack) Status() []Status {
	var list []Status
	for _, t := range s.far {
		st := Status{Tier: t.Name, Write: t.writer != nil, Reads: t.reads.snapshot(), Writes: t.writes.snapshot()}
		if w := t.writer; w != nil {
			w.mu.Lock()
			st.Queued, st.Drops = len(w.queue.jobs), w.dropped
			w.mu.Unlock()
		}
		list = append(list, st)
	}
	return list
}

// Dropped returns how many results and input sets were put near and not handed to a far tier.
func (s *Stack) Dropped() int64 {
	var n int64
	for _, st := range s.Status() {
		n += st.Drops.Results + st.Drops.Sets
	}
	return n
}
