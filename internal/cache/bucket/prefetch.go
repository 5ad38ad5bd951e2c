package bucket

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"sync"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/pack"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

const (
	// spanLimit is how long one range is at most, unless a single record is longer; the first of a pack has firstSpan and each later one
	// twice as much, so that over a slow link too the first compiles are answered soon.
	firstSpan = 4 << 20
	spanLimit = 32 << 20
	// gapLimit is how much between two records is read and thrown away rather than asked for apart: what 30 ms of a round trip transfer at
	// 100 MB/s is more than that.
	gapLimit = 1 << 20
	// spanTime and slowest, in bytes a second, bound the time for a range: what comes slower is given up.
	spanTime = 30 * time.Second
	slowest  = 500 << 10
	// spansAtOnce is how many ranges are read at the same time.
	spansAtOnce = 4
	// planPatience is how long a lookup waits for the plan: where much is near already, to find out what is not takes longer.
	planPatience = time.Second
)

// prefetch lands what the profile names in the near store.
type prefetch struct {
	t *Tier

	began   chan struct{} // closed when it begins
	planned chan struct{} // closed when states is whole
	turns   turns         // of landing a record

	mu     sync.Mutex
	states map[nameOf]*landing            // what is to be landed; guarded by mu, as held
	held   map[digest.Key]*compile.Result // came, but not all of its blobs
}

// landing is a record on its way to the near store.
type landing struct {
	began bool // the range it lies in is being read; guarded by prefetch.mu
	place int  // of that range; guarded by prefetch.mu
	done  chan struct{}
}

func newPrefetch(t *Tier) *prefetch {
	return &prefetch{t: t, began: make(chan struct{}), planned: make(chan struct{}), turns: turns{free: 1}, states: map[nameOf]*landing{}, held: map[digest.Key]*compile.Result{}}
}

// landed waits for a record that is on its way to the near store and reports whether it may be there now. A record whose turn has
// not come is not waited for.
func (t *Tier) landed(ctx context.Context, n nameOf) bool {
	if t.land == nil || t.start.wait(ctx) != nil {
		return false
	}
	p := t.ahead
	select {
	case <-p.began:
	default:
		return false
	}
	patience := time.NewTimer(planPatience)
	defer patience.Stop()
	select {
	case <-p.planned:
	case <-patience.C:
		return false
	case <-ctx.Done():
		return false
	}
	p.mu.Lock()
	l := p.states[n]
	if l == nil || !l.began {
		p.mu.Unlock()
		return false
	}
	place := l.place
	p.mu.Unlock()
	p.turns.want(place, 1)
	defer p.turns.want(place, -1)
	select {
	case <-l.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// run lands what the profile names and the near store lacks.
func (p *prefetch) run(ctx context.Context) {
	if p.t.land == nil || p.t.start.profile == nil {
		close(p.planned)
		return
	}
	spans := p.plan(ctx)
	for _, s := range spans[:min(spansAtOnce, len(spans))] {
		p.begin(s)
	}
	close(p.planned)
	work := make(chan span)
	var all, calm sync.WaitGroup
	over := make(chan struct{})
	calm.Go(func() {
		select {
		case <-p.t.o.Calm:
			p.turns.give(runtime.GOMAXPROCS(0) - 1)
		case <-over:
		}
	})
	for range min(spansAtOnce, len(spans)) {
		all.Go(func() {
			for s := range work {
				if err := p.fetch(ctx, s); err != nil {
					p.t.problem("fetch ahead", err)
				}
				p.release(ctx)
				p.ended(s)
			}
		})
	}
	for _, s := range spans {
		p.begin(s)
		work <- s
	}
	close(work)
	all.Wait()
	close(over)
	calm.Wait()
	p.giveUp()
}

func (p *prefetch) begin(s span) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, rec := range s.records {
		if l := p.states[nameOf{rec.Kind, rec.Name}]; l != nil {
			l.began, l.place = true, s.first
		}
	}
}

// ended lets those go who wait for what a range did not bring.
func (p *prefetch) ended(s span) {
	for _, rec := range s.records {
		p.done(nameOf{rec.Kind, rec.Name})
	}
}

func (p *prefetch) done(n nameOf) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.states[n]; l != nil {
		select {
		case <-l.done:
		default:
			close(l.done)
		}
	}
}

// fetch reads one range and lands its records one after the other.
func (p *prefetch) fetch(ctx context.Context, s span) error {
	if s.in.gone.Load() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, spanTime+time.Duration((s.to-s.from)/slowest)*time.Second)
	defer cancel()
	body, err := p.t.o.Objects.Get(ctx, s.in.object(), s.from, s.to-s.from)
	if errors.Is(err, objects.ErrNotFound) {
		s.in.gone.Store(true)
		return nil
	}
	if isShort(err) {
		s.in.gone.Store(true)
	}
	if err != nil {
		return err
	}
	defer body.Close()
	r := bufio.NewReaderSize(body, 256<<10)
	at := s.from
	for _, rec := range s.records {
		if _, err := io.CopyN(io.Discard, r, rec.Offset-at); err != nil {
			return fmt.Errorf("read %s: %w", s.in.object(), err)
		}
		raw := &section{r: r, left: rec.Length}
		if err := p.turns.take(ctx, s.first); err != nil {
			return err
		}
		err := p.land(ctx, location{rec, s.in}, raw)
		p.turns.give(1)
		if err == nil {
			_, err = io.Copy(io.Discard, raw)
		}
		if raw.err != nil {
			return fmt.Errorf("read %s: %w", s.in.object(), raw.err)
		}
		if err != nil {
			return err
		}
		at = rec.Offset + rec.Length
		p.done(nameOf{rec.Kind, rec.Name})
	}
	return nil
}

// section reads the next bytes of a stream, and remembers why fewer came.
type section struct {
	r    io.Reader
	left int64
	err  error
}

func (s *section) Read(b []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n, err := s.r.Read(b[:min(int64(len(b)), s.left)])
	if s.left -= int64(n); err == io.EOF {
		err = nil
		if s.left > 0 {
			err = errCut
		}
	}
	if err != nil {
		s.err = err
	}
	return n, err
}

// payload is the content of a record, and remembers that it was wrong.
type payload struct {
	io.ReadCloser
	err error
}

func (p *payload) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	if err != nil && err != io.EOF {
		p.err = err
	}
	return n, err
}

// hashedOnce is a payload for the near store: it was hashed when it was decoded, and whoever made it closes it.
type hashedOnce struct{ *payload }

// Digest implements cache.Hashed.
func (h hashedOnce) Digest() (digest.Digest, bool) { return h.ReadCloser.(cache.Hashed).Digest() }

func (hashedOnce) Close() error { return nil }

// land puts one record into the near store. A record that is wrong is just not landed; an error ends the range.
func (p *prefetch) land(ctx context.Context, at location, raw *section) error {
	rec := at.rec
	decoded, err := pack.Decode(rec, raw)
	if err != nil {
		return p.wrong(at, raw, err)
	}
	defer decoded.Close()
	content := &payload{ReadCloser: decoded}
	if rec.Kind == pack.Blob {
		opened := false
		err = p.t.land.Put(ctx, digest.FromSum(rec.Name.Sum(), rec.Size), func() (io.ReadCloser, error) {
			if opened {
				return nil, errors.New("a stream cannot be read twice")
			}
			opened = true
			return hashedOnce{content}, nil
		})
	} else if rec.Size <= maxRecord {
		var b []byte
		if b, err = io.ReadAll(content); err == nil {
			err = p.landRecord(ctx, at, b)
		}
	}
	if content.err != nil {
		return p.wrong(at, raw, content.err)
	}
	return err
}

// wrong notes that a record is wrong, unless its bytes did not arrive.
func (p *prefetch) wrong(at location, raw *section, err error) error {
	if raw.err != nil {
		return raw.err
	}
	p.t.problem("wrong bytes in the bucket", p.t.wrong(at, err))
	return nil
}

func (p *prefetch) landRecord(ctx context.Context, at location, b []byte) error {
	switch at.rec.Kind {
	case pack.InputSet:
		set, err := compile.ParseInputSet(b)
		if err != nil {
			p.t.problem("wrong bytes in the bucket", p.t.wrong(at, err))
			return nil
		}
		return p.t.land.AddInputSet(ctx, at.rec.Name, set)
	case pack.Result:
		r, err := compile.ParseResult(b)
		if err != nil {
			p.t.problem("wrong bytes in the bucket", p.t.wrong(at, err))
			return nil
		}
		p.mu.Lock()
		p.held[at.rec.Name] = r
		p.mu.Unlock()
		p.settle(ctx, at.rec.Name, r)
	}
	return nil
}

// blobsNear reports whether all blobs of a result have landed or were near before.
func (p *prefetch) blobsNear(ctx context.Context, r *compile.Result) bool {
	for _, o := range r.Outputs {
		if !p.isNear(ctx, pack.Record{Kind: pack.Blob, Name: blobName(o.Blob).name, Size: o.Blob.Size()}) {
			return false
		}
	}
	return true
}

// release lands the results that came and whose blobs are all near. The rest of another may lie in a range that is still to be read.
func (p *prefetch) release(ctx context.Context) {
	p.mu.Lock()
	held := maps.Clone(p.held)
	p.mu.Unlock()
	for key, r := range held {
		p.settle(ctx, key, r)
	}
}

// settle lands a result that came, if its blobs are near.
func (p *prefetch) settle(ctx context.Context, key digest.Key, r *compile.Result) {
	if !p.blobsNear(ctx, r) {
		return
	}
	p.mu.Lock()
	_, mine := p.held[key]
	delete(p.held, key)
	p.mu.Unlock()
	if !mine {
		return
	}
	if err := p.t.land.PutResult(ctx, key, r); err != nil {
		p.t.problem("land result", err)
	} else {
		p.t.counts.Prefetched.Add(1)
	}
}

// came returns a result that came and waits for its blobs; nil where there is none. Who looks for it need not wait for them, too.
func (p *prefetch) came(key digest.Key) *compile.Result {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held[key]
}

// giveUp forgets the results whose blobs did not come.
func (p *prefetch) giveUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.held)
}
