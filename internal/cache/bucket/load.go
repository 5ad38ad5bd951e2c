package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/pack"
)

const (
	// startTime bounds the reading of a profile, loadTime that of the indexes.
	startTime = 15 * time.Second
	loadTime  = 30 * time.Second
	// otherIndexes is how many indexes are read besides those of the own name and a checkpoint.
	otherIndexes = 8
	ownIndexes   = 8
	// listed is how many names one listing returns at most.
	listed = 1000
	// maxListings is how many such listings are made at most to find a checkpoint.
	maxListings = 10
	// loadAgain is after how long what others published meanwhile is looked for, when something is missing.
	loadAgain = 10 * time.Minute
	// failedAgain is for how long a failed load is not tried again.
	failedAgain = 5 * time.Second
)

// start is the beginning of a tier: the profile, read once, and the indexes, read when they are needed.
type start struct {
	ready   chan struct{} // closed when the profile is read, or cannot be
	landed  chan struct{} // closed when what it names has landed, or will not
	profile *knownProfile // nil: there is none; set before ready is closed

	mu      sync.Mutex
	began   time.Time // when what is read now was begun; guarded by mu, as the rest
	loading *flight   // of the indexes
	loaded  bool
	at      time.Time     // of the last load, by this machine's clock
	err     error         // of the last load
	listing []listedIndex // what the last load found
	ended   bool          // nothing is loaded any more
}

// readyFor is how long puts wait for what is read now.
const readyFor = 5 * time.Second

// since returns when what is read now was begun.
func (s *start) since() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.began
}

// end has nothing loaded any more.
func (s *start) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
}

// flight is a load under way.
type flight struct {
	done chan struct{}
	err  error
}

// knownProfile is a profile and the places of its items, which it shares with nobody.
type knownProfile struct {
	*pack.Profile
	places []location
}

// wait returns when the profile is read.
func (s *start) wait(ctx context.Context) error {
	select {
	case <-s.ready:
		return nil
	default:
	}
	select {
	case <-s.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *Tier) readable() []Scope { return append([]Scope{t.o.Own}, t.o.Others...) }

// readProfile reads the newest profile of our name in the first scope that has one.
func (t *Tier) readProfile() {
	defer close(t.start.ready)
	ctx, cancel := context.WithTimeout(t.ctx, startTime)
	defer cancel()
	for _, scope := range t.readable() {
		if scope.Root != t.o.Own.Root {
			continue // another repository's jobs are other jobs
		}
		p, err := t.profileOf(ctx, scope)
		if err != nil {
			t.problem("read profile", err)
			if ctx.Err() != nil {
				return
			}
			continue
		}
		if p != nil {
			t.start.profile = p
			return
		}
	}
}

// profileOf returns the newest readable profile of a scope, nil where there is none.
func (t *Tier) profileOf(ctx context.Context, scope Scope) (*knownProfile, error) {
	l, err := t.o.Objects.List(ctx, pack.ProfilePrefix(scope.Root, scope.Name, t.o.Profile), "", 2)
	if err != nil {
		return nil, err
	}
	for _, o := range l.Objects {
		b, err := t.get(ctx, o.Name, pack.MaxProfile)
		if errors.Is(err, objects.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		p, err := pack.ParseProfile(b)
		if err != nil {
			// A newer program's, or damaged: an older one may do.
			t.ignored(o.Name, err)
			continue
		}
		packs := t.known.resolve(scope.Root, p.Packs, t.readable())
		return &knownProfile{p, t.known.addProfile(packs, p.Items)}, nil
	}
	return nil, nil
}

// ignored reports an object that cannot be used, unless it is just of another version.
func (t *Tier) ignored(name string, err error) {
	if errors.Is(err, pack.ErrVersion) {
		t.o.Log.Info("an object of another version is ignored", "object", name, "error", err)
		return
	}
	t.problem("an object is ignored", fmt.Errorf("%s/%s: %w", t.o.Objects, name, err))
}

// get returns a whole object of at most limit bytes.
func (t *Tier) get(ctx context.Context, name string, limit int64) ([]byte, error) {
	r, err := t.o.Objects.Get(ctx, name, 0, -1)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("read %s: more than %d bytes", name, limit)
	}
	return b, nil
}

// load makes sure that the indexes were read. All who wait share one load, which goes on when one of them leaves.
func (t *Tier) load(ctx context.Context) error {
	if err := t.start.wait(ctx); err != nil {
		return err
	}
	s := t.start
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return errClosed
	}
	age := t.o.Now().Sub(s.at)
	switch {
	case s.loaded && age < loadAgain:
		s.mu.Unlock()
		return nil
	case s.err != nil && age < failedAgain:
		err := s.err
		s.mu.Unlock()
		return err
	}
	f := s.loading
	if f == nil {
		f = &flight{done: make(chan struct{})}
		s.loading, s.began = f, t.o.Now()
		t.running.Go(func() { t.loadNow(f) })
	}
	again := s.loaded
	s.mu.Unlock()
	if again {
		return nil // nobody waits for what others published meanwhile
	}
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *Tier) loadNow(f *flight) {
	ctx, cancel := context.WithTimeout(t.ctx, loadTime)
	defer cancel()
	names, tables, err := t.readIndexes(ctx)
	s := t.start
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at, s.err, s.loading = t.o.Now(), err, nil
	if err == nil {
		s.loaded, s.listing = true, names
		t.known.setTables(tables)
	}
	f.err = err
	close(f.done)
}

// listedIndex is one index of a listing.
type listedIndex struct {
	scope Scope
	name  string // of the object
	pack.IndexID
	time time.Time // of the store, not after the listing began
}

// readIndexes lists the indexes of the readable scopes, chooses and reads them. What fails is told, and the rest serves; it fails only
// where there is no rest.
func (t *Tier) readIndexes(ctx context.Context) ([]listedIndex, []table, error) {
	scopes := t.readable()
	names := make([][]listedIndex, len(scopes))
	tables := make([][]table, len(scopes))
	errs := make([]error, len(scopes))
	var all sync.WaitGroup
	for i, scope := range scopes {
		all.Go(func() {
			names[i], errs[i] = t.listIndexes(ctx, scope)
			if errs[i] == nil {
				tables[i], errs[i] = t.openIndexes(ctx, chooseIndexes(names[i], profileHash(t.o.Profile)))
			}
		})
	}
	all.Wait()
	if found := slices.Concat(tables...); len(found) > 0 || slices.Contains(errs, nil) {
		for i, err := range errs {
			t.problem("read indexes of "+scopes[i].Name, err)
		}
		return slices.Concat(names...), found, nil
	}
	return nil, nil, errors.Join(errs...)
}

// listIndexes returns the indexes of a scope, newest first, down to the newest checkpoint.
func (t *Tier) listIndexes(ctx context.Context, scope Scope) ([]listedIndex, error) {
	var all []listedIndex
	var began time.Time
	after := ""
	for n := range maxListings {
		l, err := t.o.Objects.List(ctx, pack.IndexPrefix(scope.Root, scope.Name), after, listed)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			began = l.Time
		}
		for _, o := range l.Objects {
			after = o.Name
			id, err := pack.ParseIndexName(o.Name)
			if err != nil {
				t.o.Log.Info("an object is no index", "object", o.Name, "error", err)
				continue
			}
			all = append(all, listedIndex{scope: scope, name: o.Name, IndexID: id, time: began})
			if id.Checkpoint {
				return all, nil
			}
		}
		if !l.More {
			break
		}
	}
	return all, nil
}

// newestOfJobs returns checkpoints, and of each job only the newest index, which holds all before it. The order stays.
func newestOfJobs(all []listedIndex) []listedIndex {
	var newest []listedIndex
	jobs := map[string]bool{}
	for _, x := range all {
		if job := x.Run + "-" + x.Job; x.Checkpoint || !jobs[job] {
			jobs[job] = jobs[job] || !x.Checkpoint
			newest = append(newest, x)
		}
	}
	return newest
}

// chooseIndexes returns those to be read: the checkpoint, some of the own profile's name, and some others. The order stays.
func chooseIndexes(all []listedIndex, own string) []listedIndex {
	var chosen []listedIndex
	owns, others := 0, 0
	for _, x := range newestOfJobs(all) {
		switch {
		case x.Checkpoint:
		case x.Hash == own && owns < ownIndexes:
			owns++
		case x.Hash != own && others < otherIndexes:
			others++
		default:
			continue
		}
		chosen = append(chosen, x)
	}
	return chosen
}

// openIndexes reads indexes, a few at a time. One that is gone, damaged or of another version is left out.
func (t *Tier) openIndexes(ctx context.Context, chosen []listedIndex) ([]table, error) {
	tables := make([]*table, len(chosen))
	errs := make([]error, len(chosen))
	var all sync.WaitGroup
	slots := make(chan struct{}, 6)
	for i, x := range chosen {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			tables[i], errs[i] = t.openIndex(ctx, x)
		})
	}
	all.Wait()
	var open []table
	for _, x := range tables {
		if x != nil {
			open = append(open, *x)
		}
	}
	return open, errors.Join(errs...)
}

func (t *Tier) openIndex(ctx context.Context, x listedIndex) (*table, error) {
	b, err := t.get(ctx, x.name, pack.MaxIndex)
	if errors.Is(err, objects.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	opened, err := pack.OpenIndex(b)
	if err != nil {
		t.ignored(x.name, err)
		return nil, nil
	}
	return &table{opened, t.known.resolve(x.scope.Root, opened.Packs(), t.readable())}, nil
}

// isLoaded reports whether the indexes are known, and the listing they were chosen from.
func (s *start) isLoaded() ([]listedIndex, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.listing), s.loaded
}

// profileHash is how the name of an index tells of which profile its job is.
func profileHash(profile string) string { return pack.Hash8(profile) }
