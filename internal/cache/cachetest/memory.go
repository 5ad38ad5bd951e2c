package cachetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// Memory is a cache.Store, cache.Notes and cache.Withdrawer in memory, for tests. The zero Memory is empty and ready. It keeps stored forms, so
// what cannot be encoded cannot be put, and what is returned shares nothing with what was put.
type Memory struct {
	mu      sync.Mutex
	results map[digest.Key][]byte   // guarded by mu, as the rest
	sets    map[digest.Key][][]byte // newest first
	notes   map[digest.Key][]byte
	blobs   map[digest.Digest][]byte
	gone    map[digest.Key][]byte // withdrawn
}

var (
	_ cache.Store      = (*Memory)(nil)
	_ cache.Notes      = (*Memory)(nil)
	_ cache.Withdrawer = (*Memory)(nil)
)

// Result implements cache.Store.
func (m *Memory) Result(ctx context.Context, key digest.Key) (*compile.Result, error) {
	if _, err := lookup(ctx, m, &m.gone, key); err == nil {
		return nil, cache.ErrWithdrawn
	}
	b, err := lookup(ctx, m, &m.results, key)
	if err != nil {
		return nil, err
	}
	return compile.ParseResult(b)
}

// PutResult implements cache.Store.
func (m *Memory) PutResult(ctx context.Context, key digest.Key, r *compile.Result) error {
	b, err := compile.AppendResult(nil, r)
	if err != nil {
		return fmt.Errorf("put result: %w", err)
	}
	if _, err := lookup(ctx, m, &m.gone, key); err == nil {
		return fmt.Errorf("put result: %w", cache.ErrWithdrawn)
	}
	return keep(ctx, m, &m.results, key, b)
}

// InputSets implements cache.Store.
func (m *Memory) InputSets(ctx context.Context, compilation digest.Key) ([]*compile.InputSet, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	sets := []*compile.InputSet{}
	for _, b := range m.sets[compilation] {
		set, err := compile.ParseInputSet(b)
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	return sets, nil
}

// AddInputSet implements cache.Store.
func (m *Memory) AddInputSet(ctx context.Context, compilation digest.Key, set *compile.InputSet) error {
	b, err := compile.AppendInputSet(nil, set)
	if err != nil {
		return fmt.Errorf("put input set: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sets == nil {
		m.sets = map[digest.Key][][]byte{}
	}
	others := slices.DeleteFunc(m.sets[compilation], func(other []byte) bool { return bytes.Equal(other, b) })
	all := append([][]byte{b}, others...)
	m.sets[compilation] = all[:min(len(all), cache.MaxInputSets)]
	return nil
}

// Open implements cache.Store.
func (m *Memory) Open(ctx context.Context, d digest.Digest) (io.ReadCloser, error) {
	b, err := lookup(ctx, m, &m.blobs, d)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

// Put implements cache.Store.
func (m *Memory) Put(ctx context.Context, d digest.Digest, open func() (io.ReadCloser, error)) error {
	if _, err := lookup(ctx, m, &m.blobs, d); err == nil {
		return nil
	}
	r, err := open()
	if err != nil {
		return fmt.Errorf("put blob: %w", err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("put blob: %w", err)
	}
	if got := digest.Of(b); got != d {
		return fmt.Errorf("put blob: content is %v, want %v", got, d)
	}
	return keep(ctx, m, &m.blobs, d, b)
}

// Withdraw implements cache.Withdrawer.
func (m *Memory) Withdraw(ctx context.Context, key digest.Key) error {
	return keep(ctx, m, &m.gone, key, nil)
}

// Reverify implements cache.Withdrawer.
func (m *Memory) Reverify(ctx context.Context, d digest.Digest) error {
	b, err := lookup(ctx, m, &m.blobs, d)
	if err == nil && digest.Of(b) != d {
		err = &cache.CorruptError{Name: "blob " + d.String(), Cause: fmt.Errorf("content is %v", digest.Of(b))}
	}
	return err
}

// Note implements cache.Notes.
func (m *Memory) Note(ctx context.Context, name digest.Key) ([]byte, error) {
	return lookup(ctx, m, &m.notes, name)
}

// PutNote implements cache.Notes.
func (m *Memory) PutNote(ctx context.Context, name digest.Key, b []byte) error {
	if len(b) > cache.MaxNote {
		return fmt.Errorf("put note: %d bytes are too many", len(b))
	}
	return keep(ctx, m, &m.notes, name, slices.Clone(b))
}

func lookup[K comparable](ctx context.Context, m *Memory, from *map[K][]byte, key K) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := (*from)[key]
	if !ok {
		return nil, cache.ErrNotFound
	}
	return b, nil
}

func keep[K comparable](ctx context.Context, m *Memory, in *map[K][]byte, key K, b []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if *in == nil {
		*in = map[K][]byte{}
	}
	(*in)[key] = b
	return nil
}
