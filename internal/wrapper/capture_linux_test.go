package wrapper

import (
	"bytes"
	"syscall"
	"testing"
)

// What a child wrote before it ended is taken whole, though the pipe stays open at its other end.
func TestDrain(t *testing.T) {
	r, w, err := pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(w)
	want := bytes.Repeat([]byte("0123456789abcdef"), 4<<10) // what a pipe holds
	if n, err := syscall.Write(w, want); n != len(want) || err != nil {
		t.Fatalf("write %d bytes: %d, %v", len(want), n, err)
	}
	s := &stream{from: r, theirs: -1, to: -1}
	drain([]*stream{s})
	if !bytes.Equal(s.data, want) || !s.complete() || s.from >= 0 {
		t.Errorf("drained %d bytes, complete %v, want %d, true", len(s.data), s.complete(), len(want))
	}
}
