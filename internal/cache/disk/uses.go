package disk

import (
	"context"
	"sync"
	"time"
)

// maxUses bounds the names whose last use is remembered, of about 70 bytes each. Of names beyond it the file's time counts.
const maxUses = 1 << 20

// uses remembers when this process last used what it read, until that is saved as the file's time. What is put needs
// none of this: its file is new.
type uses struct {
	mu sync.Mutex
	m  map[name]int64 // nanoseconds since the epoch; guarded by mu
}

func newUses() *uses { return &uses{m: map[name]int64{}} }

func (u *uses) mark(n name, at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, ok := u.m[n]; ok || len(u.m) < maxUses {
		u.m[n] = at.UnixNano()
	}
}

// last returns the last use, or 0.
func (u *uses) last(n name) int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.m[n]
}

func (u *uses) forget(n name) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.m, n)
}

// take returns all uses and forgets them: one that cannot be saved now will not be later.
func (u *uses) take() map[name]int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.m
	u.m = map[name]int64{}
	return taken
}

// saveUses writes last uses to the files' times, in steps.
func (s *Store) saveUses(ctx context.Context) error {
	p := pace{now: s.now}
	for n, at := range s.uses.take() {
		if err := p.step(ctx); err != nil {
			return err
		}
		s.saveUse(n, at)
	}
	return nil
}

// saveUse touches one file or directory of sets. Nothing depends on its success.
func (s *Store) saveUse(n name, at int64) {
	path := s.path(n)
	before, err := stateAt(path, n.kind == kindSets)
	if err != nil || before.mtime >= at {
		return
	}
	if err := s.files.touch(path, time.Unix(0, at)); err != nil || n.kind != kindBlob {
		return
	}
	// A verified blob stays verified: nothing but our touch has moved its times.
	if right, ok := s.verified.Get(n.sum); ok && right == before {
		after, err := stateAt(path, false)
		before.mtime = after.mtime
		if err == nil && after.sameFile(before) {
			s.verified.Set(n.sum, after)
		}
	}
}
