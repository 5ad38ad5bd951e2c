package cache

import (
	"context"
	"sync"
	"time"
)

// awayAfter is how long a wait for another machine must last to be worth a word: the word costs a message and what is done on it.
const awayAfter = 2 * time.Millisecond

type awayKey struct{}

// away is who is to be told of a wait.
type away struct {
	once sync.Once
	tell func()
}

// WithAway returns a context under which the first wait for another machine that takes longer than a moment is told of: tell is called once
// at most, by the goroutine that waits.
func WithAway(ctx context.Context, tell func()) context.Context {
	return context.WithValue(ctx, awayKey{}, &away{tell: tell})
}

// Away tells who wants to know that ctx's call waits for another machine.
func Away(ctx context.Context) {
	if a, ok := ctx.Value(awayKey{}).(*away); ok {
		a.once.Do(a.tell)
	}
}

// AwaySoon returns a channel from which can be received when a wait that begins now has lasted long enough for Away; nil where
// nobody wants to know.
func AwaySoon(ctx context.Context) <-chan time.Time {
	if ctx.Value(awayKey{}) == nil {
		return nil
	}
	return time.After(awayAfter)
}
