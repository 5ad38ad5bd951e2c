package bucket

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/pack"
)

const (
	// checkpointAfter is of how many jobs indexes that are in no checkpoint make a new one worthwhile: as many as readers take.
	checkpointAfter = otherIndexes
	// margin is how long an index may take from the time in its name until it can be listed.
	margin = 15 * time.Minute
	// retention is after how long a checkpoint leaves a pack out. What is still used by then was gathered anew.
	retention = 30 * 24 * time.Hour
	// mergedAtOnce is how many indexes are read at the same time.
	mergedAtOnce = 6
	// maxCheckpoint bounds the records of a checkpoint.
	maxCheckpoint = 500_000
)

// checkpoint writes the union of all indexes of our scope, if there are many that none has.
func (p *publisher) checkpoint(ctx context.Context) error {
	p.mu.Lock()
	published := len(p.entries) > 0
	p.mu.Unlock()
	listing, loaded := p.t.start.isLoaded()
	now := p.t.o.Now()
	if !published || !loaded || now.Sub(p.tended) < loadAgain || countUncovered(listing, p.t.o.Own) < checkpointAfter {
		return nil
	}
	p.tended = now
	all, err := p.t.listIndexes(ctx, p.t.o.Own)
	if err != nil || countUncovered(all, p.t.o.Own) < checkpointAfter {
		return err
	}
	began := all[0].time
	x := pack.Index{Provenance: p.t.o.Made, Checkpoint: true}
	packs := map[packID]int{}
	seen := map[pack.ID]bool{}
	for some := range slices.Chunk(newestOfJobs(all), mergedAtOnce) {
		tables, err := p.t.openIndexes(ctx, some)
		if err != nil {
			return fmt.Errorf("write checkpoint: %w", err)
		}
		for _, t := range tables {
			addTable(&x, t, packs, seen, began)
		}
	}
	b, err := pack.EncodeIndex(&x)
	if err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	// What was published while we gathered bears a later time than the checkpoint, and is listed before it.
	name := pack.IndexName(p.t.o.Own.Root, p.t.o.Own.Name, began.Add(-margin), p.t.o.Run, p.t.o.Job+"."+p.t.o.ID, profileHash(p.t.o.Profile), true)
	_, err = putBytes(ctx, p.t.o.Objects, name, b)
	return err
}

// countUncovered returns of how many jobs a scope has indexes that no checkpoint has: it has all that were there margin after its time.
func countUncovered(all []listedIndex, scope Scope) int {
	all = slices.DeleteFunc(newestOfJobs(all), func(x listedIndex) bool { return x.scope != scope })
	n := 0
	for _, x := range all {
		if last := all[len(all)-1]; !last.Checkpoint || x.Time.After(last.Time.Add(margin)) {
			n++
		}
	}
	return n
}

// addTable adds what a union lacks.
func addTable(x *pack.Index, t table, packs map[packID]int, seen map[pack.ID]bool, now time.Time) {
	for l := range t.All() {
		in := t.packs[l.Pack]
		if in == nil || in.gone.Load() || seen[l.ID()] || len(x.Records) >= maxCheckpoint {
			continue
		}
		ref, _, held := in.state()
		if !held || now.Sub(ref.Time) > retention {
			continue
		}
		id := packID{in.scope, ref.Sum}
		n, ok := packs[id]
		if !ok {
			n = len(x.Packs)
			packs[id] = n
			x.Packs = append(x.Packs, ref)
		}
		seen[l.ID()] = true
		l.Pack = n
		x.Records = append(x.Records, l)
	}
}
