// Package memo remembers values in bounded memory.
//
// A Map keeps two generations of keys. New ones are young; when half of the bound is young, the old generation is forgotten and the young one is
// old. Who is asked for while old is young again. So what is in use stays, and nothing counts or sorts uses.
package memo

import "sync"

// Map remembers values by key, a bounded number of them. All methods may be called from many goroutines at once. Values are shared: nobody
// changes what lies behind one.
type Map[K comparable, V any] struct {
	half int

	mu         sync.Mutex // guards both maps
	young, old map[K]V
}

// New returns an empty Map of at most limit values, which is 2 or more.
func New[K comparable, V any](limit int) *Map[K, V] {
	return &Map[K, V]{half: limit / 2}
}

// Get returns the value of a key, and whether there is one.
func (m *Map[K, V]) Get(key K) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.young[key]
	if !ok {
		if v, ok = m.old[key]; ok {
			m.keep(key, v)
		}
	}
	return v, ok
}

// Put remembers the value of a key instead of another.
func (m *Map[K, V]) Put(key K, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep(key, value)
}

// Empty reports whether nothing is remembered.
func (m *Map[K, V]) Empty() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.young)+len(m.old) == 0
}

// keep makes a value young.
func (m *Map[K, V]) keep(key K, value V) {
	if _, there := m.young[key]; !there && (m.young == nil || len(m.young) >= m.half) {
		m.old, m.young = m.young, make(map[K]V)
	}
	m.young[key] = value
}
