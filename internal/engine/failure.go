package engine

import (
	"bytes"
	"context"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/key"
)

// statusRefused is how a compiler exits that found an error in the source. One that crashed exits otherwise.
const statusRefused = 1

// brokeBy reports whether a run failed over our hidden files, of which only its messages tell: whoever deletes the cache while a compiler is
// at work takes their directory away, and the build is not to fail for it.
func brokeBy(plan frontend.Plan, ran Ran) bool {
	return ran.Status != 0 && len(plan.Hidden) > 0 && bytes.Contains(ran.Stderr, []byte(plan.Scratch))
}

// failureCounts reports whether a failed run is a result too.
func (c *call) failureCounts(ran Ran, err error) bool {
	return err == nil && c.comp.Failures && ran.Status == statusRefused
}

// storeFailure stores a failed run, of which any output may be missing. missed is the event as it was before the run failed: the
// call is a miss if it is stored, and has just failed if not.
func (c *call) storeFailure(ctx context.Context, watch *key.Watch, flight *flight, plan frontend.Plan, ran Ran, missed compile.Event) {
	for i := range c.comp.Outputs {
		c.comp.Outputs[i].Optional = true
	}
	began := c.Now()
	err := c.store(ctx, watch, flight, plan, ran)
	c.event.StoreMS = ms(c.Now().Sub(began))
	if err != nil {
		c.Log.Info("failure is not stored", "source", c.comp.Source, "error", err)
		return
	}
	c.event.Outcome, c.event.Reason, c.event.Detail, c.event.Causes = missed.Outcome, missed.Reason, missed.Detail, missed.Causes
}
