package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/key"
	"github.com/compile-cache/compile-cache-action/internal/recheck"
)

// A recheck has the compiler run where there was a hit, and compares what it makes with what would have been the answer. The build
// gets what the compiler made and said last, so whatever is found, it is the plain compiler's. The runs are quiet: nobody may act on
// the outputs of the first (cargo does as soon as it hears of them) while a second one writes them again, and a wrapper whose daemon
// dies meanwhile becomes the plain compiler.

// rechecks reports whether this hit is among those that are compiled again. Key and run decide, so that wrappers need not agree on
// anything and another run takes another sample; a call of no run is on its own.
func (c *call) rechecks(k digest.Key) bool {
	if slices.Contains(c.inv.Args, "-") && !c.inv.NoInput && !c.inv.HasInput {
		return false // what is read from standard input is there for one run only
	}
	if c.set.recheck <= 0 || c.set.recheck >= 100 {
		return c.set.recheck > 0
	}
	run := c.set.run
	if run == "" {
		run = strconv.FormatInt(c.began.UnixNano(), 10)
	}
	sum := digest.KeyOf([]byte("recheck\n" + run + "\n" + k.String())).Sum()
	const bits = 53 // of a float64
	return float64(binary.BigEndian.Uint64(sum[:])>>(64-bits)) < c.set.recheck/100*(1<<bits)
}

// rechecking is one recheck on its way.
type rechecking struct {
	*call
	found  finding
	watch  *key.Watch
	flight *flight
	plan   frontend.Plan
	paths  []string // of the inputs that the set lists
	gone   bool     // the wrapper is, and its compiler may be at work still
}

// recheck answers a call that has a hit by having it compiled.
func (c *call) recheck(ctx context.Context, f finding) Answer {
	c.event.Outcome, c.event.Reason = compile.Miss, compile.ReasonRecheck
	c.event.Key, c.event.Inputs = f.key.String(), f.inputs
	flight := c.inFlight.enter(c.view, c.comp.Outputs)
	r := &rechecking{call: c, found: f, flight: flight}
	defer func() {
		if r.gone {
			time.AfterFunc(orphaned, flight.leave)
		} else {
			flight.leave()
		}
	}()
	watch, err := c.State.NewWatch(c.Clock, c.comp)
	scratch := c.Scratch()
	if err != nil || scratch == "" {
		c.inconclusive("no room for hidden files")
		return c.run(ctx, c.unstored())
	}
	watch.NoteTools(c.comp, c.tc)
	r.watch, r.plan = watch, c.fe.Plan(c.comp, c.tc, scratch)
	defer removeHidden(r.plan)
	for _, spelled := range f.set.Paths {
		p, _ := c.roots.ExpandPath(spelled)
		r.paths = append(r.paths, p)
	}

	ran, err := r.runQuietly(ctx)
	switch {
	case err != nil:
		return Answer{}
	case !ran.Captured:
		c.inconclusive("messages were not captured whole")
		return Answer{Exec: true} // nobody heard them
	case brokeBy(r.plan, ran):
		c.inconclusive("hidden files could not be written")
		return Answer{Exec: true}
	}
	began := c.Now()
	answer := r.compare(ctx, ran)
	c.event.StoreMS = ms(c.Now().Sub(began))
	return answer
}

// runQuietly runs the compiler. An error says that the wrapper is gone, and has been recorded.
func (r *rechecking) runQuietly(ctx context.Context) (Ran, error) {
	ran, err := r.client.Run(ctx, Run{Args: r.plan.Args, Capture: true, Quiet: true, Unmap: slices.Concat(r.plan.Unmap, r.unmap)})
	if err != nil {
		r.gone = true
		r.ran(ran, err)
	}
	return ran, err
}

// give makes a quiet run the compile: its messages are said, and the wrapper ends as it did, be it by a signal.
func (r *rechecking) give(ran Ran) Answer {
	spent, cpu := r.event.CompileMS, r.event.CompileCPUMS
	if !r.ran(ran, nil) && ran.Status == r.found.result.Status {
		r.event.Outcome, r.event.Reason = compile.Miss, compile.ReasonRecheck // the same failure as stored
	}
	r.event.CompileMS += spent
	r.event.CompileCPUMS += cpu
	if err := r.client.Early(ran.Stdout, ran.Stderr); err != nil {
		r.ran(ran, err)
	}
	return Answer{}
}

func (c *call) inconclusive(why string) {
	c.event.Recheck, c.event.Detail = compile.VerdictInconclusive, why
}

// compare finds the verdict on a hit that was compiled again, and returns what the wrapper does.
func (r *rechecking) compare(ctx context.Context, ran Ran) Answer {
	stored := r.found.result
	if ran.Status > signalled && ran.Status != stored.Status {
		// Whoever ended it, be it for want of memory, says nothing of what it would have made.
		r.inconclusive("the compiler was ended")
		return r.give(ran)
	}
	wrong, err := r.storedBlobs(ctx)
	if errors.Is(err, cache.ErrNotFound) {
		// It would not have been a hit.
		r.event.Reason = compile.ReasonEvicted
		r.replace(ctx, ran)
		return r.give(ran)
	}
	var fresh *making
	if err == nil {
		fresh, err = r.take(ran)
	}
	if err == nil {
		if p := r.flight.shared(); p != "" {
			err = compile.Refuse(compile.ReasonOutputShared, p)
		}
	}
	if err != nil {
		r.inconclusive(err.Error())
		return r.give(ran)
	}
	differences := r.differences(stored, fresh)
	if len(differences) == 0 && wrong == nil {
		r.event.Recheck = compile.VerdictEqual
		r.used(ctx, r.found)
		return r.give(ran)
	}
	if wrong != nil {
		r.conclude(ctx, compile.VerdictCorrupt, wrong.Error(), differences, ran)
		r.replace(ctx, ran)
		return r.give(ran)
	}
	return r.classify(ctx, ran, fresh, differences)
}

// storedBlobs reads the blobs of the stored result again. wrong says which was not what its name says.
func (r *rechecking) storedBlobs(ctx context.Context) (wrong *cache.CorruptError, err error) {
	for _, o := range r.found.result.Outputs {
		berr := r.reverify(ctx, o.Blob)
		var corrupt *cache.CorruptError
		switch {
		case errors.As(berr, &corrupt):
			// The others are looked at all the same: what is corrupt is put aside now.
			wrong = corrupt
		case berr != nil && err == nil:
			err = berr
		}
	}
	if wrong != nil {
		err = nil
	}
	return wrong, err
}

func (c *call) reverify(ctx context.Context, d digest.Digest) error {
	if w, ok := c.Store.(cache.Withdrawer); ok {
		if err := w.Reverify(ctx, d); !errors.Is(err, cache.ErrNotFound) && !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	blob, err := c.Store.Open(ctx, d)
	if err != nil {
		return err
	}
	defer blob.Close()
	_, err = io.Copy(io.Discard, cache.Verify(blob, d))
	return err
}

// unchanged checks that what the stored result was found by is as it was when it was found, all the while.
func (r *rechecking) unchanged(ctx context.Context) error {
	if _, err := r.watch.Unchanged(&frontend.Inputs{Paths: r.paths}); err != nil {
		return err
	}
	if err := r.sameToolchain(ctx, r.watch); err != nil {
		return err
	}
	lookup := key.NewLookup(r.State.NewView(), r.checks, r.recipe, r.roots, r.inv, 1)
	if cur, mismatch := lookup.Check(r.found.set); mismatch != nil || cur.Key != r.found.key {
		return compile.Refuse(compile.ReasonInputChanged, "")
	}
	if p := r.flight.shared(); p != "" {
		return compile.Refuse(compile.ReasonOutputShared, p)
	}
	return nil
}

// classify has the compiler run once more: if it makes another thing again, it is the compiler that is not deterministic; if the same,
// the key lacks something that decided what was stored. What is on the disk afterwards is of the second run, and so is the answer.
func (r *rechecking) classify(ctx context.Context, first Ran, fresh *making, differences []recheck.Difference) Answer {
	if err := r.unchanged(ctx); err != nil {
		r.inconclusive(err.Error())
		return r.give(first)
	}
	r.keepEvidence(ctx, differences, fresh)
	unlisted := r.unlisted(ctx, first)
	fresh.forget()
	second, err := r.runQuietly(ctx)
	switch {
	case err != nil:
		return Answer{}
	case asksToEnd(second.Status):
		r.inconclusive("the second compile was ended")
		return r.give(second)
	case second.Status > signalled:
		r.inconclusive("the second compile died")
		return Answer{Exec: true}
	case !second.Captured:
		r.inconclusive("messages were not captured whole")
		return Answer{Exec: true}
	}
	again, err := r.take(second)
	if err == nil {
		err = r.unchanged(ctx)
	}
	if err != nil {
		r.inconclusive(err.Error())
		return r.give(second)
	}
	verdict := compile.VerdictIncompleteKey
	if !fresh.same(again) {
		verdict = compile.VerdictNondeterministic
	}
	again.describe(differences)
	r.event.CompileMS, r.event.CompileCPUMS = ms(first.Wall), ms(first.CPU)
	r.conclude(ctx, verdict, differences[0].String(), differences, first, unlisted...)
	return r.give(second)
}

// signalled is what the number of a signal that ended a process is added to. Compilers exit with less.
const signalled = 128

// asksToEnd reports whether a compiler ended by a signal with which people and build tools end what runs. Another one is the second
// compile's own fault, and the build has not asked for that.
func asksToEnd(status int) bool {
	switch syscall.Signal(status - signalled) {
	case syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM:
		return true
	}
	return false
}

// putResult stores a result. Under a withdrawn key none is right, whatever the lookup knew of it.
func (c *call) putResult(ctx context.Context, k digest.Key, r *compile.Result) error {
	err := c.Store.PutResult(ctx, k, r)
	if errors.Is(err, cache.ErrWithdrawn) {
		c.event.Reason, c.event.Detail, c.event.Causes = compile.ReasonQuarantined, k.Short(), nil
		return cache.ErrWithdrawn
	}
	return err
}

// replace stores what the compiler just made, in the place of what cannot be an answer.
func (r *rechecking) replace(ctx context.Context, ran Ran) {
	if r.set.readOnly {
		r.event.NotStored = "read-only"
		return
	}
	if ran.Status != r.found.result.Status {
		return
	}
	for i := range r.comp.Outputs {
		// Of a failure that is a result any output may be missing.
		r.comp.Outputs[i].Optional = r.comp.Outputs[i].Optional || ran.Status != 0
	}
	if err := r.store(ctx, r.watch, r.flight, r.plan, ran); err != nil {
		r.event.NotStored = err.Error()
	}
}

// unlisted returns the files that the compile read and the set does not list.
func (r *rechecking) unlisted(ctx context.Context, ran Ran) []string {
	run := frontend.Run{Status: ran.Status, Plan: r.plan, Start: r.watch.Start(), Stdout: ran.Stdout, Stderr: ran.Stderr}
	in, err := r.fe.Inputs(ctx, r.comp, r.tc, run, r.State.NewView(), r.client)
	if err != nil {
		return nil
	}
	listed := map[string]bool{}
	for _, p := range r.paths {
		listed[p] = true
	}
	var more []string
	for _, p := range in.Paths {
		if !listed[p] && len(more) < maxUnlisted {
			more = append(more, p)
		}
	}
	return more
}

// maxUnlisted bounds the files that a record names.
const maxUnlisted = 100
