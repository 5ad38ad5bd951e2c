package tiers

import (
	"encoding/binary"

	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/recent"
)

// maxMarks bounds what is remembered: about 20 MB where it is reached, in a job that took a million results from far.
const maxMarks = 1 << 20

// marks remembers one byte for each of many keys, of which it keeps eight bytes: that two of a million keys share them has a chance
// of 1 in 30 million, and would make a number in a report wrong, or one input set stay unpublished.
type marks struct{ known *recent.Map[uint64, uint8] }

func newMarks(limit int) marks { return marks{recent.New[uint64, uint8](limit)} }

func (m marks) get(key digest.Key) uint8 {
	v, _ := m.known.Get(short(key))
	return v
}

// set replaces the byte of a key; 0 forgets it.
func (m marks) set(key digest.Key, v uint8) {
	if v == 0 {
		m.known.Forget(short(key))
		return
	}
	m.known.Set(short(key), v)
}

// add sets bits of the byte of a key.
func (m marks) add(key digest.Key, bits uint8) {
	m.known.Change(short(key), func(v uint8) uint8 { return v | bits })
}

func short(key digest.Key) uint64 {
	sum := key.Sum()
	return binary.LittleEndian.Uint64(sum[:8])
}
