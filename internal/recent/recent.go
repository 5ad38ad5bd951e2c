// Package recent remembers what was found out once, up to a limit, so that a daemon that lives for days stays small.
//
// A Map keeps two generations. What is set or asked for is in the young one; when that has half of the limit, it becomes the old one, and
// what was in the old one, and was not asked for since it grew old, is forgotten. So what is in use stays, and no order is kept. Forgetting
// costs the time to find out again, and nothing else: what must not be lost has no place here.
//
// All methods may be called from many goroutines.
package recent

import "sync"

// Map is a bounded map.
type Map[K comparable, V any] struct {
	half int

	mu         sync.Mutex
	young, old map[K]V // guarded by mu; no key is in both
}

// New returns an empty Map of at most limit values, but of two at least.
func New[K comparable, V any](limit int) *Map[K, V] {
	return &Map[K, V]{half: max(limit/2, 1), young: map[K]V{}}
}

// Get returns the value of k, and whether there is one.
func (m *Map[K, V]) Get(k K) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.get(k)
}

// Set replaces the value of k.
func (m *Map[K, V]) Set(k K, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.set(k, v)
}

// Change replaces the value of k by f of it, which is the zero value where there is none. f must not use the Map.
func (m *Map[K, V]) Change(k K, f func(V) V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, _ := m.get(k)
	m.set(k, f(v))
}

// Forget removes the value of k.
func (m *Map[K, V]) Forget(k K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.young, k)
	delete(m.old, k)
}

// Len returns how many values there are.
func (m *Map[K, V]) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.young) + len(m.old)
}

func (m *Map[K, V]) get(k K) (V, bool) {
	v, ok := m.young[k]
	if !ok {
		if v, ok = m.old[k]; ok {
			m.set(k, v)
		}
	}
	return v, ok
}

func (m *Map[K, V]) set(k K, v V) {
	delete(m.old, k)
	if _, ok := m.young[k]; !ok && len(m.young) >= m.half {
		m.old, m.young = m.young, map[K]V{}
	}
	m.young[k] = v
}
