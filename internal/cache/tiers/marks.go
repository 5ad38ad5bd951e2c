package tiers

import (
	"encoding/binary"
	"sync"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// maxMarks bounds what is remembered: about 20 MB where it is reached, in a job that took a million results from far.
const maxMarks = 1 << 20

// marks remembers one byte for each of many keys, of which it keeps eight bytes: that two of a million keys share them has a chance
// of 1 in 30 million, and would make a number in a report wrong, or one input set stay unpublished. Beyond its
// limit the older half is forgotten.
type marks struct {
	limit int

	mu         sync.Mutex
	young, old map[uint64]uint8 // guarded by mu
}

func newMarks(limit int) *marks { return &marks{limit: limit, young: map[uint64]uint8{}} }

func (m *marks) get(key digest.Key) uint8 {
	k := short(key)
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.young[k]; ok {
		return v
	}
	return m.old[k]
}

// set replaces the byte of a key; 0 forgets it.
func (m *marks) set(key digest.Key, v uint8) { m.change(key, func(uint8) uint8 { return v }) }

// add sets bits of the byte of a key.
func (m *marks) add(key digest.Key, bits uint8) {
	m.change(key, func(v uint8) uint8 { return v | bits })
}

func (m *marks) change(key digest.Key, f func(uint8) uint8) {
	k := short(key)
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.young[k]
	if !ok {
		v = m.old[k]
	}
	v = f(v)
	delete(m.old, k)
	if v == 0 {
		delete(m.young, k)
		return
	}
	if len(m.young) >= m.limit/2 && !ok {
		m.old, m.young = m.young, map[uint64]uint8{}
	}
	m.young[k] = v
}

func short(key digest.Key) uint64 {
	sum := key.Sum()
	return binary.LittleEndian.Uint64(sum[:8])
}
