package disk

import (
	"container/list"
	"sync"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// memory keeps decoded records, so that a hit reads no record file. The least recently used go first when their estimated
// size exceeds the limit.
//
// It answers nothing on its own: each value holds the state of the directory that proves it current, and the lookup
// compares. A result never changes, so its proof is only that the directory of its class is still the same
// one and was not cleared. Input sets are proved by the state of their own directory, which changes when one is added.
type memory struct {
	mu    sync.Mutex
	limit int64
	size  int64                  // guarded by mu, as the rest
	order *list.List             // of *remembered, most recently used first
	found map[name]*list.Element // the elements of order
}

type remembered struct {
	name  name
	value any // *knownResult or *manifest
	cost  int64
}

// knownResult is a result and the proof of its class directory, zero where there was none yet.
type knownResult struct {
	proof  state
	result *compile.Result
}

// manifest is the input sets of one compilation in one class.
type manifest struct {
	proof state // of their directory; zero where it has to be read
	sets  []knownSet
	// newest are at most cache.MaxInputSets of the sets, newest first, as a lookup returns them.
	newest []*compile.InputSet
}

// knownSet is one decoded input set.
type knownSet struct {
	id    digest.Key
	added int64 // modification time of its file
	set   *compile.InputSet
}

func newMemory(limit int64) *memory {
	return &memory{limit: limit, order: list.New(), found: map[name]*list.Element{}}
}

func (m *memory) get(n name) any {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.found[n]
	if !ok {
		return nil
	}
	m.order.MoveToFront(e)
	return e.Value.(*remembered).value
}

// put remembers a value, which is not changed afterwards.
func (m *memory) put(n name, value any, cost int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forgetLocked(n)
	m.found[n] = m.order.PushFront(&remembered{name: n, value: value, cost: cost})
	m.size += cost
	for m.size > m.limit {
		m.forgetLocked(m.order.Back().Value.(*remembered).name)
	}
}

func (m *memory) forget(n name) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forgetLocked(n)
}

func (m *memory) forgetLocked(n name) {
	if e, ok := m.found[n]; ok {
		delete(m.found, n)
		m.order.Remove(e)
		m.size -= e.Value.(*remembered).cost
	}
}

func (m *memory) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.order.Init()
	clear(m.found)
	m.size = 0
}

// Estimates of what values take: the list element, map slot and value around them, and a string header for each string.
const (
	rememberedCost = 400
	stringCost     = 16
)

func resultCost(r *compile.Result) int64 {
	n := rememberedCost + len(r.Stdout) + len(r.Stderr) + len(r.MadeBy)
	for _, o := range r.Outputs {
		n += 80 + len(o.Role)
	}
	return int64(n)
}

func manifestCost(m *manifest) int64 {
	n := int64(rememberedCost)
	for _, s := range m.sets {
		n += setCost(s.set)
	}
	return n
}

// setCost counts every word of the absent groups as a header only: the text is shared, see compile.ParseInputSet.
func setCost(s *compile.InputSet) int64 {
	n := rememberedCost
	for _, list := range [][]string{s.Bound, s.Paths, s.Env} {
		for _, v := range list {
			n += stringCost + len(v)
		}
	}
	for _, g := range s.Absent {
		n += 3 * stringCost * (len(g.Dirs) + 1)
		n += stringCost * len(g.Names)
	}
	return int64(n + 8*len(s.Once))
}
