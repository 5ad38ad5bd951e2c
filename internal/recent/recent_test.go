package recent

import (
	"math/rand/v2"
	"sync"
	"testing"
)

// Whatever is done, there are never more than the limit, what is there is what was set last, and what is asked for all the time stays.
func TestMap(t *testing.T) {
	for _, limit := range []int{0, 1, 2, 3, 10, 11} {
		rng := rand.New(rand.NewPCG(1, uint64(limit)))
		m := New[int, int](limit)
		model := map[int]int{}
		bound := max(limit, 2)
		for range 5000 {
			k := rng.IntN(30)
			switch rng.IntN(5) {
			case 0, 1:
				v := rng.Int()
				m.Set(k, v)
				model[k] = v
			case 2:
				var before int
				m.Change(k, func(v int) int { before = v; return v + 1 })
				if before != 0 && before != model[k] {
					t.Fatalf("limit %d: Change is given %d, want %d or nothing", limit, before, model[k])
				}
				model[k] = before + 1
			case 3:
				m.Forget(k)
				delete(model, k)
			}
			if v, ok := m.Get(k); ok != (v != 0) || ok && v != model[k] {
				t.Fatalf("limit %d: Get(%d) = %d, %t, want %d", limit, k, v, ok, model[k])
			}
			if n := m.Len(); n > bound {
				t.Fatalf("limit %d: %d values, want at most %d", limit, n, bound)
			}
		}
	}
}

func TestMapKeepsWhatIsUsed(t *testing.T) {
	m := New[int, string](10)
	m.Set(-1, "used")
	m.Set(-2, "not used")
	for i := range 100 {
		m.Set(i, "new")
		if _, ok := m.Get(-1); !ok {
			t.Fatalf("after %d others, what was asked for each time is forgotten", i+1)
		}
	}
	if _, ok := m.Get(-2); ok {
		t.Error("after 100 others, what nobody asked for is remembered")
	}
}

func TestMapAtOnce(t *testing.T) {
	m := New[int, int](8)
	m.Set(0, 0)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 1000 {
				m.Change(0, func(v int) int { return v + 1 })
				m.Set(1+i%20, i)
				m.Forget(1 + i%7)
			}
		})
	}
	all.Wait()
	if got, ok := m.Get(0); !ok || got != 8000 {
		t.Errorf("counted at once: %d, %t, want 8000", got, ok)
	}
}
