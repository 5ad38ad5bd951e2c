package objectstest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
)

// Memory is a store within the process. The zero value is ready; its methods may be called from many goroutines.
type Memory struct {
	// Now is the store's clock. Nil: one that starts at 2026-01-01 and goes on by a second at each look.
	Now func() time.Time

	mu    sync.Mutex
	held  map[string][]byte // guarded by mu; contents never change
	looks int               // guarded by mu; at the clock
}

var _ objects.Store = (*Memory)(nil)

// now is called with mu held.
func (m *Memory) now() time.Time {
	if m.Now != nil {
		return m.Now()
	}
	m.looks++
	return time.Date(2026, 1, 1, 0, 0, m.looks, 0, time.UTC)
}

// refusal is the error of a call that cannot be answered.
func (m *Memory) refusal(operation, name, code, format string, args ...any) error {
	return &objects.Error{Kind: objects.Unexpected, Operation: operation, Place: m.String(), Name: name, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Get implements objects.Store.
func (m *Memory) Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if err := objects.CheckName(name); err != nil {
		return nil, m.refusal("get", "", "InvalidName", "%v", err)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	b, ok := m.held[name]
	m.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("get %s: %w", name, objects.ErrNotFound)
	}
	size := int64(len(b))
	if offset < 0 || offset > size || length > size-offset {
		return nil, m.refusal("get", name, "InvalidRange", "%d bytes from %d on are asked of %d", length, offset, size)
	}
	b = b[offset:]
	if length >= 0 {
		b = b[:length]
	}
	return &memoryBody{ctx, bytes.NewReader(b)}, nil
}

// memoryBody ends with its context, as a body that comes over a network does.
type memoryBody struct {
	ctx context.Context
	r   *bytes.Reader
}

func (b *memoryBody) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.r.Read(p)
}

func (b *memoryBody) Close() error { return nil }

// Put implements objects.Store.
func (m *Memory) Put(ctx context.Context, name string, body io.ReadSeeker, size int64, sum [32]byte) (objects.Stored, error) {
	if err := objects.CheckName(name); err != nil {
		return objects.Stored{}, m.refusal("put", "", "InvalidName", "%v", err)
	}
	if err := ctx.Err(); err != nil {
		return objects.Stored{}, err
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return objects.Stored{}, err
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return objects.Stored{}, err
	}
	if int64(len(b)) != size || sha256.Sum256(b) != sum {
		return objects.Stored{}, m.refusal("put", name, "BadDigest", "the body is not what its size and sum say")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.held[name]; ok {
		return objects.Stored{Time: m.now(), Existed: true}, nil
	}
	if m.held == nil {
		m.held = map[string][]byte{}
	}
	m.held[name] = b
	return objects.Stored{Time: m.now()}, nil
}

// List implements objects.Store.
func (m *Memory) List(ctx context.Context, prefix, after string, limit int) (objects.Listing, error) {
	if err := objects.CheckList(prefix, after, limit); err != nil {
		return objects.Listing{}, m.refusal("list", "", "InvalidName", "%v", err)
	}
	if err := ctx.Err(); err != nil {
		return objects.Listing{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	l := objects.Listing{Time: m.now()}
	for _, name := range slices.Sorted(maps.Keys(m.held)) {
		if !strings.HasPrefix(name, prefix) || name <= after {
			continue
		}
		if len(l.Objects) == limit {
			l.More = true
			break
		}
		l.Objects = append(l.Objects, objects.Object{Name: name, Size: int64(len(m.held[name]))})
	}
	return l, nil
}

func (m *Memory) String() string { return "memory" }

// Names returns the names of all objects, in byte order.
func (m *Memory) Names() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.held))
}

// Remove takes an object away, as a store's lifecycle rules or its owner may.
func (m *Memory) Remove(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.held, name)
}

// Replace puts bytes in the place of an object's, or makes one: what no writer may do, and a fault can.
func (m *Memory) Replace(name string, b []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held == nil {
		m.held = map[string][]byte{}
	}
	m.held[name] = bytes.Clone(b)
}

// Bytes returns an object's bytes, nil where there is none.
func (m *Memory) Bytes(name string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return bytes.Clone(m.held[name])
}
