package tiers

import (
	"context"
	"errors"
	"fmt"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// Withdraw implements cache.Withdrawer. What lies far away cannot be changed, so the near store keeps that the key is out of use, and
// it is asked first: no far tier is asked for such a key, and none is given a result of it.
func (s *Stack) Withdraw(ctx context.Context, key digest.Key) error {
	w, ok := s.near.(cache.Withdrawer)
	if !ok {
		return fmt.Errorf("withdraw result %s: tier %s: %w", key.Short(), s.name, errors.ErrUnsupported)
	}
	return w.Withdraw(ctx, key)
}

// Reverify implements cache.Withdrawer, for what is near: what comes from far away is verified while it comes.
func (s *Stack) Reverify(ctx context.Context, d digest.Digest) error {
	w, ok := s.near.(cache.Withdrawer)
	if !ok {
		return fmt.Errorf("verify blob %s again: tier %s: %w", d, s.name, errors.ErrUnsupported)
	}
	return w.Reverify(ctx, d)
}
