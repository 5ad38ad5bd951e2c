package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/pack"
	"github.com/compile-cache/compile-cache-action/internal/cache/disk"
	"github.com/compile-cache/compile-cache-action/internal/cache/tiers"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/config"
	"github.com/compile-cache/compile-cache-action/internal/credentials"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/github"
)

// stackTiers puts the far tiers that are configured behind the disk. What cannot be opened is left out, and said.
func (s *Server) stackTiers(o Options, near *disk.Store) *tiers.Stack {
	var far []tiers.Far
	for _, place := range []struct {
		name   string
		bucket config.Bucket
	}{{"edge", o.Config.Edge.Value}, {"bucket", o.Config.Bucket.Value}} {
		if place.bucket.Kind == config.NoBucket {
			continue
		}
		t, err := openFarTier(place.name, place.bucket, o, near, s.log)
		s.far = append(s.far, t)
		if err != nil {
			s.log.Error("a tier is not used", "tier", place.name, "error", err)
			t.problems.note(err)
			continue
		}
		far = append(far, tiers.Far{Name: t.name, Store: t.tier, Write: t.write})
	}
	stack := tiers.New(tiers.Options{Near: near, Far: far, Now: o.Now, Log: s.log, Problem: func(tier string, err error) {
		for _, t := range s.far {
			if t.name == tier {
				t.problems.note(err)
			}
		}
	}})
	var before <-chan struct{}
	for _, t := range s.far {
		if t.tier == nil {
			continue
		}
		land := stack.Land(t.name)
		if t.readOnly {
			land = nil
		}
		t.tier.Start(land, before)
		before = t.tier.Landed()
	}
	return stack
}

// farTier is a tier beyond this machine, with what is told about it.
type farTier struct {
	name, place string
	tier        *bucket.Tier // nil: it could not be opened
	counter     *objects.Counter
	at          Place
	scopes      github.Scopes
	write       bool
	readOnly    bool // nothing is written anywhere
	problems    problems

	mu   sync.Mutex
	told compile.Storage // totals of the last record; guarded by mu
}

// openFarTier opens one. The tier is nil where there is an error.
func openFarTier(name string, b config.Bucket, o Options, near *disk.Store, log *slog.Logger) (*farTier, error) {
	getenv := o.Secrets.Over(o.Getenv)
	reach := FindReach(b, o.Getenv, o.Place.Class)
	scopes := reach.Scopes
	for _, note := range scopes.Notes {
		log.Info("scope", "note", note)
	}
	t := &farTier{name: name, place: b.String(), scopes: scopes}
	place, err := OpenPlace(b, scopes.Class, getenv, o.Now, log)
	if err != nil {
		return t, err
	}
	t.at, t.place = place, place.Objects.String()
	t.counter = &objects.Counter{Store: place.Objects}
	if len(reach.Read) == 0 {
		return t, fmt.Errorf("%s: no scope can be read: %s", t.place, strings.Join(scopes.Notes, "; "))
	}
	t.readOnly, t.write = reach.ReadOnly, reach.Write
	own, others := reach.Read[0], reach.Read[1:]
	made := scopes.Provenance
	id := strconv.FormatInt(o.Now().UnixNano(), 36) + strconv.Itoa(os.Getpid())
	t.tier, err = bucket.Open(bucket.Options{
		Objects: t.counter, Own: own, Others: others, Profile: scopes.ProfileName,
		Run: orElse(made.Run, "local"), Job: orElse(made.Job, "local"), ID: id,
		Made: pack.Provenance{
			Version: o.Version, Repository: made.Repository, Ref: made.Ref, Commit: made.Commit, Run: made.Run, Attempt: made.Attempt,
			Job: made.Job, Actor: made.Actor, Event: made.Event, Workflow: made.Workflow, Runner: made.Runner,
		},
		Write:  t.write,
		Outbox: filepath.Join(o.Place.Dir, "store", "v1", "outbox", digest.KeyOf([]byte(strings.Join([]string{t.place, own.Root, own.Name}, "\n"))).Short()),
		Near:   near, MaxPrefetch: o.Config.MaxSize.Value.Limit(fileSystemSize(o.Place.Dir)) / 2,
		Calm: o.warmed,
		Now:  o.Now, Log: log.With("tier", name), Problem: t.problems.note,
	})
	if err != nil {
		t.tier = nil
	}
	return t, err
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// problems are the causes for which a tier failed.
type problems struct {
	mu    sync.Mutex
	found []compile.Problem // guarded by mu
}

// maxProblems bounds how many causes are told apart.
const maxProblems = 20

func (p *problems) note(err error) {
	problem := describe(err)
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.found {
		if p.found[i].ID() == problem.ID() {
			problem.Count += p.found[i].Count
			p.found[i] = problem
			return
		}
	}
	if len(p.found) < maxProblems {
		p.found = append(p.found, problem)
	}
}

// all returns the causes. That nothing came in time is one only where no other tells why.
func (p *problems) all() []compile.Problem {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := slices.Clone(p.found)
	if len(all) > 1 {
		all = slices.DeleteFunc(all, func(found compile.Problem) bool { return found.Kind == slow })
	}
	return all
}

// slow is the kind of a problem that is only lost time.
const slow = "slow"

// describe says in the words of a report what failed.
func describe(err error) compile.Problem {
	var failed *objects.Error
	var refused *credentials.Error
	var corrupt *cache.CorruptError
	switch {
	case errors.As(err, &failed):
		cause := failed.Operation + " " + failed.Code
		switch failed.Kind {
		case objects.Unreachable, objects.Credentials, objects.Skewed, objects.Absent, objects.Misplaced, objects.Throttled, objects.Unavailable:
			cause = failed.Code // whatever was to be done
		}
		text, advice := failed.Split()
		return compile.Problem{Kind: string(failed.Kind), Cause: cause, Text: text, Advice: advice, Count: 1}
	case errors.As(err, &refused):
		text, advice := refused.Split()
		return compile.Problem{Kind: string(objects.Credentials), Cause: refused.Operation + " " + refused.Code, Text: text, Advice: advice, Count: 1}
	case errors.As(err, &corrupt):
		return compile.Problem{Kind: "corrupt", Cause: "corrupt", Text: err.Error(), Advice: "it is not used; what was stored there is compiled and stored again", Count: 1}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return compile.Problem{
			Kind: slow, Cause: slow, Text: err.Error(), Advice: "the compiler was run instead of waiting; an edge near to the machine answers sooner", Count: 1,
		}
	}
	return compile.Problem{Kind: "other", Text: err.Error(), Count: 1}
}

// recordEvery is how often what far tiers did is recorded, where they did anything.
const recordEvery = 2 * time.Second

// lastRun is the run that what far tiers do is counted for: that of the last invocation. "" is a run like others.
type lastRun struct{ name atomic.Pointer[string] }

func (l *lastRun) set(run string) {
	if old := l.name.Load(); old == nil || *old != run {
		l.name.Store(&run)
	}
}

// get returns the run; ok is false before the first invocation.
func (l *lastRun) get() (run string, ok bool) {
	if p := l.name.Load(); p != nil {
		return *p, true
	}
	return "", false
}

// recordFar records what the far tiers did since the last time, if that is anything. Last is for when somebody will read it.
func (s *Server) recordFar(last bool) {
	run, ok := s.run.get()
	if !ok && !last {
		return // what is done before the first compile belongs to its run
	}
	for _, t := range s.far {
		if storage, changed := t.since(s.stack.Status()); changed {
			e := &compile.Event{Time: s.now().UTC(), Run: run, Compiler: "other", Storage: storage}
			if err := s.spool.Record(e); err != nil {
				s.log.Warn("record event", "error", err)
			}
		}
	}
}

// recordStorage records what the far tiers did until ctx is done; what is left is recorded at the end.
func (s *Server) recordStorage(ctx context.Context) {
	if len(s.far) == 0 {
		return
	}
	tick := time.NewTicker(recordEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.recordFar(false)
		}
	}
}

// totals returns what a tier did since it was opened.
func (t *farTier) totals(states []tiers.Status) compile.Storage {
	st := compile.Storage{Tier: t.name, Place: t.place, Scope: t.scopes.Own, Reads: t.scopes.Read, Problems: t.problems.all()}
	if !t.write {
		st.Scope = ""
	}
	st.Provider, st.ProviderWhy, st.Expires = t.at.credentials()
	if t.tier == nil {
		return st
	}
	c := t.counter.Counts()
	st.Get, st.List, st.Put, st.Downloaded, st.Uploaded = c.Get, c.List, c.Put, c.Downloaded, c.Uploaded
	n := t.tier.Counts()
	st.Prefetched, st.Published, st.Dropped = n.Prefetched.Load(), n.Published.Load(), n.Dropped.Load()
	for _, state := range states {
		if state.Tier == t.name {
			st.Skipped = state.Reads.Skipped
			st.Dropped += state.Drops.Results
		}
	}
	return st
}

// since returns what a tier did since the last call, and whether that is anything.
func (t *farTier) since(states []tiers.Status) (*compile.Storage, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now, told := t.totals(states), t.told
	t.told = now
	d := now
	d.Get, d.List, d.Put = now.Get-told.Get, now.List-told.List, now.Put-told.Put
	d.Downloaded, d.Uploaded = now.Downloaded-told.Downloaded, now.Uploaded-told.Uploaded
	d.Prefetched, d.Published = now.Prefetched-told.Prefetched, now.Published-told.Published
	d.Dropped, d.Skipped = now.Dropped-told.Dropped, now.Skipped-told.Skipped
	d.Problems = nil
	for _, p := range now.Problems {
		for _, before := range told.Problems {
			if before.ID() == p.ID() {
				p.Count -= before.Count
			}
		}
		if p.Count > 0 {
			d.Problems = append(d.Problems, p)
		}
	}
	changed := d.Get+d.List+d.Put+d.Downloaded+d.Uploaded+d.Prefetched+d.Published+d.Dropped+d.Skipped > 0 || len(d.Problems) > 0
	return &d, changed
}

// published returns what was published since the daemon started, and the problems of all far tiers.
func (s *Server) published() Publication {
	var p Publication
	states := s.stack.Status()
	for _, t := range s.far {
		st := t.totals(states)
		p.Published.Packs += st.Put
		p.Published.Results += st.Published
		p.Published.Bytes += st.Uploaded
		p.Dropped += st.Dropped
		p.Problems = append(p.Problems, st.Problems...)
	}
	return p
}
