package bucket

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/pack"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

const (
	// maxAge is after how many profiles without a use an item is dropped.
	maxAge = 8
	// scattered is over how many packs more than it fills a working set may lie before it is gathered, and gatherEvery how often
	// all of it is. In between only what lies in the smallest packs is: one big job and a day of small commits are not one request for each commit.
	scattered   = 8
	gatherEvery = 24 * time.Hour
	// maxGather bounds what is gathered at a time, in bytes of payloads: all of it waits in the outbox.
	maxGather = maxOutbox / 2
	// maxItems bounds a profile: of so many items it has some 13 MB.
	maxItems = 150_000
)

// profileState is what a process will write into its profile.
type profileState struct {
	used    []location       // in the order of their first use
	known   map[pack.ID]bool // items of the profile that was read, or written last
	items   map[pack.ID]bool // those in used
	changed bool             // used has something that is not in known
}

// add takes in one use: its blobs, result and input set, as far as they lie in the bucket.
func (s *profileState) add(ctx context.Context, p *publisher, u use) error {
	s.begin(p)
	for _, o := range u.result.Outputs {
		s.addItem(p, blobName(o.Blob), nil)
	}
	s.addItem(p, nameOf{pack.Result, u.key}, nil)
	if u.set == nil {
		return nil
	}
	b, err := compile.AppendInputSet(nil, u.set)
	if err != nil {
		return err
	}
	n, sum := nameOf{pack.InputSet, u.compilation}, digest.KeyOf(b)
	if !s.addItem(p, n, &sum) {
		if err := p.t.AddInputSet(ctx, u.compilation, u.set); err != nil {
			return err
		}
		s.addItem(p, n, &sum)
	}
	return nil
}

// openNear returns the payload of a record from the near store.
func (t *Tier) openNear(ctx context.Context, rec pack.Record) (io.ReadCloser, error) {
	switch rec.Kind {
	case pack.Blob:
		return t.o.Near.Open(ctx, digest.FromSum(rec.Name.Sum(), rec.Size))
	case pack.Result:
		r, err := t.o.Near.Result(ctx, rec.Name)
		if err != nil {
			return nil, err
		}
		return ifSame(rec, func() ([]byte, error) { return compile.AppendResult(nil, r) })
	case pack.InputSet:
		sets, err := t.o.Near.InputSets(ctx, rec.Name)
		if err != nil {
			return nil, err
		}
		for _, set := range sets {
			if r, err := ifSame(rec, func() ([]byte, error) { return compile.AppendInputSet(nil, set) }); err == nil {
				return r, nil
			}
		}
	}
	return nil, cache.ErrNotFound
}

func ifSame(rec pack.Record, encode func() ([]byte, error)) (io.ReadCloser, error) {
	b, err := encode()
	if err == nil && digest.KeyOf(b) != rec.Sum {
		err = cache.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(b)), err
}

// begin takes the profile that was read as what is known.
func (s *profileState) begin(p *publisher) {
	if s.known != nil {
		return
	}
	s.known, s.items = map[pack.ID]bool{}, map[pack.ID]bool{}
	if base := p.base(); base != nil {
		for i, item := range base.Items {
			if at := base.places[i]; at.in != nil && !at.in.gone.Load() {
				s.known[item.ID()] = true
			}
		}
	}
}

// base returns the profile that was read at the start, nil where there was none.
func (p *publisher) base() *knownProfile {
	select {
	case <-p.t.start.ready:
		return p.t.start.profile
	default:
		return nil
	}
}

// addItem reports whether the bucket has the item, if sum is given: that very one.
func (s *profileState) addItem(p *publisher, n nameOf, sum *digest.Key) bool {
	for _, at := range p.t.known.find(n) {
		if at.in.scope.Root != p.t.o.Own.Root || sum != nil && at.rec.Sum != *sum {
			continue
		}
		if id := at.rec.ID(); !s.items[id] {
			s.items[id] = true
			s.used = append(s.used, at)
			s.changed = s.changed || !s.known[id]
		}
		return true
	}
	return false
}

// describe writes what helps later jobs: a profile if runs used what the last one lacks, and a checkpoint now and then.
func (p *publisher) describe(ctx context.Context) error {
	return errors.Join(p.putProfile(ctx), p.checkpoint(ctx))
}

func (p *publisher) putProfile(ctx context.Context) error {
	s := &p.profile
	var from map[*packFile]bool
	if now := p.t.o.Now(); now.Sub(p.gathered) >= loadAgain { // what has left the near store would be tried again each time
		if from = p.scatteredOver(); len(from) > 0 {
			p.gathered = now
		}
	}
	if !s.changed && len(from) == 0 {
		return nil
	}
	if len(from) > 0 {
		if err := p.gatherUsed(ctx, from); err != nil {
			if ctx.Err() != nil {
				return err
			}
			p.t.problem("gather the working set", err) // it is of use where it lies
			from = nil
		}
	}
	places := slices.Clone(s.used)
	made := map[digest.Key]bool{} // results that were used: one that was replaced meanwhile is dropped
	for _, at := range s.used {
		if at.rec.Kind == pack.Result {
			made[at.rec.Name] = true
		}
	}
	used := len(places)
	ages := map[pack.ID]int{}
	if base := p.base(); base != nil {
		for i, item := range base.Items {
			at := base.places[i]
			if at.in == nil || at.in.gone.Load() || at.in.scope.Root != p.t.o.Own.Root || s.items[item.ID()] || item.Age+1 > maxAge ||
				item.Kind == pack.Result && made[item.Name] || from[at.in] { // an emptied pack is worth no request
				continue
			}
			ages[item.ID()] = item.Age + 1
			places = append(places, at)
		}
	}
	b, err := p.encodeProfile(places, ages)
	if err != nil {
		// What the profile that was read says need not be true, nor fit to what is.
		b, err = p.encodeProfile(places[:used], nil)
	}
	if err != nil {
		return fmt.Errorf("write profile: %w", err)
	}
	if err := p.putNamed(ctx, b, func(at time.Time) string {
		return pack.ProfileName(p.t.o.Own.Root, p.t.o.Own.Name, p.t.o.Profile, at)
	}); err != nil {
		return err
	}
	s.changed = false
	for id := range s.items {
		s.known[id] = true
	}
	return nil
}

func (p *publisher) encodeProfile(places []location, ages map[pack.ID]int) ([]byte, error) {
	x := pack.Profile{Provenance: p.t.o.Made}
	refs, records := gather(places[:min(len(places), maxItems)])
	x.Packs = refs
	for _, r := range records {
		x.Items = append(x.Items, pack.Item{Located: r, Age: ages[r.ID()]})
	}
	return pack.EncodeProfile(&x)
}

// scatteredOver returns the packs to gather from, if what was used lies in many more than it fills: all of them, or, where most of
// it lies in packs that were made lately, the smallest, so that half as many as are allowed are left. None where it does not.
func (p *publisher) scatteredOver() map[*packFile]bool {
	type share struct {
		in    *packFile
		items int
		size  int64
	}
	shares := map[*packFile]*share{}
	var order []*share
	var sum int64
	for _, at := range p.profile.used {
		s := shares[at.in]
		if s == nil {
			s = &share{in: at.in}
			shares[at.in], order = s, append(order, s)
		}
		s.items++
		s.size += at.rec.Length
		sum += at.rec.Length
	}
	full := int(sum/sealAt) + 1 // packs of a set that is gathered
	if len(order) < full+scattered {
		return nil
	}
	p.mu.Lock()
	now := p.storeTime
	p.mu.Unlock()
	slices.SortStableFunc(order, func(a, b *share) int { return cmp.Compare(b.items, a.items) })
	young := 0
	for _, s := range order[:full] {
		if ref, _, held := s.in.state(); held && (now.IsZero() || now.Sub(ref.Time) < gatherEvery) {
			young += s.items
		}
	}
	if 2*young >= len(p.profile.used) {
		slices.SortStableFunc(order, func(a, b *share) int { return cmp.Compare(b.size, a.size) })
		order = order[full+scattered/2:]
	}
	from := map[*packFile]bool{}
	for _, s := range order {
		from[s.in] = true
	}
	return from
}

// gatherUsed writes what was used of some packs, in the order of its first use, into packs of its own.
func (p *publisher) gatherUsed(ctx context.Context, from map[*packFile]bool) error {
	if err := p.seal(); err != nil {
		return err
	}
	var sum int64
	moved := map[int]location{} // by place in used
	for i, at := range p.profile.used {
		if !from[at.in] {
			continue
		}
		if sum += at.rec.Size; sum > maxGather {
			break
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		r, err := p.t.openNear(ctx, at.rec)
		if err != nil {
			continue // it has left the near store; its old place serves
		}
		to, err := p.putAgain(at.rec, r)
		r.Close()
		if err != nil {
			return err
		}
		moved[i] = to
	}
	err := p.seal()
	if err == nil {
		err = p.upload(ctx)
	}
	if err == nil {
		err = p.putIndex(ctx)
	}
	if err != nil {
		return err
	}
	for i, to := range moved {
		p.profile.used[i] = to
	}
	return nil
}

// putAgain puts what the bucket has already once more.
func (p *publisher) putAgain(rec pack.Record, r io.Reader) (location, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, err := p.appendLocked(rec.Kind, rec.Name, rec.Size, r)
	if err == nil {
		p.copied[entryID{at.in, at.rec.Offset}] = true
		p.mentionLocked(at)
	}
	return at, err
}
