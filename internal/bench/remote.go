package bench

import (
	"context"
	"fmt"
	"time"
)

// remoteEnv is that of a ccache which has nothing itself.
func (b *bucketCase) remoteEnv(address, dir string) ([]string, error) {
	env, err := b.newCcache(b.name, dir)
	if err != nil {
		return nil, err
	}
	return infront(with(env, "CCACHE_REMOTE_STORAGE=http://"+address), b.links), nil
}

// fillRemote gives ccache an HTTP store with everything in it.
func (b *bucketCase) fillRemote(ctx context.Context) (err error) {
	if b.remote, err = newHTTPStore(); err != nil {
		return err
	}
	for _, roundTrip := range b.RoundTrips {
		if b.toRemote[roundTrip], err = newLink(b.remote.address(), roundTrip); err != nil {
			return err
		}
	}
	env, err := b.remoteEnv(b.remote.address(), "ccache-one")
	if err != nil {
		return err
	}
	if err := b.clear(ctx); err != nil {
		return err
	}
	if _, err := b.run(ctx, job{argv: b.build, env: env, dir: b.dir}); err != nil {
		return fmt.Errorf("fill ccache's remote storage: %w", err)
	}
	b.remote.taken()
	if b.remote.count() == 0 {
		b.say("  ccache takes no part: it put nothing into remote storage, which it has since 4.7")
		b.remote.close()
		b.remote = nil
	}
	return nil
}

func (b *bucketCase) turnRemote(ctx context.Context, round int, roundTrip time.Duration) error {
	env, err := b.remoteEnv(b.toRemote[roundTrip].address(), "ccache-two")
	if err != nil {
		return err
	}
	if err := b.clear(ctx); err != nil {
		return err
	}
	name := fromRemote(roundTrip)
	sample, err := b.run(ctx, job{argv: b.build, env: env, dir: b.dir})
	if err != nil {
		return err
	}
	b.keep(name, round, sample)
	seen := b.remote.taken()
	hits, err := b.ccacheHits(ctx, env)
	if err != nil {
		return err
	}
	b.note(name+": direct hits", float64(hits), "compiles")
	b.note(name+": requests", float64(seen.requests), "requests")
	b.note(name+": downloaded", float64(seen.down)/1e6, "MB")
	return b.compareOutputs(name)
}
