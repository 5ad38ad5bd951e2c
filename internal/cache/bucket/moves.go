package bucket

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
)

// moving is a store of objects that can be seen to move: answers and bytes of bodies count, and what is compressed for it.
type moving struct {
	objects.Store
	stillFor time.Duration
	moves    atomic.Int64
	answers  atomic.Int64 // of these
}

// Get implements objects.Store.
func (m *moving) Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	r, err := m.Store.Get(ctx, name, offset, length)
	m.answered(err)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{&movingReader{r, m}, r}, nil
}

// Put implements objects.Store.
func (m *moving) Put(ctx context.Context, name string, body io.ReadSeeker, size int64, sum [32]byte) (objects.Stored, error) {
	stored, err := m.Store.Put(ctx, name, &sentBody{ReadSeeker: body, m: m}, size, sum)
	m.answered(err)
	return stored, err
}

// List implements objects.Store.
func (m *moving) List(ctx context.Context, prefix, after string, limit int) (objects.Listing, error) {
	l, err := m.Store.List(ctx, prefix, after, limit)
	m.answered(err)
	return l, err
}

func (m *moving) answered(err error) {
	if err == nil {
		m.answers.Add(1)
		m.moves.Add(1)
	}
}

// sentBody is a body under way. What a further attempt sends again has moved before.
type sentBody struct {
	io.ReadSeeker
	m        *moving
	at, most int64
}

func (b *sentBody) Read(p []byte) (int, error) {
	n, err := b.ReadSeeker.Read(p)
	if b.at += int64(n); b.at > b.most {
		b.m.moves.Add(b.at - b.most)
		b.most = b.at
	}
	return n, err
}

func (b *sentBody) Seek(offset int64, whence int) (int64, error) {
	at, err := b.ReadSeeker.Seek(offset, whence)
	if err == nil {
		b.at = at
	}
	return at, err
}

type movingReader struct {
	io.Reader
	m *moving
}

func (r *movingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.m.moves.Add(int64(n))
	return n, err
}

// stillFor is how long somebody waits for a publication in which nothing moves.
const stillFor = 5 * time.Second

// errStill says that nothing moved for stillFor.
var errStill = fmt.Errorf("the bucket has not answered for %s: %w", stillFor, context.DeadlineExceeded)

// whileMoving returns a context that ends, with errStill as its cause, when for stillFor nothing moves. stop must be called.
func (m *moving) whileMoving(ctx context.Context) (moved context.Context, stop func()) {
	moved, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		const looks = 5
		tick := time.NewTicker(m.stillFor / looks)
		defer tick.Stop()
		last, still := m.moves.Load(), 0
		for still < looks {
			select {
			case <-ended:
				return
			case <-tick.C:
			}
			if now := m.moves.Load(); now != last {
				last, still = now, 0
			} else {
				still++
			}
		}
		cancel(errStill)
	}()
	return moved, func() { close(ended); cancel(nil) }
}
