package disk

import "time"

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
