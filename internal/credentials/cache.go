package credentials

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

const (
	// early is how long before their end credentials are renewed: longer than an exchange with all its retries.
	early = 5 * time.Minute
	// holdOff is how long the failure of an exchange answers for the next one. A build asks hundreds of times a second.
	holdOff = 15 * time.Second
)

var errClosed = errors.New("credentials are closed")

// grant is what a source hands out. It holds secrets: it is only ever behind a pointer that fmt does not follow.
type grant struct {
	creds  aws.Credentials
	arn    string  // of the identity, where the source was told
	claims *Claims // of the identity token, where there was one
}

// source is where credentials come from. fetch asks for them anew each time; it is called by one goroutine at a time. Its error
// is an *Error.
type source interface {
	fetch(ctx context.Context) (grant, error)
}

// cache keeps what a source gave, and renews it.
type cache struct {
	source   source
	provider string
	now      func() time.Time
	log      *slog.Logger
	base     context.Context // of exchanges: they outlive the requests that start them
	cancel   context.CancelFunc
	running  sync.WaitGroup // exchanges

	mu      sync.Mutex // guards what follows
	current *grant
	renewAt time.Time // from then on current is renewed
	failure error     // of the newest exchange; nil after a success
	retryAt time.Time // until then failure answers
	flight  *flight
	closed  bool
}

// flight is an exchange that runs. Its results are set before done is closed.
type flight struct {
	done    chan struct{}
	grant   *grant
	err     error
	attempt atomic.Pointer[Error] // the last that failed while it lasts
}

func newCache(s source, provider string, now func() time.Time, log *slog.Logger) *cache {
	base, cancel := context.WithCancel(context.Background())
	return &cache{source: s, provider: provider, now: now, log: log, base: base, cancel: cancel}
}

// get returns credentials: those in memory where they are good, though they may be in renewal, else those of an exchange.
func (c *cache) get(ctx context.Context) (*grant, error) {
	g, f, err := c.ready()
	if f == nil {
		return g, err
	}
	return c.wait(ctx, f)
}

// renew returns credentials of an exchange that had not ended before the call.
func (c *cache) renew(ctx context.Context) (*grant, error) {
	f, err := c.start()
	if err != nil {
		return nil, err
	}
	return c.wait(ctx, f)
}

// ready returns what is in memory, or the exchange to wait for.
func (c *cache) ready() (*grant, *flight, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if c.closed {
		return nil, nil, c.closedError()
	}
	if c.current != nil && now.Before(c.renewAt) {
		return c.current, nil, nil
	}
	held := c.failure != nil && now.Before(c.retryAt)
	if c.current != nil && (!c.current.creds.CanExpire || now.Before(c.current.creds.Expires)) {
		if !held {
			c.launch()
		}
		return c.current, nil, nil
	}
	if held {
		return nil, nil, c.failure
	}
	return nil, c.launch(), nil
}

func (c *cache) start() (*flight, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, c.closedError()
	}
	return c.launch(), nil
}

// launch returns the exchange that runs, or starts one. c.mu is held.
func (c *cache) launch() *flight {
	if c.flight != nil {
		return c.flight
	}
	f := &flight{done: make(chan struct{})}
	c.flight = f
	c.running.Go(func() {
		ctx, cancel := context.WithTimeout(c.base, exchangeTime)
		defer cancel()
		g, err := c.fetch(context.WithValue(ctx, attempts{}, &f.attempt))
		c.land(f, &g, err)
	})
	return f
}

// fetch asks the source. A fault in a parser of foreign bytes is a failure like others, and not the end of the daemon:
// endpointcreds v1.20.15 panics where the answer is the JSON null.
func (c *cache) fetch(ctx context.Context) (g grant, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = &Error{Provider: c.provider, Operation: "read credentials", Message: "the answer made its reader fail"}
		}
	}()
	return c.source.fetch(ctx)
}

// land takes in what an exchange brought.
func (c *cache) land(f *flight, g *grant, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(f.done)
	c.flight = nil
	now := c.now()
	if err != nil {
		f.err, c.failure, c.retryAt = err, err, now.Add(holdOff)
		c.log.Warn("credentials: not renewed", "provider", c.provider, "error", err.Error(), "kept", c.current != nil)
		return
	}
	f.grant, c.failure = g, nil
	if c.closed {
		return
	}
	c.current = g
	// What does not expire is asked for no more, here: a file or a variable that changed is a restart.
	c.renewAt = now.AddDate(100, 0, 0)
	if g.creds.CanExpire {
		// Short ones live half their life, and what came expired is given a chance: its giver may know better than our clock.
		life := g.creds.Expires.Sub(now)
		c.renewAt = now.Add(max(life-early, life/2, holdOff))
	}
	c.log.Debug("credentials: renewed", "provider", c.provider, "expires", g.creds.Expires)
}

// attempts is the key under which a context has where to note failed attempts of an exchange.
type attempts struct{}

// wait waits for an exchange, or for ctx.
func (c *cache) wait(ctx context.Context, f *flight) (*grant, error) {
	select {
	case <-f.done:
		return f.grant, f.err
	case <-ctx.Done():
		if last := f.attempt.Load(); last != nil {
			// That is what the time was lost to.
			e := *last
			e.Temporary = true
			return nil, &e
		}
		return nil, &Error{Provider: c.provider, Operation: "wait for credentials", Temporary: true, Cause: ctx.Err()}
	}
}

// forget makes the next get ask anew, if what is in memory has that access key.
func (c *cache) forget(accessKeyID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != nil && c.current.creds.AccessKeyID == accessKeyID {
		c.current = nil
	}
}

// expires returns the end of what is in memory.
func (c *cache) expires() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == nil || !c.current.creds.CanExpire {
		return time.Time{}
	}
	return c.current.creds.Expires
}

// close ends a running exchange and waits for it.
func (c *cache) close() {
	c.mu.Lock()
	c.closed, c.current = true, nil
	c.mu.Unlock()
	c.cancel()
	c.running.Wait()
}

func (c *cache) closedError() error {
	return &Error{Provider: c.provider, Operation: "get credentials", Cause: errClosed}
}
