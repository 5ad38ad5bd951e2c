package toolchain

import (
	"context"
	"sync"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/recent"
)

// MaxAnswers bounds a memory of what programs said: a build has a handful of questions, one more for each directory of libraries that build scripts
// name, and asking again costs some milliseconds.
const MaxAnswers = 256

// patience bounds the wait for somebody else who asks the same.
const patience = 10 * time.Second

// Memory remembers answers of type A by what was asked. All methods may be called from many goroutines at once.
type Memory[A any] struct {
	answers *recent.Map[Key, A]

	mu     sync.Mutex
	asking map[Key]chan struct{} // guarded by mu; closed when who asks has the answer, or none
}

// NewMemory returns a Memory that knows nothing.
func NewMemory[A any]() *Memory[A] {
	return &Memory[A]{answers: recent.New[Key, A](MaxAnswers), asking: map[Key]chan struct{}{}}
}

// Find returns what is known under the first of keys whose answer is right, or else what ask finds, which is kept under the key that ask
// names. Of callers with the same first key one asks, and the others wait for it, until their ctx ends or their patience. An error is ask's, or ctx's.
func (m *Memory[A]) Find(ctx context.Context, keys []Key, right func(A) bool, ask func() (A, Key, error)) (A, error) {
	if a, ok := m.known(keys, right); ok {
		return a, nil
	}
	var none A
	tired := time.NewTimer(patience)
	defer tired.Stop()
	for {
		other := m.begin(keys[0])
		if other == nil {
			return m.ask(keys, right, ask)
		}
		select {
		case <-other:
		case <-ctx.Done():
			return none, ctx.Err()
		case <-tired.C:
			return m.keep(ask)
		}
		if a, ok := m.known(keys, right); ok {
			return a, nil
		}
	}
}

// known returns what is known under the first of keys whose answer is right.
func (m *Memory[A]) known(keys []Key, right func(A) bool) (a A, ok bool) {
	for _, key := range keys {
		if a, ok := m.answers.Get(key); ok && right(a) {
			return a, true
		}
	}
	return a, false
}

// begin returns nil to the one who is to ask, and must call end, and to others what to wait for.
func (m *Memory[A]) begin(key Key) <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if other, ok := m.asking[key]; ok {
		return other
	}
	m.asking[key] = make(chan struct{})
	return nil
}

func (m *Memory[A]) end(key Key) {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.asking[key])
	delete(m.asking, key)
}

// ask is called between begin and end. Somebody may have ended right before this one began.
func (m *Memory[A]) ask(keys []Key, right func(A) bool, ask func() (A, Key, error)) (A, error) {
	defer m.end(keys[0])
	if a, ok := m.known(keys, right); ok {
		return a, nil
	}
	return m.keep(ask)
}

// keep asks and remembers the answer.
func (m *Memory[A]) keep(ask func() (A, Key, error)) (A, error) {
	a, key, err := ask()
	if err == nil {
		m.answers.Set(key, a)
	}
	return a, err
}
