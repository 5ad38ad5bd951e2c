package tiers

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
)

const (
	// maxFailures is how many failures in a row open a breaker: one or two may be a lost packet or a server that restarts.
	maxFailures = 3
	// maxWasted is how long lookups may wait for nothing, in sum, before a breaker opens, whatever succeeded between them.
	maxWasted = 5 * time.Second
	// firstPause and longestPause are how long an open breaker lets nobody through: doubled at each probe that fails.
	firstPause   = 30 * time.Second
	longestPause = 5 * time.Minute
)

// State is that of a breaker.
type State string

// States of a breaker.
const (
	Closed  State = "closed"  // the tier is asked
	Open    State = "open"    // it failed; it is not asked
	Probing State = "probing" // one call is under way to learn whether it works again
)

// BreakerStatus tells about one breaker.
type BreakerStatus struct {
	State   State
	Since   time.Time // when it came into this state; zero where it has never been in another
	Last    error     // the last failure; nil for none
	Skipped int64     // calls that were not made because it was open
}

// breaker keeps calls from a tier that fails. It opens after maxFailures failures in a row, after maxWasted of fruitless waiting,
// or at once by an error whose Lasting method says that asking again is no use. After a pause one call goes through
// while all others are still refused: if it succeeds the breaker closes.
type breaker struct {
	now func() time.Time
	log *slog.Logger // with the tier's name and whether reads or writes are meant

	mu      sync.Mutex // guards all below
	status  BreakerStatus
	until   time.Time // while open: when one may probe
	pause   time.Duration
	lasting bool // of the failure that opened it
	failed  int  // in a row
	wasted  time.Duration
	period  uint64 // counts changes of state: what was allowed before one says nothing about what came after
}

func newBreaker(now func() time.Time, log *slog.Logger) *breaker {
	return &breaker{now: now, log: log, status: BreakerStatus{State: Closed}, pause: firstPause}
}

// permit is the right to one call, to be given back with its outcome.
type permit struct{ period uint64 }

// allow asks for the right to call the tier.
func (b *breaker) allow() (permit, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.status.State == Closed:
	case b.status.State == Open && !b.now().Before(b.until):
		b.enter(Probing)
	default:
		b.status.Skipped++
		return permit{}, false
	}
	return permit{b.period}, true
}

// report gives a permit back. err is nil or cache.ErrNotFound where the tier did its work; waited is how long somebody
// waited for nothing.
func (b *breaker) report(p permit, err error, waited time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	failed := isFailure(err)
	if failed {
		b.status.Last = err
	}
	if p.period != b.period {
		return
	}
	if !failed {
		b.failed = 0
		if b.status.State == Probing {
			b.close()
		}
		return
	}
	b.failed++
	b.wasted += waited
	if b.status.State == Probing {
		b.pause = min(2*b.pause, longestPause)
		b.open(err)
	} else if b.failed >= maxFailures || b.wasted >= maxWasted || isLasting(err) {
		b.open(err)
	}
}

// forgo gives a permit back of a call whose caller left before there was an outcome.
func (b *breaker) forgo(p permit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.period == b.period && b.status.State == Probing {
		b.until = b.now()
		b.enter(Open)
	}
}

// late notes the true cause of a call that was given up before.
func (b *breaker) late(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status.Last = err
	if b.status.State == Closed && isLasting(err) {
		b.open(err)
	}
}

// retry lets the next call through if there is any hope. It is for the last moment, when waiting is no longer possible.
func (b *breaker) retry() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.status.State == Open && !b.lasting {
		b.until = b.now()
	}
}

// blocked returns how long nobody is let through, and why; 0 where the next call may be.
func (b *breaker) blocked() (time.Duration, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.status.State != Open {
		return 0, nil
	}
	return max(0, b.until.Sub(b.now())), b.status.Last
}

func (b *breaker) snapshot() BreakerStatus {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.status
}

// open is called with mu held, as close and enter.
func (b *breaker) open(err error) {
	b.until, b.lasting = b.now().Add(b.pause), isLasting(err)
	b.enter(Open)
	b.log.Warn("tier failed; not asked for a while", "pause", b.pause.String(), "error", err)
}

func (b *breaker) close() {
	b.failed, b.wasted, b.pause = 0, 0, firstPause
	b.enter(Closed)
	b.log.Info("tier works again")
}

func (b *breaker) enter(s State) {
	b.period++
	b.status.State, b.status.Since = s, b.now()
}

// isFailure tells a tier's fault from the answer that something is not there.
func isFailure(err error) bool { return err != nil && !errors.Is(err, cache.ErrNotFound) }

// isLasting reports whether an error says of itself that it will be the same next time: refused, no credentials, no such bucket.
func isLasting(err error) bool {
	var l interface{ Lasting() bool }
	return errors.As(err, &l) && l.Lasting()
}
