package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/pack"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// Scope is a part of a bucket that one kind of job writes.
type Scope struct {
	Root string // of the repository: "v1/123456"
	Name string // "trusted/main"
}

// Options says where a tier is and how it behaves. Fields without a remark must be set.
type Options struct {
	Objects objects.Store
	Own     Scope   // is read first and written
	Others  []Scope // are read too, in order
	Profile string  // name of the job, one segment: jobs of one name share a profile

	Run, Job string // which job this is, for the names of indexes
	ID       string // which process this is, among those of the job
	Made     pack.Provenance

	Write  bool   // publish; else nothing is ever written
	Outbox string // directory for packs before their upload, this user's alone; beside it lie those of other scopes, and nothing else

	Near cache.Store // where this machine keeps what it has: blobs to publish are read from it
	// MaxPrefetch bounds what is fetched ahead, in bytes as the near store has them; 0: DefaultPrefetch.
	MaxPrefetch int64
	// Calm is closed once the processors have nothing more urgent to do than to decode what was fetched ahead: until then one record is landed
	// after the other. nil: there is nothing.
	Calm <-chan struct{}

	Now func() time.Time
	Log *slog.Logger
	// stillFor and readyFor are those of the constants, unless a test has less time.
	stillFor, readyFor time.Duration

	// Problem is told of failures in the background, as often as they happen. It may be nil.
	Problem func(error)
}

// DefaultPrefetch is how much is fetched ahead of the build.
const DefaultPrefetch = 4 << 30

// Tier is a cache.Store, cache.Notes, cache.Users, cache.Publisher and cache.Closer on a bucket.
type Tier struct {
	o       Options
	land    cache.Store // set by Start
	known   *catalogue
	moving  *moving // Objects
	blocks  *blocks
	start   *start
	ahead   *prefetch
	out     *publisher
	ctx     context.Context // of all that goes on in the background
	cancel  context.CancelFunc
	running sync.WaitGroup
	counts  Counts
}

// Counts is what a tier did, besides the requests that its objects.Store counts.
type Counts struct {
	Prefetched atomic.Int64 // results landed ahead of their use
	Published  atomic.Int64 // results that an uploaded index names
	Dropped    atomic.Int64 // results that were taken and could not be kept for upload
}

var (
	_ cache.Store     = (*Tier)(nil)
	_ cache.Notes     = (*Tier)(nil)
	_ cache.Users     = (*Tier)(nil)
	_ cache.Publisher = (*Tier)(nil)
	_ cache.Closer    = (*Tier)(nil)
)

// setsAtOnce is how many input sets are read at the same time: those of different commits lie in different packs.
const setsAtOnce = 6

// maxRecord bounds a result, input set or note in bytes: they are held in memory.
const maxRecord = 16 << 20

// Open returns a tier, of which nothing is answered before Start. It fails only where the outbox cannot be used. Close must be called.
func Open(o Options) (*Tier, error) {
	if o.MaxPrefetch == 0 {
		o.MaxPrefetch = DefaultPrefetch
	}
	if o.stillFor == 0 {
		o.stillFor, o.readyFor = stillFor, readyFor
	}
	if o.Calm == nil {
		calm := make(chan struct{})
		close(calm)
		o.Calm = calm
	}
	if o.Problem == nil {
		o.Problem = func(error) {}
	}
	t := &Tier{o: o, known: newCatalogue()}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.moving = &moving{Store: o.Objects, stillFor: o.stillFor}
	t.o.Objects = t.moving
	t.blocks = newBlocks(t.ctx, t.moving)
	t.start = &start{ready: make(chan struct{}), landed: make(chan struct{})}
	t.ahead = newPrefetch(t)
	var err error
	if t.out, err = newPublisher(t); err != nil {
		t.cancel()
		return nil, err
	}
	return t, nil
}

// Start begins, in the background, to read the profile, to put what it names into land, and to publish. A nil land has nothing
// fetched ahead. What an earlier tier lands need not be fetched from here: fetching begins when before is closed; nil is closed.
func (t *Tier) Start(land cache.Store, before <-chan struct{}) {
	t.land = land
	t.start.mu.Lock()
	t.start.began = t.o.Now()
	t.start.mu.Unlock()
	if before == nil {
		close(t.ahead.began) // lookups that come meanwhile wait for the plan
	}
	t.running.Go(func() {
		defer close(t.start.landed)
		t.readProfile()
		if before != nil {
			select {
			case <-before:
			case <-t.ctx.Done():
			}
			close(t.ahead.began)
		}
		t.ahead.run(t.ctx)
	})
	t.out.start()
}

// Landed returns a channel that is closed when nothing more is fetched ahead: all has landed, failed, or was given up.
func (t *Tier) Landed() <-chan struct{} { return t.start.landed }

// Counts returns the tier's counters, which go on counting and may be read at any time.
func (t *Tier) Counts() *Counts { return &t.counts }

// Close publishes what there is within ctx and ends what goes on in the background.
func (t *Tier) Close(ctx context.Context) error {
	err := t.out.publish(ctx, true)
	t.start.end()
	t.cancel()
	t.running.Wait()
	t.out.close()
	return err
}

// problem reports a failure that no caller gets.
func (t *Tier) problem(what string, err error) {
	if err == nil || t.ctx.Err() != nil {
		return
	}
	t.o.Log.Warn(what, "error", err)
	t.o.Problem(err)
}

// Result implements cache.Store. A result is found only with places for all its blobs.
func (t *Tier) Result(ctx context.Context, key digest.Key) (*compile.Result, error) {
	name := nameOf{pack.Result, key}
	if t.landed(ctx, name) {
		if r, err := t.land.Result(ctx, key); err == nil {
			return r, nil
		}
		if r := t.ahead.came(key); r != nil && t.complete(r) {
			return r, nil
		}
	}
	found, err := t.locate(ctx, name)
	if err != nil {
		return nil, err
	}
	return firstGood(found, func(at location) (*compile.Result, error) {
		r, err := t.result(ctx, at)
		if err == nil && !t.complete(r) {
			return nil, cache.ErrNotFound
		}
		return r, err
	})
}

// InputSets implements cache.Store.
func (t *Tier) InputSets(ctx context.Context, compilation digest.Key) ([]*compile.InputSet, error) {
	name := nameOf{pack.InputSet, compilation}
	t.landed(ctx, name)
	found, err := t.locate(ctx, name)
	if err != nil && !errors.Is(err, cache.ErrNotFound) {
		return nil, err
	}
	var chosen [][]location // the places of each set
	for _, at := range found {
		i := slices.IndexFunc(chosen, func(places []location) bool { return places[0].rec.Sum == at.rec.Sum })
		switch {
		case i >= 0:
			chosen[i] = append(chosen[i], at)
		case len(chosen) < cache.MaxInputSets:
			chosen = append(chosen, []location{at})
		}
	}
	read := make([]*compile.InputSet, len(chosen))
	var g errgroup.Group
	g.SetLimit(setsAtOnce)
	for i, places := range chosen {
		g.Go(func() (err error) {
			read[i], err = firstGood(places, func(at location) (*compile.InputSet, error) {
				b, err := t.read(ctx, at)
				if err != nil {
					return nil, err
				}
				set, err := compile.ParseInputSet(b)
				if err != nil {
					return nil, t.wrong(at, err)
				}
				return set, nil
			})
			if errors.Is(err, cache.ErrNotFound) {
				return nil
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return append([]*compile.InputSet{}, slices.DeleteFunc(read, func(set *compile.InputSet) bool { return set == nil })...), nil
}

// Open implements cache.Store.
func (t *Tier) Open(ctx context.Context, d digest.Digest) (io.ReadCloser, error) {
	if t.landed(ctx, blobName(d)) {
		if r, err := t.o.Near.Open(ctx, d); err == nil {
			return r, nil
		}
	}
	found, err := t.locate(ctx, blobName(d))
	if err != nil {
		return nil, err
	}
	return firstGood(found, func(at location) (io.ReadCloser, error) {
		if at.rec.Size != d.Size() {
			return nil, cache.ErrNotFound
		}
		return t.openAt(ctx, at)
	})
}

// Note implements cache.Notes.
func (t *Tier) Note(ctx context.Context, name digest.Key) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if b, ok := t.out.note(name); ok {
		return b, nil
	}
	found, err := t.locate(ctx, nameOf{pack.Note, name})
	if err != nil {
		return nil, err
	}
	return firstGood(found, func(at location) ([]byte, error) { return t.read(ctx, at) })
}

// Put implements cache.Store.
func (t *Tier) Put(ctx context.Context, d digest.Digest, open func() (io.ReadCloser, error)) error {
	if err := t.writable(ctx); err != nil {
		return err
	}
	if err := t.ready(ctx); err != nil {
		return err
	}
	if _, ok := t.known.inRoot(blobName(d), t.o.Own.Root); ok {
		return nil
	}
	r, err := open()
	if err != nil {
		return err
	}
	defer r.Close()
	return t.out.put(pack.Blob, digest.KeyFromSum(d.Sum()), d.Size(), r)
}

// PutResult implements cache.Store. A result whose blobs were not put is refused.
func (t *Tier) PutResult(ctx context.Context, key digest.Key, r *compile.Result) error {
	if err := t.writable(ctx); err != nil {
		return err
	}
	b, err := compile.AppendResult(nil, r)
	if err != nil {
		return err
	}
	if err := t.ready(ctx); err != nil {
		return err
	}
	for _, o := range r.Outputs {
		if _, ok := t.known.inRoot(blobName(o.Blob), t.o.Own.Root); !ok {
			return fmt.Errorf("put result %s: blob %s was not put", key.Short(), o.Blob)
		}
	}
	if err := t.out.put(pack.Result, key, int64(len(b)), bytes.NewReader(b)); err != nil {
		return err
	}
	t.out.mentionBlobs(r)
	return nil
}

// AddInputSet implements cache.Store.
func (t *Tier) AddInputSet(ctx context.Context, compilation digest.Key, set *compile.InputSet) error {
	if err := t.writable(ctx); err != nil {
		return err
	}
	b, err := compile.AppendInputSet(nil, set)
	if err != nil {
		return err
	}
	if err := t.ready(ctx); err != nil {
		return err
	}
	sum := digest.KeyOf(b)
	for _, at := range t.known.find(nameOf{pack.InputSet, compilation}) {
		if at.rec.Sum == sum && at.in.scope.Root == t.o.Own.Root {
			// It lies there already; what makes it the newest is only that we name it.
			t.known.prefer(at)
			t.out.mention(at)
			return nil
		}
	}
	return t.out.put(pack.InputSet, compilation, int64(len(b)), bytes.NewReader(b))
}

// PutNote implements cache.Notes.
func (t *Tier) PutNote(ctx context.Context, name digest.Key, b []byte) error {
	if err := t.writable(ctx); err != nil {
		return err
	}
	if len(b) > cache.MaxNote {
		return fmt.Errorf("put note: %d bytes are too many", len(b))
	}
	return t.out.putNote(name, b)
}

func (t *Tier) writable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !t.o.Write || cache.IsReadOnly(ctx) {
		return cache.ErrReadOnly
	}
	return nil
}

// ready waits until it is known what the bucket holds. What cannot be known for a failure of the bucket counts as not there: a blob is then
// stored twice, which is no harm.
func (t *Tier) ready(ctx context.Context) error {
	// However many puts there are, they wait once: the queue behind them is that of a build.
	patient, cancel := context.WithDeadline(ctx, t.start.since().Add(t.o.readyFor))
	defer cancel()
	_ = t.load(patient)
	return ctx.Err()
}

// Publish implements cache.Publisher.
func (t *Tier) Publish(ctx context.Context) error { return t.out.publish(ctx, true) }

// Use implements cache.Users.
func (t *Tier) Use(key, compilation digest.Key, set *compile.InputSet, r *compile.Result) {
	t.out.use(use{key, compilation, set, r})
}
