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

// patience bounds the wait for somebody else who asks the same: a process that asks may be stopped, or gone.
const patience = 10 * time.Second

// Memory remembers answers of type A by what was asked. All methods may be called from many goroutines at once.
type Memory[A any] struct {
	answers *recent.Map[Key, A]

	mu     sync.Mutex
	asking map[Key]chan struct{} // guarded by mu; closed when who asks has the answer, or none, or is relieved
}

// NewMemory returns a Memory that knows nothing.
func NewMemory[A any]() *Memory[A] {
	return &Memory[A]{answers: recent.New[Key, A](MaxAnswers), asking: map[Key]chan struct{}{}}
}

// Find returns what is known under the first of keys whose answer is right, or else what ask finds, which is kept under the key that ask
// names. Of callers with the same first key one asks, and the others wait for it, until their ctx ends; one of those who lose patience asks in its
// stead. An error is ask's, or ctx's.
func (m *Memory[A]) Find(ctx context.Context, keys []Key, right func(A) bool, ask func() (A, Key, error)) (A, error) {
	if a, ok := m.known(keys, right); ok {
		return a, nil
	}
	var none A
	var silent chan struct{}
	for {
		mine, other := m.begin(keys[0], silent)
		if mine != nil {
			return m.ask(keys, mine, right, ask)
		}
		tired := time.NewTimer(patience)
		select {
		case <-other:
		case <-tired.C:
			silent = other
		case <-ctx.Done():
			tired.Stop()
			return none, ctx.Err()
		}
		tired.Stop()
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

// begin returns a channel to the one who is to ask, and must call end with it, and to others what to wait for. Who asks in silence, if it still
// does, is relieved: the others wait for the new one.
func (m *Memory[A]) begin(key Key, silent chan struct{}) (mine, other chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if other, ok := m.asking[key]; ok && other != silent {
		return nil, other
	} else if ok {
		close(other)
	}
	mine = make(chan struct{})
	m.asking[key] = mine
	return mine, nil
}

// end wakes those who wait, unless another took over.
func (m *Memory[A]) end(key Key, mine chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.asking[key] == mine {
		close(mine)
		delete(m.asking, key)
	}
}

// ask asks, between begin and end, and remembers the answer. Somebody may have ended right before this one began.
func (m *Memory[A]) ask(keys []Key, mine chan struct{}, right func(A) bool, ask func() (A, Key, error)) (A, error) {
	defer m.end(keys[0], mine)
	if a, ok := m.known(keys, right); ok {
		return a, nil
	}
	a, key, err := ask()
	if err == nil {
		m.answers.Set(key, a)
	}
	return a, err
}
