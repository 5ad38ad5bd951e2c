package bucket

import (
	"context"
	"slices"
	"sync"
)

// turns lets a few work at a time: of those who wait, the one whose work is needed first. What is fetched ahead is decoded by as many as there
// are processors, and ranges that are read at the same time would otherwise come to their ends together, the first no sooner than the last.
// What a compile waits for comes before all of it.
type turns struct {
	mu      sync.Mutex // guards what follows
	free    int
	waiting []*waiter
	wanted  map[int]int // by place: how many wait for what this work brings
}

type waiter struct {
	place int
	turn  chan struct{} // closed when it is its turn
}

// take returns when it is the turn of work with a place in the order of need, or ctx is done. Who has taken a turn must give it back.
func (t *turns) take(ctx context.Context, place int) error {
	t.mu.Lock()
	if t.free > 0 {
		t.free--
		t.mu.Unlock()
		return nil
	}
	w := &waiter{place, make(chan struct{})}
	t.waiting = append(t.waiting, w)
	t.mu.Unlock()
	select {
	case <-w.turn:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	i := slices.Index(t.waiting, w)
	if i >= 0 {
		t.waiting = slices.Delete(t.waiting, i, i+1)
	}
	t.mu.Unlock()
	if i < 0 {
		t.give(1) // it was its turn after all
	}
	return ctx.Err()
}

// give gives turns back, or lets more work.
func (t *turns) give(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free += n
	for t.free > 0 && len(t.waiting) > 0 {
		first := 0
		for i, w := range t.waiting {
			if t.before(w.place, t.waiting[first].place) {
				first = i
			}
		}
		close(t.waiting[first].turn)
		t.waiting = slices.Delete(t.waiting, first, first+1)
		t.free--
	}
}

// before reports whether work with place a comes before that with place b. The caller holds mu.
func (t *turns) before(a, b int) bool {
	if wanted := t.wanted[a] > 0; wanted != (t.wanted[b] > 0) {
		return wanted
	}
	return a < b
}

// want says that n more wait for what the work with this place brings.
func (t *turns) want(place, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wanted == nil {
		t.wanted = map[int]int{}
	}
	if t.wanted[place] += n; t.wanted[place] == 0 {
		delete(t.wanted, place)
	}
}
