package tiers

import (
	"fmt"
	"testing"
)

func TestMarks(t *testing.T) {
	m := newMarks(10)
	for i := range 100 {
		m.add(key(fmt.Sprint(i)), 1)
		m.add(key(fmt.Sprint(i)), 2)
		if n := m.known.Len(); n > 10 {
			t.Fatalf("%d marks are kept, want at most 10", n)
		}
		if got := m.get(key(fmt.Sprint(i))); got != 3 {
			t.Fatalf("mark %d is %d, want 3", i, got)
		}
	}
	if got := m.get(key("95")); got != 3 {
		t.Errorf("a young mark is %d, want 3", got)
	}
	if got := m.get(key("5")); got != 0 {
		t.Errorf("an old mark is %d, want it forgotten", got)
	}
	m.set(key("99"), 0)
	if got := m.get(key("99")); got != 0 {
		t.Errorf("a mark that was taken back is %d, want 0", got)
	}
}
