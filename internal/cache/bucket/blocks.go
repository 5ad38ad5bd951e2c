package bucket

import (
	"bytes"
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/pack"
)

const (
	blockSize  = 1 << 20
	maxBlocks  = 32      // kept
	readAhead  = 8       // blocks of one request at most
	wholeAbove = 4 << 20 // a record longer than that is streamed past the blocks
	blockTime  = 30 * time.Second
)

// errCut says that fewer bytes came than were asked for.
var errCut = errors.New("the answer was cut short")

// blocks reads records that were not prefetched. What belongs to one compile lies side by side in a pack, so packs are read in blocks, which
// are kept for a while; whoever goes on in a pack is given more at once. Blocks are not verified, records are.
type blocks struct {
	ctx     context.Context
	objects objects.Store

	mu     sync.Mutex
	order  *list.List // of *block, most recently used first
	found  map[blockID]*list.Element
	flying map[blockID]*blockFlight
	taken  map[*packFile]int // blocks of the last request
}

type blockID struct {
	in *packFile
	n  int64
}

type block struct {
	id    blockID
	bytes []byte
}

// blockFlight is a request under way. Who waits takes its block from here: among those that are kept it may not stay for long.
type blockFlight struct {
	done   chan struct{}
	first  int64
	blocks [][]byte
	err    error
}

func newBlocks(ctx context.Context, store objects.Store) *blocks {
	return &blocks{
		ctx: ctx, objects: store, order: list.New(), found: map[blockID]*list.Element{}, flying: map[blockID]*blockFlight{}, taken: map[*packFile]int{},
	}
}

// open returns the bytes of a record, its header included.
func (b *blocks) open(ctx context.Context, in *packFile, rec pack.Record) (io.ReadCloser, error) {
	ref, local, _ := in.state()
	for local != "" {
		r, err := openLocal(local, rec)
		if err == nil {
			return r, nil
		}
		before, held := local, false
		if ref, local, held = in.state(); local != before {
			continue // it was sealed or uploaded meanwhile
		}
		if held {
			break
		}
		if errors.Is(err, os.ErrNotExist) {
			err = objects.ErrNotFound
		}
		return nil, err
	}
	if rec.Offset < 0 || rec.Length < 0 || rec.Offset > ref.Size-rec.Length {
		return nil, fmt.Errorf("record at %d of %d bytes lies outside of its pack", rec.Offset, rec.Length)
	}
	if rec.Length > wholeAbove {
		return b.objects.Get(ctx, in.object(), rec.Offset, rec.Length)
	}
	var parts []io.Reader
	end := rec.Offset + rec.Length
	for at := rec.Offset; at < end; {
		id := blockID{in, at / blockSize}
		data, err := b.get(ctx, id, ref.Size)
		if err != nil {
			return nil, err
		}
		from := at - id.n*blockSize
		to := min(end-id.n*blockSize, blockSize)
		if int64(len(data)) < to {
			return nil, errCut
		}
		parts = append(parts, bytes.NewReader(data[from:to]))
		at = id.n*blockSize + to
	}
	return io.NopCloser(io.MultiReader(parts...)), nil
}

func openLocal(path string, rec pack.Record) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(f, rec.Offset, rec.Length), f}, nil
}

// get returns a block. One request serves all who wait for it, and goes on when one of them leaves.
func (b *blocks) get(ctx context.Context, id blockID, size int64) ([]byte, error) {
	b.mu.Lock()
	if e, ok := b.found[id]; ok {
		b.order.MoveToFront(e)
		b.mu.Unlock()
		return e.Value.(*block).bytes, nil
	}
	f := b.flying[id]
	if f == nil {
		f = b.takeOffLocked(id, size)
	}
	b.mu.Unlock()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-f.done:
	}
	if f.err != nil {
		return nil, f.err
	}
	return f.blocks[id.n-f.first], nil
}

// takeOffLocked requests a block and, where the pack is being read on, those behind it.
func (b *blocks) takeOffLocked(id blockID, size int64) *blockFlight {
	count := 1
	if last := b.taken[id.in]; last > 0 {
		count = min(2*last, readAhead)
	}
	f := &blockFlight{done: make(chan struct{}), first: id.n}
	ids := []blockID{id}
	b.flying[id] = f
	for n := id.n + 1; len(ids) < count && n*blockSize < size; n++ {
		next := blockID{id.in, n}
		if b.found[next] != nil || b.flying[next] != nil {
			break
		}
		b.flying[next] = f
		ids = append(ids, next)
	}
	b.taken[id.in] = len(ids)
	go func() {
		got, err := b.fetch(id, int64(len(ids)), size)
		b.mu.Lock()
		defer b.mu.Unlock()
		f.blocks, f.err = got, err
		for i, id := range ids {
			delete(b.flying, id)
			if err == nil {
				b.keepLocked(id, got[i])
			}
		}
		close(f.done)
	}()
	return f
}

// fetch reads blocks, each into memory of its own, so that none keeps that of another.
func (b *blocks) fetch(id blockID, count, size int64) ([][]byte, error) {
	ctx, cancel := context.WithTimeout(b.ctx, blockTime)
	defer cancel()
	from := id.n * blockSize
	length := min(count*blockSize, size-from)
	r, err := b.objects.Get(ctx, id.in.object(), from, length)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var all [][]byte
	for got := int64(0); got < length; {
		data := make([]byte, min(blockSize, length-got))
		n, err := io.ReadFull(r, data)
		if got += int64(n); err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
				err = errCut
			}
			return nil, fmt.Errorf("read %s at %d: %d of %d bytes came: %w", id.in.object(), from, got, length, err)
		}
		all = append(all, data)
	}
	return all, nil
}

func (b *blocks) keepLocked(id blockID, data []byte) {
	b.found[id] = b.order.PushFront(&block{id, data})
	for b.order.Len() > maxBlocks {
		delete(b.found, b.order.Remove(b.order.Back()).(*block).id)
	}
}

// forget drops the blocks of a pack, of which some were wrong.
func (b *blocks) forget(in *packFile) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, e := range b.found {
		if id.in == in {
			b.order.Remove(e)
			delete(b.found, id)
		}
	}
}
