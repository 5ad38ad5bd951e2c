package bucket

import (
	"fmt"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects/objectstest"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/pack"
)

// After many jobs a reader still needs few indexes, because jobs write checkpoints.
func TestCheckpoint(t *testing.T) {
	clock := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	store := &objectstest.Memory{Now: func() time.Time { clock = clock.Add(time.Minute); return clock }}
	const jobs = 40
	for i := range jobs {
		m := newMachine(t, store, func(o *Options) { o.Profile = fmt.Sprint("job", i%3) })
		m.finds("something", "new")
		m.build(fmt.Sprint("u", i), content(i))
		m.publish()
		clock = clock.Add(20 * time.Minute)
	}
	checkpoints := 0
	for _, name := range store.Names() {
		if id, err := pack.ParseIndexName(name); err == nil && id.Checkpoint {
			checkpoints++
		}
	}
	if checkpoints < 2 || checkpoints > 6 {
		t.Errorf("%d checkpoints after %d jobs, want a few", checkpoints, jobs)
	}
	last := newMachine(t, store, func(o *Options) { o.Profile = "new" })
	for i := range jobs {
		if got := last.finds(fmt.Sprint("u", i), content(i)); got != "hit" {
			t.Errorf("unit of job %d: %s, want hit", i, got)
		}
	}
	if c := last.counter.Counts(); c.List != 2 {
		t.Errorf("requests = %+v, want 2 lists", c)
	}
}

// A working set that is scattered over many packs is gathered, so that the request budget holds at commit 200.
func TestScatteredSetIsGathered(t *testing.T) {
	store := &objectstest.Memory{}
	for i := range 30 {
		m := newMachine(t, store, nil)
		m.landed()
		for u := range i {
			m.used(fmt.Sprint("u", u), content(u))
		}
		m.build(fmt.Sprint("u", i), content(i))
		m.publish()
	}
	last := newMachine(t, store, nil)
	last.landed()
	for i := range 30 {
		if got := finds(t.Context(), last.near, fmt.Sprint("u", i), content(i)); got != "hit" {
			t.Errorf("unit %d: %s, want hit", i, got)
		}
	}
	if c := last.counter.Counts(); c.List+c.Get > 2+scattered*2 {
		t.Errorf("requests = %+v, want at most %d", c, 2+scattered*2)
	}
}

// A day of commits, each of which changes a little of what one job built that day, is not a request for each commit.
func TestSmallPacksAreGathered(t *testing.T) {
	store := &objectstest.Memory{}
	const units, commits = 60, 40
	version := func(commit, unit int) string {
		if changed := commit - (commit-unit+units)%units; unit > 0 && changed > 0 {
			return content(unit) + fmt.Sprint(" at ", changed)
		}
		return content(unit)
	}
	var put int64
	for commit := range commits {
		m := newMachine(t, store, nil)
		m.landed()
		for u := range units {
			if name := fmt.Sprint("u", u); commit == 0 || version(commit, u) != version(commit-1, u) {
				m.build(name, version(commit, u))
			} else if got := finds(t.Context(), m.near, name, version(commit, u)); got == "hit" {
				m.used(name, version(commit, u))
			} else {
				t.Fatalf("commit %d, unit %d: %s, want hit", commit, u, got)
			}
		}
		const most = 2 + 1 + (1 + scattered) + (1 + otherIndexes) // lists, a profile, packs, indexes
		if c := m.counter.Counts(); c.List+c.Get > most {
			t.Errorf("commit %d: requests = %+v, want at most %d to read", commit, c, most)
		}
		m.publish()
		put += m.counter.Counts().Put
	}
	if want := int64(commits * 6); put > want {
		t.Errorf("%d objects put, want at most %d", put, want)
	}
}
