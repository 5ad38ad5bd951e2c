package disk

import (
	"context"
	"sync"
	"time"
)

// maxUses bounds the names whose last use is remembered, of about 70 bytes each. Of names beyond it the file's time counts.
const maxUses = 1 << 20

// uses remembers what this process used and when. It is kept until Close, also after it was saved, because trimming
// spares what was used since the store was opened while anything else is left.
type uses struct {
	mu sync.Mutex
	m  map[name]use // guarded by mu
}

type use struct {
	at      int64 // nanoseconds since the epoch
	unsaved bool  // the file's time is older
}

func newUses() *uses { return &uses{m: map[name]use{}} }

// mark notes a use. A put saves itself, since its file is new.
func (u *uses) mark(n name, at time.Time, unsaved bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if old, ok := u.m[n]; ok || len(u.m) < maxUses {
		u.m[n] = use{at: at.UnixNano(), unsaved: unsaved || old.unsaved}
	}
}

func (u *uses) get(n name) (use, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	v, ok := u.m[n]
	return v, ok
}

func (u *uses) forget(n name) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.m, n)
}

func (u *uses) clear() {
	u.mu.Lock()
	defer u.mu.Unlock()
	clear(u.m)
}

// takeUnsaved returns the unsaved uses and counts them as saved: one that cannot be written now will not be later.
func (u *uses) takeUnsaved() map[name]int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := map[name]int64{}
	for n, v := range u.m {
		if v.unsaved {
			taken[n] = v.at
			u.m[n] = use{at: v.at}
		}
	}
	return taken
}

// saveUses writes last uses to the files' times, in steps.
func (s *Store) saveUses(ctx context.Context) error {
	p := pace{now: s.now}
	for n, at := range s.uses.takeUnsaved() {
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
	if right, ok := s.verified.get(n.sum); ok && right == before {
		after, err := stateAt(path, false)
		before.mtime = after.mtime
		if err == nil && after.sameFile(before) {
			s.verified.put(n.sum, after)
		}
	}
}
