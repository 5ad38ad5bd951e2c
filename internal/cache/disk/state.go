package disk

import (
	"sync"
	"time"
)

// state is what stat says of a file; a file whose state is unchanged has unchanged content. The zero state is no file's.
type state struct {
	dev, ino     uint64
	size         int64
	mtime, ctime int64 // nanoseconds since the epoch
}

// sameFile reports whether two states differ in nothing but the change time, which renaming and touching move.
func (st state) sameFile(other state) bool {
	st.ctime = other.ctime
	return st == other
}

// A directory that changes twice within one tick of the file system's clock has the same times after both. Ticks are up
// to 10 ms on kernels before 6.13, and a second or two where times have no fraction.
const (
	tick       = 20 * time.Millisecond
	coarseTick = 2 * time.Second
)

// settled reports whether any later change will show in the state.
func (st state) settled(now time.Time) bool {
	margin := tick
	if second := int64(time.Second); st.mtime%second == 0 && st.ctime%second == 0 {
		margin = coarseTick
	}
	return now.UnixNano()-max(st.mtime, st.ctime) > int64(margin)
}

// maxVerified bounds the blobs whose verified state is remembered: twice this many of about 130 bytes.
const maxVerified = 1 << 16

// verified remembers the states at which blobs were hashed and found right. It keeps two generations; when the young one is
// full it becomes the old one, and what was not asked for since is forgotten.
type verified struct {
	mu         sync.Mutex
	limit      int
	young, old map[[32]byte]state // guarded by mu
}

func newVerified(limit int) *verified {
	return &verified{limit: limit, young: map[[32]byte]state{}}
}

func (v *verified) get(sum [32]byte) (state, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	st, ok := v.young[sum]
	if !ok {
		if st, ok = v.old[sum]; ok {
			v.putLocked(sum, st)
		}
	}
	return st, ok
}

func (v *verified) put(sum [32]byte, st state) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.putLocked(sum, st)
}

func (v *verified) putLocked(sum [32]byte, st state) {
	if _, ok := v.young[sum]; !ok && len(v.young) >= v.limit {
		v.old, v.young = v.young, map[[32]byte]state{}
	}
	v.young[sum] = st
}

func (v *verified) forget(sum [32]byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.young, sum)
	delete(v.old, sum)
}
