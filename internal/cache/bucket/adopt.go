package bucket

import (
	"context"
	"errors"
	"io"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/pack"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// leftovers takes over what processes before this one could not publish.
func (p *publisher) leftovers() {
	sweepOutboxes(p.t.o.Outbox, p.t.o.Now())
	all := p.box.takeOver(p.t.ctx, p.t.o.Own, func(path string, err error) {
		p.t.o.Log.Warn("a pack that was left over cannot be published", "path", path, "error", err)
	})
	if len(all) == 0 {
		return
	}
	for _, l := range all {
		p.adoptPack(l)
	}
	// Results name blobs that lie in packs of others.
	if err := p.t.load(p.t.ctx); err != nil {
		p.t.o.Log.Warn("read indexes", "error", err)
	}
	for _, l := range all {
		for _, rec := range l.records {
			if rec.Kind == pack.Result {
				if r, err := p.t.result(p.t.ctx, location{rec, l.in}); err == nil {
					p.mentionBlobs(r)
				}
			}
		}
	}
	p.t.o.Log.Info("packs were left over", "count", len(all))
}

// adoptPack has a pack uploaded and named with all that it holds. That is one step: once the bucket has a pack and an index names some of it,
// nothing else keeps the rest.
func (p *publisher) adoptPack(l leftover) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sealed = append(p.sealed, l.in)
	for _, rec := range l.records {
		at := location{rec, l.in}
		p.t.known.prefer(at)
		p.mentionLocked(at)
	}
}

// mentionBlobs has our index name a place for every blob of a result, so that it is whole by itself.
func (p *publisher) mentionBlobs(r *compile.Result) {
	for _, o := range r.Outputs {
		if at, ok := p.t.known.inRoot(blobName(o.Blob), p.t.o.Own.Root); ok {
			p.mention(at)
		}
	}
}

// use is one use of a result.
type use struct {
	key, compilation digest.Key
	set              *compile.InputSet
	result           *compile.Result
}

func (p *publisher) use(u use) {
	if p.box == nil {
		return
	}
	p.useMu.Lock()
	defer p.useMu.Unlock()
	if p.seen[u.key] || len(p.seen) >= maxUses {
		return
	}
	p.seen[u.key] = true
	if p.uses = append(p.uses, u); len(p.uses)%usesAtOnce == 0 {
		p.nudge()
	}
}

// usesAtOnce is after how many uses those that the bucket has the results of are taken in: until then they hold their input sets in memory.
const usesAtOnce = 500

// takeIn adds what was used lately and the bucket has to the coming profile, unless a publication is under way, which does so itself.
func (p *publisher) takeIn() {
	p.useMu.Lock()
	many := len(p.uses) >= usesAtOnce
	p.useMu.Unlock()
	if !many || p.t.start.wait(p.t.ctx) != nil {
		return
	}
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	default:
		return
	}
	p.t.problem("note what was used", p.adoptUses(p.t.ctx, func(u use) bool {
		_, ok := p.t.known.inRoot(nameOf{pack.Result, u.key}, p.t.o.Own.Root)
		return ok
	}))
}

// adoptUses puts what runs used and the bucket lacks, as results from the near store that were made before there was a
// bucket, and adds all to the coming profile. What cannot be put is left out; the error tells of the first. Uses that are not due stay.
func (p *publisher) adoptUses(ctx context.Context, isDue func(use) bool) error {
	p.useMu.Lock()
	uses := p.uses
	p.uses = nil
	p.useMu.Unlock()
	var first error
	var left []use
	for i, u := range uses {
		if !isDue(u) {
			left = append(left, u)
			continue
		}
		err := p.adoptUse(ctx, u)
		if ctx.Err() != nil {
			left, first = append(left, uses[i:]...), ctx.Err()
			break
		}
		// What has left the near store is nothing to speak of.
		if first == nil && err != nil && !errors.Is(err, cache.ErrNotFound) {
			first = err
		}
	}
	p.useMu.Lock()
	defer p.useMu.Unlock()
	p.uses = append(left, p.uses...)
	return first
}

func (p *publisher) adoptUse(ctx context.Context, u use) error {
	root := p.t.o.Own.Root
	if _, ok := p.t.known.inRoot(nameOf{pack.Result, u.key}, root); !ok {
		for _, o := range u.result.Outputs {
			if o.Blob.Size() > pack.MaxRecord {
				return nil // no bucket takes that
			}
		}
		for _, o := range u.result.Outputs {
			if err := p.t.Put(ctx, o.Blob, func() (io.ReadCloser, error) { return p.t.o.Near.Open(ctx, o.Blob) }); err != nil {
				return err
			}
		}
		if _, ok := p.t.known.inRoot(nameOf{pack.Result, u.key}, root); !ok {
			if err := p.t.PutResult(ctx, u.key, u.result); err != nil {
				return err
			}
		}
	}
	return p.profile.add(ctx, p, u)
}
