package bucket

import (
	"context"
	"slices"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/pack"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// span is a range of a pack and what of it is wanted, by offset.
type span struct {
	in       *packFile
	from, to int64
	first    int // place in the profile of the first of them
	records  []pack.Record
}

// plan returns the ranges to read, in the order of their first use.
func (p *prefetch) plan(ctx context.Context) []span {
	type wanted struct {
		rec   pack.Record
		place int
	}
	perPack := map[*packFile][]wanted{}
	var order []*packFile
	var sum int64
	for i, at := range p.t.start.profile.places {
		if ctx.Err() != nil {
			return nil
		}
		if at.in == nil || p.isNear(ctx, at.rec) {
			continue
		}
		if sum += at.rec.Size; sum > p.t.o.MaxPrefetch {
			break
		}
		if perPack[at.in] == nil {
			order = append(order, at.in)
		}
		perPack[at.in] = append(perPack[at.in], wanted{at.rec, i})
		p.expect(nameOf{at.rec.Kind, at.rec.Name})
	}
	var spans []span
	for _, in := range order {
		all := perPack[in]
		slices.SortFunc(all, func(a, b wanted) int { return int(min(1, max(-1, a.rec.Offset-b.rec.Offset))) })
		var s *span
		limit := int64(firstSpan)
		for _, w := range all {
			end := w.rec.Offset + w.rec.Length
			switch {
			case s != nil && w.rec.Offset < s.to:
				// Two records cannot share bytes: whoever wrote this is not to be trusted with it.
				p.done(nameOf{w.rec.Kind, w.rec.Name})
				continue
			case s == nil || w.rec.Offset-s.to > gapLimit || end-s.from > limit:
				if s != nil && end-s.from > limit {
					limit = min(2*limit, spanLimit)
				}
				spans = append(spans, span{in: in, from: w.rec.Offset, first: w.place})
				s = &spans[len(spans)-1]
			}
			s.to = end
			s.first = min(s.first, w.place)
			s.records = append(s.records, w.rec)
		}
	}
	slices.SortStableFunc(spans, func(a, b span) int { return a.first - b.first })
	return spans
}

func (p *prefetch) expect(n nameOf) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.states[n] = &landing{done: make(chan struct{})}
}

// isNear reports whether the near store has a record.
func (p *prefetch) isNear(ctx context.Context, rec pack.Record) bool {
	near := p.t.o.Near
	switch rec.Kind {
	case pack.Blob:
		d := digest.FromSum(rec.Name.Sum(), rec.Size)
		if m, ok := near.(cache.Missing); ok {
			return !m.Missing(d)
		}
		r, err := near.Open(ctx, d)
		if err != nil {
			return false
		}
		r.Close()
		return true
	case pack.Result:
		_, err := near.Result(ctx, rec.Name)
		return err == nil
	case pack.InputSet:
		sets, err := near.InputSets(ctx, rec.Name)
		return err == nil && slices.ContainsFunc(sets, func(set *compile.InputSet) bool {
			b, err := compile.AppendInputSet(nil, set)
			return err == nil && digest.KeyOf(b) == rec.Sum
		})
	}
	return true // of other kinds nothing is fetched ahead
}
