package tiers

import (
	"context"
	"io"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// streamChunk is how much of a blob is read ahead of its reader, at most three times.
const streamChunk = 64 << 10

// stream is a blob of a far tier that is read without being kept. A goroutine reads; the reader waits for it no longer than what
// is left of the tier's deadline, so that a store that answers nothing, slowly or not at all holds nobody.
type stream struct {
	tier   *far
	ctx    context.Context // of who reads
	cancel context.CancelFunc
	permit permit
	told   bool          // the outcome is reported
	left   time.Duration // of waiting
	chunks chan chunk
	rest   []byte
	err    error // of the last chunk
}

type chunk struct {
	bytes []byte
	err   error // after the bytes
}

// stream opens a blob of the tier. Its first bytes are there when it returns.
func (t *far) stream(ctx context.Context, d digest.Digest) (io.ReadCloser, error) {
	t.mu.Lock()
	p, ok := t.begin()
	t.mu.Unlock()
	if !ok {
		return nil, cache.ErrNotFound
	}
	reading, cancel := context.WithCancel(cache.WithReadOnly(t.base))
	s := &stream{tier: t, ctx: ctx, cancel: cancel, permit: p, left: t.Deadline, chunks: make(chan chunk, 2)}
	go func() {
		defer func() {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.end()
		}()
		_, err := recovered(t.log, func() (struct{}, error) { return struct{}{}, s.fill(reading, d) })
		s.send(reading, chunk{err: err})
	}()
	if s.wait(); s.err != nil && s.err != io.EOF {
		cancel()
		return nil, s.err
	}
	return s, nil
}

// fill reads the blob into chunks. At its good end it returns io.EOF.
func (s *stream) fill(ctx context.Context, d digest.Digest) error {
	r, err := s.tier.Store.Open(ctx, d)
	if err != nil {
		return err
	}
	v := cache.Verify(r, d)
	defer v.Close()
	for {
		b := make([]byte, min(streamChunk, d.Size()+1))
		n, err := v.Read(b)
		if n > 0 && !s.send(ctx, chunk{bytes: b[:n]}) {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

func (s *stream) send(ctx context.Context, c chunk) bool {
	select {
	case s.chunks <- c:
		return true
	case <-ctx.Done():
		return false
	}
}

// wait takes the next chunk.
func (s *stream) wait() {
	began := s.tier.now()
	timer := time.NewTimer(s.left)
	defer timer.Stop()
	var waited time.Duration
	for soon, waiting := cache.AwaySoon(s.ctx), true; waiting; {
		select {
		case c := <-s.chunks:
			s.rest, s.err = c.bytes, c.err
			waiting = false
		case <-s.ctx.Done():
			s.err = s.ctx.Err()
			s.forgo()
			return
		case <-s.tier.base.Done():
			s.err = cache.ErrNotFound
			s.forgo()
			return
		case <-timer.C:
			s.err, waited = &lateError{s.tier.Deadline}, s.tier.Deadline
			waiting = false
		case <-soon:
			cache.Away(s.ctx)
			soon = nil
		}
	}
	s.left -= s.tier.now().Sub(began)
	if s.err == nil {
		return
	}
	if s.err == io.EOF {
		s.tell(nil, 0)
		return
	}
	s.err = s.tier.named(s.err)
	s.tell(s.err, waited)
}

// tell reports the outcome once.
func (s *stream) tell(err error, waited time.Duration) {
	if s.told {
		return
	}
	s.told = true
	s.tier.reads.report(s.permit, err, waited)
	s.tier.tell(err)
}

// forgo reports that there is no outcome.
func (s *stream) forgo() {
	if !s.told {
		s.told = true
		s.tier.reads.forgo(s.permit)
	}
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		s.wait()
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// Close implements io.Closer.
func (s *stream) Close() error {
	s.forgo()
	s.cancel()
	return nil
}
