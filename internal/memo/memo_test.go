package memo

import (
	"sync"
	"testing"
)

func TestMap(t *testing.T) {
	m := New[int, string](4)
	if _, ok := m.Get(1); ok || !m.Empty() {
		t.Errorf("a new map: Get(1) = %t, Empty() = %t, want false and true", ok, m.Empty())
	}
	m.Put(1, "one")
	m.Put(1, "uno")
	if got, ok := m.Get(1); got != "uno" || !ok || m.Empty() {
		t.Errorf("Get(1) = %q, %t, Empty() = %t, want what was put last", got, ok, m.Empty())
	}
	// What is asked for now and then stays, and what is not goes.
	for key := 2; key < 20; key++ {
		m.Put(key, "x")
		if got, ok := m.Get(1); got != "uno" || !ok {
			t.Fatalf("Get(1) after %d others = %q, %t, want uno", key-1, got, ok)
		}
		if n := len(m.young) + len(m.old); n > 4 {
			t.Fatalf("%d values are remembered, want 4 at most", n)
		}
	}
	if _, ok := m.Get(2); ok {
		t.Error("what nobody asked for is still there")
	}
	// A value that is replaced again and again pushes nothing out.
	m.Put(100, "x")
	for range 10 {
		m.Put(1, "again")
	}
	if _, ok := m.Get(100); !ok {
		t.Error("a value was pushed out by one that was put again")
	}
}

func TestMapAtOnce(t *testing.T) {
	m := New[int, int](8)
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := range 200 {
				m.Put(i%16, i%16)
				if got, ok := m.Get((i + worker) % 16); ok && got != (i+worker)%16 {
					t.Errorf("Get(%d) = %d", (i+worker)%16, got)
				}
			}
		})
	}
	all.Wait()
}
