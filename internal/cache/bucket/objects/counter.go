package objects

import (
	"context"
	"io"
	"sync/atomic"
)

// Counter is a Store that counts what is asked of another. Its methods may be called from many goroutines.
type Counter struct {
	Store Store

	get, list, put, down, up atomic.Int64
}

var _ Store = (*Counter)(nil)

// Counts are requests, and bytes of objects that were moved. A request counts when it is made, whatever comes of it; one that the
// store repeats by itself counts once. A byte counts when it is read: downloaded by the caller from a body, uploaded by the store
// from the caller's body, again at each attempt.
type Counts struct {
	Get, List, Put       int64
	Downloaded, Uploaded int64
}

// Counts returns the counts so far. They need not be of one instant.
func (c *Counter) Counts() Counts {
	return Counts{Get: c.get.Load(), List: c.list.Load(), Put: c.put.Load(), Downloaded: c.down.Load(), Uploaded: c.up.Load()}
}

// Get implements Store.
func (c *Counter) Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	c.get.Add(1)
	r, err := c.Store.Get(ctx, name, offset, length)
	if err != nil {
		return nil, err
	}
	return &countedBody{r, &c.down}, nil
}

// Put implements Store.
func (c *Counter) Put(ctx context.Context, name string, body io.ReadSeeker, size int64, sum [32]byte) (Stored, error) {
	c.put.Add(1)
	return c.Store.Put(ctx, name, &countedSource{body, &c.up}, size, sum)
}

// List implements Store.
func (c *Counter) List(ctx context.Context, prefix, after string, limit int) (Listing, error) {
	c.list.Add(1)
	return c.Store.List(ctx, prefix, after, limit)
}

func (c *Counter) String() string { return c.Store.String() }

type countedBody struct {
	io.ReadCloser
	bytes *atomic.Int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.bytes.Add(int64(n))
	return n, err
}

type countedSource struct {
	io.ReadSeeker
	bytes *atomic.Int64
}

func (b *countedSource) Read(p []byte) (int, error) {
	n, err := b.ReadSeeker.Read(p)
	b.bytes.Add(int64(n))
	return n, err
}
