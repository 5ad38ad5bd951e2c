package bucket

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/pack"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

const (
	// maxAge is after how many profiles without a use an item is dropped.
	maxAge = 8
	// scattered is over how many packs a working set may lie before it is gathered into one, and gatherEvery how often that is done.
	scattered   = 8
	gatherEvery = 24 * time.Hour
	// maxGather bounds a gathered pack, in bytes of payloads.
	maxGather = 2 << 30
)

// profileState is what a process will write into its profile.
type profileState struct {
	used    []usedItem
	known   map[pack.ID]bool // items of the profile that was read, or written last
	items   map[pack.ID]bool // those in used
	changed bool             // used has something that is not in known
}

// usedItem is a record that this process used, and how to make its payload from what is near.
type usedItem struct {
	at   location
	size int64
	open func(ctx context.Context) (io.ReadCloser, error)
}

// add takes in one use: its blobs, result and input set, as far as they lie in the bucket.
func (s *profileState) add(ctx context.Context, p *publisher, u use) error {
	s.begin(p)
	near := p.t.o.Near
	for _, o := range u.result.Outputs {
		s.addItem(p, blobName(o.Blob), nil, func(ctx context.Context) (io.ReadCloser, error) { return near.Open(ctx, o.Blob) })
	}
	s.addItem(p, nameOf{pack.Result, u.key}, nil, func(context.Context) (io.ReadCloser, error) {
		return opened(compile.AppendResult(nil, u.result))
	})
	if u.set == nil {
		return nil
	}
	b, err := compile.AppendInputSet(nil, u.set)
	if err != nil {
		return err
	}
	n, sum := nameOf{pack.InputSet, u.compilation}, digest.KeyOf(b)
	if !s.addItem(p, n, &sum, func(context.Context) (io.ReadCloser, error) { return opened(b, nil) }) {
		if err := p.t.AddInputSet(ctx, u.compilation, u.set); err != nil {
			return err
		}
		s.addItem(p, n, &sum, func(context.Context) (io.ReadCloser, error) { return opened(b, nil) })
	}
	return nil
}

func opened(b []byte, err error) (io.ReadCloser, error) {
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
func (s *profileState) addItem(p *publisher, n nameOf, sum *digest.Key, open func(context.Context) (io.ReadCloser, error)) bool {
	for _, at := range p.t.known.find(n) {
		if at.in.scope.Root != p.t.o.Own.Root || sum != nil && at.rec.Sum != *sum {
			continue
		}
		if id := at.rec.ID(); !s.items[id] {
			s.items[id] = true
			s.used = append(s.used, usedItem{at, at.rec.Size, open})
			s.changed = s.changed || !s.known[id]
		}
		return true
	}
	return false
}

// describe writes what helps later jobs: a profile if runs used what the last one lacks, and in a trusted job a checkpoint.
func (p *publisher) describe(ctx context.Context) error {
	err := p.putProfile(ctx)
	if p.t.o.Trusted {
		err = errors.Join(err, p.checkpoint(ctx))
	}
	return err
}

func (p *publisher) putProfile(ctx context.Context) error {
	s := &p.profile
	if !s.changed && !(p.t.o.Trusted && p.isScattered()) {
		return nil
	}
	if p.t.o.Trusted && p.isScattered() {
		if err := p.gatherUsed(ctx); err != nil {
			return fmt.Errorf("gather the working set: %w", err)
		}
	}
	places := make([]location, 0, len(s.used))
	for _, u := range s.used {
		places = append(places, u.at)
	}
	ages := map[pack.ID]int{}
	if base := p.base(); base != nil {
		for i, item := range base.Items {
			at := base.places[i]
			if at.in == nil || at.in.gone.Load() || at.in.scope.Root != p.t.o.Own.Root || s.items[item.ID()] || item.Age+1 > maxAge {
				continue
			}
			ages[item.ID()] = item.Age + 1
			places = append(places, at)
		}
	}
	x := pack.Profile{Provenance: p.t.o.Made}
	refs, records, _ := gather(places)
	x.Packs = refs
	for _, r := range records {
		x.Items = append(x.Items, pack.Item{Located: r, Age: ages[r.ID()]})
	}
	b, err := pack.EncodeProfile(&x)
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

// isScattered reports whether what was used lies in too many packs, and was not gathered lately.
func (p *publisher) isScattered() bool {
	packs := map[*packFile]int{}
	for _, u := range p.profile.used {
		packs[u.at.in]++
	}
	if len(packs) <= scattered {
		return false
	}
	p.mu.Lock()
	now := p.storeTime
	p.mu.Unlock()
	for in, n := range packs {
		ref, _, held := in.state()
		if held && 2*n >= len(p.profile.used) && (now.IsZero() || now.Sub(ref.Time) < gatherEvery) {
			return false
		}
	}
	return true
}

// gatherUsed writes what was used, in the order of its first use, into packs of its own.
func (p *publisher) gatherUsed(ctx context.Context) error {
	if err := p.seal(); err != nil {
		return err
	}
	var sum int64
	for i := range p.profile.used {
		u := &p.profile.used[i]
		if sum += u.size; sum > maxGather {
			break
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		r, err := u.open(ctx)
		if err != nil {
			continue // it has left the near store; its old place serves
		}
		p.mu.Lock()
		at, err := p.appendLocked(u.at.rec.Kind, u.at.rec.Name, u.size, r)
		if err == nil {
			p.mentionLocked(at)
		}
		p.mu.Unlock()
		r.Close()
		if err != nil {
			return err
		}
		if at.rec.ID() == u.at.rec.ID() {
			u.at = at
		}
	}
	err := p.seal()
	if err == nil {
		err = p.upload(ctx)
	}
	if err == nil {
		err = p.putIndex(ctx)
	}
	return err
}

// packNotes seals what was put and writes the notes into a pack of their own, so that what is read on every start lies close together.
func (p *publisher) packNotes() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.notes) == 0 {
		return nil
	}
	if err := p.sealLocked(); err != nil {
		return err
	}
	for name, b := range p.notes {
		at, err := p.appendLocked(pack.Note, name, int64(len(b)), bytes.NewReader(b))
		if err != nil {
			return err
		}
		p.mentionLocked(at)
	}
	p.notes, p.noteSize = map[digest.Key][]byte{}, 0
	return nil
}

// putBytes stores an object that is in memory.
func putBytes(ctx context.Context, store objects.Store, name string, b []byte) (objects.Stored, error) {
	return store.Put(ctx, name, bytes.NewReader(b), int64(len(b)), sha256.Sum256(b))
}
