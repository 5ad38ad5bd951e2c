package engine

import (
	"context"
	"errors"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// decline runs what cannot be cached: a compile as a child, to know what it cost; anything else by exec.
func (c *call) decline(ctx context.Context, why error) Answer {
	var d *compile.Decline
	if !errors.As(why, &d) {
		d = &compile.Decline{Outcome: compile.Bypassed, Reason: compile.ReasonFault, Detail: why.Error()}
		c.Log.Warn("bypassed", "program", c.inv.Program, "error", why)
	}
	c.event.Outcome, c.event.Reason, c.event.Detail = d.Outcome, d.Reason, d.Detail
	if d.Outcome != compile.Uncacheable {
		return Answer{Exec: true}
	}
	if c.comp != nil {
		defer c.inFlight.enter(c.view, c.comp.Outputs).leave()
	}
	return c.run(ctx, Run{})
}

// run has the compiler run with nothing stored.
func (c *call) run(ctx context.Context, run Run) Answer {
	ran, err := c.client.Run(ctx, run)
	c.ran(ran, err)
	return Answer{}
}

// ran records how the compiler went and reports whether it succeeded.
func (c *call) ran(ran Ran, err error) bool {
	if err != nil {
		// The wrapper was killed, and its compiler is on its own.
		c.event.Outcome, c.event.Reason, c.event.Detail, c.event.Causes = compile.Bypassed, compile.ReasonFault, err.Error(), nil
		return false
	}
	c.event.Status = ran.Status
	c.event.CompileMS = ms(ran.Wall)
	c.event.CompileCPUMS = ms(ran.CPU)
	if ran.Status != 0 {
		c.event.Outcome, c.event.Reason, c.event.Detail, c.event.Causes = compile.Failed, "", "", nil
		return false
	}
	return true
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// storeReason tells a tier's fault from wrong bytes.
func storeReason(err error) (compile.ReasonID, string) {
	var corrupt *cache.CorruptError
	if errors.As(err, &corrupt) {
		return compile.ReasonCorrupt, corrupt.Name
	}
	return compile.ReasonStorage, err.Error()
}

// restoreReason tells why a known result could not be used.
func restoreReason(err error) compile.ReasonID {
	var corrupt *cache.CorruptError
	switch {
	case errors.As(err, &corrupt):
		return compile.ReasonCorrupt
	case errors.Is(err, cache.ErrNotFound):
		return compile.ReasonEvicted
	}
	return compile.ReasonNoOutput
}
