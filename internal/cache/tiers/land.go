package tiers

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// Land returns the near store as a far tier sees it that puts there, unasked, what it expects a build to need. What lands is not
// written to any far tier, and Origin names the tier for results that were not near before; a result that is near is left as it
// is, and one that was withdrawn is passed over. tier is the name of one of the far tiers. The store tells what is missing (cache.Missing) if the near one does.
func (s *Stack) Land(tier string) cache.Store {
	l := &landing{Store: s.near, stack: s}
	for i, t := range s.far {
		if t.Name == tier {
			l.origin, l.bit = uint8(i+1), t.bit
		}
	}
	if m, ok := s.near.(cache.Missing); ok {
		return &landingThatTells{l, m}
	}
	return l
}

// landing is the near store with a sender's name on what is put.
type landing struct {
	cache.Store
	stack  *Stack
	origin uint8
	bit    uint8
}

// PutResult implements cache.Store.
func (l *landing) PutResult(ctx context.Context, key digest.Key, r *compile.Result) error {
	if err := writable(ctx); err != nil {
		return fmt.Errorf("put result %s: %w", key.Short(), err)
	}
	_, err := l.Store.Result(ctx, key)
	if err == nil || errors.Is(err, cache.ErrWithdrawn) {
		return nil
	}
	if !isAbsent(err) {
		return err
	}
	l.stack.origins.set(key, l.origin)
	return l.Store.PutResult(ctx, key, r)
}

// AddInputSet implements cache.Store.
func (l *landing) AddInputSet(ctx context.Context, compilation digest.Key, set *compile.InputSet) error {
	if err := writable(ctx); err != nil {
		return fmt.Errorf("put input set of %s: %w", compilation.Short(), err)
	}
	if id, ok := setID(set); ok {
		l.stack.sets.add(setName(compilation, id), l.bit)
	}
	return l.Store.AddInputSet(ctx, compilation, set)
}

// Put implements cache.Store.
func (l *landing) Put(ctx context.Context, d digest.Digest, open func() (io.ReadCloser, error)) error {
	if err := writable(ctx); err != nil {
		return fmt.Errorf("put blob %s: %w", d, err)
	}
	return l.Store.Put(ctx, d, open)
}

// landingThatTells is that of a near store that is a cache.Missing.
type landingThatTells struct {
	*landing
	near cache.Missing
}

// Missing implements cache.Missing.
func (l *landingThatTells) Missing(d digest.Digest) bool { return l.near.Missing(d) }
