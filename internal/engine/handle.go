package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/key"
)

// call is one invocation on its way.
type call struct {
	*Engine
	inv    *compile.Invocation
	client Client
	event  *compile.Event
	began  time.Time
	set    settings
	view   *key.View // until the compiler runs

	fe     frontend.Frontend
	comp   *compile.Compilation
	args   []string // for a run that is not watched; nil: those of inv
	unmap  []string // of every run with mapped names, see Run
	tc     *compile.Toolchain
	id     digest.Key
	roots  key.Roots
	recipe key.Recipe
	sets   []*compile.InputSet // those that the lookup checked
	past   *note               // of the unit, once it was read
}

// Handle answers one invocation and records it. It never fails: what cannot be cached is run.
func (e *Engine) Handle(ctx context.Context, inv *compile.Invocation, client Client) Answer {
	c := &call{Engine: e, inv: inv, client: client, began: e.Now(), set: readSettings(inv), view: e.State.NewView()}
	c.event = &compile.Event{Time: c.began.UTC(), Run: c.set.run, Compiler: "other", Program: inv.Program, Dir: inv.Dir}
	if c.set.readOnly {
		ctx = cache.WithReadOnly(ctx)
	}
	answer := c.handle(ctx)
	c.event.WallMS = ms(c.Now().Sub(c.began))
	e.Record(c.event)
	return answer
}

func (c *call) handle(ctx context.Context) Answer {
	if err := c.parse(); err != nil {
		if answer, ok := c.ask(ctx, err); ok {
			return answer
		}
		return c.decline(ctx, err)
	}
	if err := c.identify(ctx); err != nil {
		return c.decline(ctx, err)
	}
	telling := cache.WithAway(ctx, c.client.Away) // until the wrapper has something to do
	found := c.lookup(telling)
	c.event.LookupMS = ms(c.Now().Sub(c.began))
	if found.result != nil && c.rechecks(found.key) {
		return c.recheck(ctx, found)
	}
	if found.result != nil {
		replay, err := c.restore(telling, found.result)
		if err == nil {
			return c.hit(ctx, found, replay)
		}
		if found.reason = restoreReason(err); found.reason == compile.ReasonNoOutput {
			found.detail = err.Error()
		}
		c.Log.Warn("restore failed; compiling", "source", c.comp.Source, "key", found.key.Short(), "error", err)
	}
	return c.miss(ctx, found)
}

// parse asks the front-end what the invocation is.
func (c *call) parse() error {
	base := filepath.Base(c.inv.Program)
	for _, fe := range c.Frontends {
		if fe.Match(base) {
			c.fe = fe
			break
		}
	}
	if c.fe == nil {
		return compile.Refuse(compile.ReasonCompiler, base+" is no compiler known here")
	}
	comp, decline := c.fe.Parse(c.inv, c.view)
	if decline != nil {
		if comp != nil {
			c.event.Compiler, c.event.Source = comp.Kind, comp.Source
			if len(comp.Outputs) > 0 {
				c.event.Output = comp.Outputs[0].Path
			}
		}
		return decline
	}
	c.comp, c.inv = comp, comp.Invocation
	comp.Inputs = append(comp.Inputs, c.set.extraInputs...)
	c.event.Compiler = comp.Kind
	place := c.inv.Dir
	if len(comp.Outputs) > 0 {
		c.event.Output = comp.Outputs[0].Path
		place = filepath.Dir(c.event.Output)
	}
	if c.event.Source = comp.Source; comp.Source == "" {
		c.event.Source = place + ": standard input"
	}
	return nil
}

// identify finds the toolchain and writes the recipe.
func (c *call) identify(ctx context.Context) error {
	tc, err := c.fe.Toolchain(ctx, c.comp, c.view, c.client)
	if err != nil {
		return err
	}
	c.tc = tc
	c.event.Compiler = tc.Kind
	c.id = key.Identity(tc)
	c.roots = key.FindRoots(c.inv, c.view.Exists, append(key.Listed(c.set.roots.Dirs), c.comp.Roots...)...)
	var source digest.Digest
	switch {
	case c.comp.Source == "":
		source = digest.Of(c.inv.Input)
	case c.comp.PerSource:
		if source, err = c.view.Digest(c.comp.Source); err != nil {
			return compile.Refuse(compile.ReasonInput, err.Error())
		}
	}
	mapped := c.mapRoots()
	c.recipe = key.Write(c.comp, tc, c.id, source, c.roots, key.Settings{Salt: c.set.salt, Env: c.set.keyEnv, Inputs: c.set.extraInputs, Mapped: mapped})
	c.event.Compilation = c.recipe.Key.String()
	return nil
}

// finding is what a lookup found: a result, or why there is none.
type finding struct {
	result  *compile.Result
	key     digest.Key
	set     *compile.InputSet
	distant bool // set is not near
	inputs  int
	reason  compile.ReasonID
	detail  string
}

// lookup checks the input sets of the compilation against the files as they are, newest first. The first set whose state
// has a result is the hit. What sets lie far away is asked only when none of the near ones is one.
func (c *call) lookup(ctx context.Context) finding {
	f := finding{reason: compile.ReasonNew}
	if c.set.recache {
		f.reason = compile.ReasonRecache
		return f
	}
	sets, err := c.Store.InputSets(ctx, c.recipe.Key)
	if err != nil {
		f.reason, f.detail = storeReason(err)
		c.Log.Warn("read input sets", "compilation", c.recipe.Key.Short(), "error", err)
		return f
	}
	c.sets = sets
	asked := c.match(ctx, sets, nil, &f)
	if f.result != nil {
		return f
	}
	distant, ok := c.Store.(cache.Distant)
	if !ok {
		return f
	}
	sets, err = distant.DistantInputSets(ctx, c.recipe.Key)
	if err != nil {
		if f.reason == compile.ReasonNew {
			f.reason, f.detail = storeReason(err)
		}
		c.Log.Warn("read distant input sets", "compilation", c.recipe.Key.Short(), "error", err)
		return f
	}
	sets = slices.DeleteFunc(sets, func(set *compile.InputSet) bool {
		id, err := key.SetID(set)
		return err != nil || findSet(c.sets, id.String()) != nil
	})
	c.sets = slices.Concat(c.sets, sets)
	c.match(ctx, sets, asked, &f)
	f.distant = f.result != nil
	return f
}

// match looks for the first of the sets whose state has a result. It asks for no result of those asked for before, and returns
// them with those it asked for.
func (c *call) match(ctx context.Context, sets []*compile.InputSet, asked []digest.Key, f *finding) []digest.Key {
	l := key.NewLookup(c.view, c.checks, c.recipe, c.roots, c.inv, len(sets))
	for _, set := range sets {
		cur, mismatch := l.Check(set)
		if mismatch != nil || slices.Contains(asked, cur.Key) {
			continue
		}
		asked = append(asked, cur.Key)
		r, err := c.Store.Result(ctx, cur.Key)
		if err == nil {
			*f = finding{result: r, key: cur.Key, set: set, inputs: len(set.Paths)}
			break
		}
		if errors.Is(err, cache.ErrWithdrawn) {
			f.reason, f.detail = compile.ReasonQuarantined, cur.Key.Short()
			continue
		}
		if !errors.Is(err, cache.ErrNotFound) {
			f.reason, f.detail = storeReason(err)
			c.Log.Warn("read result", "key", cur.Key.Short(), "error", err)
		}
	}
	return asked
}

func (c *call) hit(ctx context.Context, f finding, replay *Replay) Answer {
	c.event.Outcome = compile.Hit
	c.event.Tier = c.Tier
	if o, ok := c.Store.(cache.Origins); ok {
		c.event.Tier = o.Origin(f.key)
	}
	c.event.Key = f.key.String()
	c.event.Status = replay.Status
	c.event.Inputs = f.inputs
	c.event.CompileMS = ms(f.result.Wall)
	c.event.CompileCPUMS = ms(f.result.CPU)
	c.used(ctx, f)
	return Answer{Replay: replay}
}

// used keeps near what a hit was found by, and tells the store of the use.
func (c *call) used(ctx context.Context, f finding) {
	if c.set.readOnly {
		return
	}
	if f.distant {
		// The next lookup on this machine asks nobody.
		if err := c.Store.AddInputSet(ctx, c.recipe.Key, f.set); err != nil {
			c.Log.Warn("keep distant input set", "compilation", c.recipe.Key.Short(), "error", err)
		}
	}
	c.use(f.key, f.set, f.result)
}

// use tells the store what this compile used or made, where it wants to know.
func (c *call) use(k digest.Key, set *compile.InputSet, r *compile.Result) {
	if u, ok := c.Store.(cache.Users); ok {
		u.Use(k, c.recipe.Key, set, r)
	}
}

// orphaned is how long a compiler whose wrapper was killed is taken to be at work.
const orphaned = 10 * time.Minute

// miss has the compiler run and stores what it made.
func (c *call) miss(ctx context.Context, f finding) Answer {
	c.event.Outcome, c.event.Reason, c.event.Detail = compile.Miss, f.reason, f.detail
	flight := c.inFlight.enter(c.view, c.comp.Outputs)
	leave := flight.leave
	defer func() { leave() }()
	if c.set.readOnly {
		c.event.NotStored = "read-only"
		c.ran(c.runExplained(ctx, c.unstored()))
		return Answer{}
	}
	watch, err := c.State.NewWatch(c.Clock, c.comp)
	if err != nil {
		c.event.NotStored = err.Error()
		return c.run(ctx, c.unstored())
	}
	watch.NoteTools(c.comp, c.tc)
	scratch := c.Scratch()
	if scratch == "" {
		// A compiler that cannot write our hidden files fails, and the build with it.
		c.event.NotStored = "no room for hidden files"
		c.ran(c.runExplained(ctx, c.unstored()))
		return Answer{}
	}
	plan := c.fe.Plan(c.comp, c.tc, scratch)
	defer removeHidden(plan)

	ran, err := c.runExplained(ctx, Run{Args: plan.Args, Capture: true, Unmap: slices.Concat(plan.Unmap, c.unmap)})
	if err != nil {
		// The compiler of a killed wrapper writes on, perhaps into what the next build makes.
		leave = func() { time.AfterFunc(orphaned, flight.leave) }
	}
	if err == nil && brokeBy(plan, ran) {
		c.event.Outcome, c.event.Reason, c.event.Detail = compile.Bypassed, compile.ReasonFault, "hidden files could not be written"
		return Answer{Exec: true}
	}
	missed := *c.event
	if !c.ran(ran, err) {
		if c.failureCounts(ran, err) {
			c.storeFailure(ctx, watch, flight, plan, ran, missed)
		}
		return Answer{}
	}
	began := c.Now()
	err = c.store(ctx, watch, flight, plan, ran)
	c.event.StoreMS = ms(c.Now().Sub(began))
	var decline *compile.Decline
	switch {
	case errors.As(err, &decline):
		c.event.Outcome, c.event.Reason, c.event.Detail = decline.Outcome, decline.Reason, decline.Detail
		c.event.Causes = nil
	case err != nil:
		c.event.NotStored = err.Error()
		c.Log.Warn("store result", "source", c.comp.Source, "error", err)
	}
	return Answer{}
}

// runExplained runs the compiler; meanwhile it works out what differs from earlier compiles.
func (c *call) runExplained(ctx context.Context, run Run) (Ran, error) {
	asking, cancel := context.WithCancel(ctx)
	defer cancel()
	explained := make(chan struct{})
	go func() {
		defer close(explained)
		// A defect here must not end the daemon, and need not end the call.
		defer func() {
			if p := recover(); p != nil {
				c.Log.Error("panic while explaining a miss", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			}
		}()
		c.explain(ctx, asking)
	}()
	ran, err := c.client.Run(ctx, run)
	cancel() // what is far away and not here by now is not waited for
	<-explained
	return ran, err
}
