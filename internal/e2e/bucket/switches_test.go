package bucket

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/e2e/workplace"
)

// READONLY reads the bucket and writes nothing to it.
func TestReadonlyPutsNothing(t *testing.T) {
	all, _ := units(t)
	p, f := s3Place(t)
	path := filepath.Join(directory(t), "checkout")
	newMachine(t, p.url).with(p.keys...).build(push(t, 1), path, noEdit)
	before, asked := p.names(), len(f.Requests())
	m := newMachine(t, p.url).with(p.keys...).with("COMPILE_CACHE_READONLY", "1")
	j := push(t, 2)
	m.build(j, path, newMain)
	m.stats().outcomes(t, map[string]int{"bucket": all - 1}, 1)
	if r := m.command(j, "stop"); r.status != 0 {
		t.Errorf("stop: %s", r.stderr)
	}
	requests := f.Requests()[asked:]
	if len(requests) == 0 {
		t.Error("the bucket was not read")
	}
	for _, r := range requests {
		if r.Method != "GET" && r.Method != "HEAD" {
			t.Errorf("%s %s", r.Method, r.Path)
		}
	}
	if after := p.names(); !slices.Equal(before, after) {
		t.Errorf("the bucket has %q, had %q", after, before)
	}
}

// DISABLE asks the bucket for nothing, and starts nothing.
func TestDisableAsksNothing(t *testing.T) {
	p, f := s3Place(t)
	m := newMachine(t, p.url).with(p.keys...).with("COMPILE_CACHE_DISABLE", "1")
	m.build(push(t, 1), filepath.Join(directory(t), "checkout"), noEdit)
	if requests := f.Requests(); len(requests) > 0 {
		t.Errorf("%d requests, the first %s %s", len(requests), requests[0].Method, requests[0].Path)
	}
	if pids := workplace.Daemons(m.root); len(pids) > 0 {
		t.Errorf("daemons %v run", pids)
	}
}

// RECACHE looks nothing up, neither here nor in the bucket, and publishes what it compiles.
func TestRecacheCompilesAnew(t *testing.T) {
	all, _ := units(t)
	p, _ := s3Place(t)
	path := filepath.Join(directory(t), "checkout")
	newMachine(t, p.url).with(p.keys...).build(push(t, 1), path, noEdit)
	m := newMachine(t, p.url).with(p.keys...)
	m.with("COMPILE_CACHE_RECACHE", "1").build(push(t, 2), path, noEdit)
	m.stats().outcomes(t, nil, all)
	three := newMachine(t, p.url).with(p.keys...)
	three.build(push(t, 3), path, noEdit)
	three.stats().outcomes(t, map[string]int{"bucket": all}, 0)
}

// clear empties the machine's own store: the bucket keeps what it has, and answers again.
func TestClearLeavesTheBucket(t *testing.T) {
	all, _ := units(t)
	p, _ := s3Place(t)
	path := filepath.Join(directory(t), "checkout")
	m := newMachine(t, p.url).with(p.keys...)
	j := push(t, 1)
	m.build(j, path, noEdit)
	before := p.names()
	if r := m.command(j, "clear"); r.status != 0 {
		t.Errorf("clear: status %d: %s", r.status, r.stderr)
	}
	if after := p.names(); !slices.Equal(before, after) {
		t.Errorf("the bucket has %q, had %q", after, before)
	}
	s := m.stats()
	s.outcomes(t, nil, all) // counters are kept
	m.build(j, path, noEdit)
	if d := m.stats().minus(s); d.HitsByTier["bucket"]+d.HitsByTier["memory"] != all {
		t.Errorf("hits %v, want %d that did not come from the disk", d.HitsByTier, all)
	}
}
