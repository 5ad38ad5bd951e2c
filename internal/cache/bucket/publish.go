package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/pack"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

const (
	// idleFor and atLatest are after how long without a further put, and after how long at most, what was put is published.
	idleFor  = 5 * time.Second
	atLatest = 60 * time.Second
	// retryFirst and retryLast bound the pause after a failed publication, which doubles.
	retryFirst = 2 * time.Second
	retryLast  = 2 * time.Minute
	// publishTime bounds one publication that nobody waits for.
	publishTime = 5 * time.Minute
	// staleTime is for how long a time of the store is used in names: a checkpoint hides what bears a time 15 minutes before it.
	staleTime = 5 * time.Minute
	// maxNotes bounds the notes that wait, in bytes, and maxUses the uses.
	maxNotes = 32 << 20
	maxUses  = 500_000
)

// publisher gathers what is put and brings it into the bucket.
type publisher struct {
	t    *Tier
	box  *outbox // nil: nothing is published
	wake chan struct{}
	turn chan struct{} // taken by whoever publishes

	mu       sync.Mutex
	open     *packing    // guarded by mu, as all below
	sealed   []*packFile // not uploaded, or not named by an uploaded index, oldest first
	waiting  int64       // bytes of open and sealed
	entries  []location  // what our index names
	named    map[entryID]bool
	indexed  int // how many entries the last uploaded index names
	results  int // how many of these are results
	notes    map[digest.Key][]byte
	noteSize int64
	first    time.Time // of the first put since the last publication; zero: none
	last     time.Time // of the last put

	failed   error     // of the last publication that failed
	failures int       // in a row
	failedAt time.Time // by this machine's clock
	failedOf int       // how many entries there were then

	storeTime time.Time // of the store, from its last answer
	storeAt   time.Time // when that was, by this machine's clock

	useMu sync.Mutex // apart from mu: uses are told on the hot path
	uses  []use      // guarded by useMu
	seen  map[digest.Key]bool

	profile profileState // only whoever has the turn touches it
}

type entryID struct {
	in     *packFile
	offset int64
}

// use is one use of a result.
type use struct {
	key, compilation digest.Key
	set              *compile.InputSet
	result           *compile.Result
}

func newPublisher(t *Tier) (*publisher, error) {
	p := &publisher{
		t: t, wake: make(chan struct{}, 1), turn: make(chan struct{}, 1), named: map[entryID]bool{}, notes: map[digest.Key][]byte{}, seen: map[digest.Key]bool{},
	}
	if !t.o.Write {
		return p, nil
	}
	var err error
	if p.box, err = openOutbox(t.o.Outbox, t.o.ID); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *publisher) start() {
	if p.box != nil {
		p.t.running.Go(p.run)
	}
}

// put appends a record to the growing pack.
func (p *publisher) put(kind pack.Kind, name digest.Key, size int64, r io.Reader) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, err := p.appendLocked(kind, name, size, r)
	if err != nil {
		if kind == pack.Result {
			p.t.counts.Dropped.Add(1)
		}
		return err
	}
	p.mentionLocked(at)
	return nil
}

func (p *publisher) appendLocked(kind pack.Kind, name digest.Key, size int64, r io.Reader) (location, error) {
	if p.waiting+size > maxOutbox {
		return location{}, errFull
	}
	if p.open == nil {
		open, err := p.box.begin(p.t.o.Own)
		if err != nil {
			return location{}, err
		}
		p.open = open
	}
	before := p.open.w.Size()
	rec, err := p.open.w.Append(kind, name, size, r)
	if err != nil {
		return location{}, err
	}
	p.waiting += p.open.w.Size() - before
	at := location{rec, p.open.in}
	p.t.known.prefer(at)
	if p.open.w.Size() >= sealAt {
		if err := p.sealLocked(); err != nil {
			return location{}, err
		}
		p.first = time.Time{}.Add(1) // long ago
		p.nudge()
	}
	return at, nil
}

// mention has our next index name a place.
func (p *publisher) mention(at location) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mentionLocked(at)
}

func (p *publisher) mentionLocked(at location) {
	id := entryID{at.in, at.rec.Offset}
	if p.named[id] || at.in.scope.Root != p.t.o.Own.Root {
		return
	}
	p.named[id] = true
	p.entries = append(p.entries, at)
	p.last = p.t.o.Now()
	if p.first.IsZero() {
		p.first = p.last
		p.nudge()
	}
}

func (p *publisher) putNote(name digest.Key, b []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.noteSize+int64(len(b)) > maxNotes {
		return errFull
	}
	p.noteSize += int64(len(b) - len(p.notes[name]))
	p.notes[name] = slices.Clone(b)
	return nil
}

// note returns a note that waits.
func (p *publisher) note(name digest.Key) ([]byte, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b, ok := p.notes[name]
	return b, ok
}

func (p *publisher) use(u use) {
	if p.box == nil {
		return
	}
	p.useMu.Lock()
	defer p.useMu.Unlock()
	if p.seen[u.key] || len(p.seen) >= maxUses {
		return
	}
	p.seen[u.key] = true
	p.uses = append(p.uses, u)
}

func (p *publisher) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run publishes in the background.
func (p *publisher) run() {
	p.leftovers()
	pause := retryFirst
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	for {
		select {
		case <-p.t.ctx.Done():
			return
		case <-p.wake:
		case <-timer.C:
		}
		due, any := p.due()
		if !any {
			continue
		}
		if wait := due.Sub(p.t.o.Now()); wait > 0 {
			timer.Reset(wait)
			continue
		}
		ctx, cancel := context.WithTimeout(p.t.ctx, publishTime)
		err := p.publish(ctx, false)
		cancel()
		if err != nil {
			timer.Reset(pause)
			pause = min(2*pause, retryLast)
			continue
		}
		pause = retryFirst
	}
}

// due returns when what was put is to be published.
func (p *publisher) due() (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.first.IsZero() {
		return time.Time{}, false
	}
	due := p.first.Add(atLatest)
	if idle := p.last.Add(idleFor); idle.Before(due) {
		due = idle
	}
	return due, true
}

// publish brings all that was put into the bucket. The last publication of a run also writes what describes the run: notes and the profile.
func (p *publisher) publish(ctx context.Context, last bool) error {
	if p.box == nil {
		return nil
	}
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return p.unpublished(ctx.Err())
	}
	// Who runs, stops and drains asks each time; a bucket that is away costs each of them only once.
	if err := p.justFailed(); err != nil {
		return p.unpublished(err)
	}
	var errs []error
	if last {
		errs = append(errs, p.adoptUses(ctx), p.packNotes())
	}
	err := p.seal()
	if err == nil {
		err = p.upload(ctx)
	}
	if err == nil {
		err = p.putIndex(ctx)
	}
	if err == nil && last {
		err = p.describe(ctx)
	}
	err = errors.Join(append(errs, err)...)
	p.noteFailure(ctx, err)
	if err != nil {
		p.t.problem("publish", err)
		return p.unpublished(err)
	}
	return nil
}

// failedFor is for how long a failure answers further publications of the same, when it came twice.
const failedFor = 10 * time.Second

func (p *publisher) justFailed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failures > 1 && p.failedOf == len(p.entries) && p.t.o.Now().Sub(p.failedAt) < failedFor {
		return p.failed
	}
	return nil
}

func (p *publisher) noteFailure(ctx context.Context, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil || ctx.Err() != nil { // who asked had no more time; the next one may
		p.failures = 0
		return
	}
	p.failures++
	p.failed, p.failedAt, p.failedOf = err, p.t.o.Now(), len(p.entries)
}

// unpublished adds to an error what waits because of it.
func (p *publisher) unpublished(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, at := range p.entries[p.indexed:] {
		if at.rec.Kind == pack.Result {
			n++
		}
	}
	if n == 0 {
		return err
	}
	return &UnpublishedError{Results: n, Place: p.t.o.Objects.String(), Cause: err}
}

// UnpublishedError says that results lie in the outbox, where the next process of the same scope finds them.
type UnpublishedError struct {
	Results int
	Place   string
	Cause   error
}

func (e *UnpublishedError) Error() string {
	return fmt.Sprintf("%d results are not published to %s: %v", e.Results, e.Place, e.Cause)
}

func (e *UnpublishedError) Unwrap() error { return e.Cause }

func (p *publisher) seal() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sealLocked()
}

func (p *publisher) sealLocked() error {
	if p.open == nil {
		return nil
	}
	open := p.open
	p.open = nil
	in, err := p.box.seal(open)
	if err != nil {
		// The disk is full or failing: what the pack held is near still, and is published by another.
		p.lostLocked(open.in)
		return err
	}
	if in != nil {
		p.sealed = append(p.sealed, in)
	}
	return nil
}

// lostLocked takes back what a pack was to bring.
func (p *publisher) lostLocked(in *packFile) {
	p.t.known.forgetOwn(in)
	kept := p.entries[:p.indexed:p.indexed]
	for _, at := range p.entries[p.indexed:] {
		if at.in != in {
			kept = append(kept, at)
		} else if at.rec.Kind == pack.Result {
			p.t.counts.Dropped.Add(1)
		}
	}
	p.entries = kept
}

// upload brings the sealed packs into the bucket, oldest first.
func (p *publisher) upload(ctx context.Context) error {
	p.mu.Lock()
	sealed := slices.Clone(p.sealed)
	p.mu.Unlock()
	for _, in := range sealed {
		if err := p.uploadOne(ctx, in); err != nil {
			return err
		}
	}
	return nil
}

func (p *publisher) uploadOne(ctx context.Context, in *packFile) error {
	ref, local, held := in.state()
	if held {
		return nil
	}
	f, err := os.Open(local)
	if errors.Is(err, os.ErrNotExist) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.lostLocked(in)
		p.sealed = slices.DeleteFunc(p.sealed, func(o *packFile) bool { return o == in })
		return fmt.Errorf("upload pack: %w", err)
	}
	if err != nil {
		return fmt.Errorf("upload pack: %w", err)
	}
	defer f.Close()
	stored, err := p.t.o.Objects.Put(ctx, in.object(), f, ref.Size, ref.Sum.Sum())
	if err != nil {
		return err
	}
	p.noteTime(stored.Time)
	in.mu.Lock()
	in.held = true
	in.ref.Time = stored.Time.UTC().Truncate(time.Second)
	in.mu.Unlock()
	return nil
}

func (p *publisher) noteTime(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.storeTime, p.storeAt = at, p.t.o.Now()
}

// nameTime returns a time of the store for a name, not older than staleTime.
func (p *publisher) nameTime(ctx context.Context) (time.Time, error) {
	p.mu.Lock()
	at, age := p.storeTime, p.t.o.Now().Sub(p.storeAt)
	p.mu.Unlock()
	if !at.IsZero() && age >= 0 && age < staleTime {
		return at, nil
	}
	l, err := p.t.o.Objects.List(ctx, pack.ProfilePrefix(p.t.o.Own.Root, p.t.o.Own.Name, p.t.o.Profile), "", 1)
	if err != nil {
		return time.Time{}, err
	}
	p.noteTime(l.Time)
	return l.Time, nil
}

// putIndex uploads an index of all that this process published, if there is more than the last one named.
func (p *publisher) putIndex(ctx context.Context) error {
	p.mu.Lock()
	entries := slices.Clone(p.entries)
	fresh := len(entries) > p.indexed
	p.mu.Unlock()
	if !fresh {
		return nil
	}
	x := pack.Index{Provenance: p.t.o.Made}
	var results int
	x.Packs, x.Records, results = gather(entries)
	b, err := pack.EncodeIndex(&x)
	if err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	if err := p.putNamed(ctx, b, func(at time.Time) string {
		return pack.IndexName(p.t.o.Own.Root, p.t.o.Own.Name, at, p.t.o.Run, p.t.o.Job+"."+p.t.o.ID, profileHash(p.t.o.Profile), false)
	}); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.t.counts.Published.Add(int64(results - p.results))
	p.indexed, p.results = len(entries), results
	if len(p.entries) == p.indexed {
		p.first = time.Time{}
	} else {
		p.first = p.t.o.Now()
	}
	kept := p.sealed[:0]
	for _, in := range p.sealed {
		if ref, _, held := in.state(); held {
			p.waiting -= ref.Size
			p.box.uploaded(in)
		} else {
			kept = append(kept, in)
		}
	}
	clear(p.sealed[len(kept):])
	p.sealed = kept
	return nil
}

// gather makes a table of places whose packs the bucket has.
func gather(places []location) (refs []pack.Ref, records []pack.Located, results int) {
	numbers := map[packID]int{}
	for _, at := range places {
		ref, _, held := at.in.state()
		if !held {
			continue
		}
		id := packID{at.in.scope, ref.Sum}
		n, ok := numbers[id]
		if !ok {
			n = len(refs)
			numbers[id] = n
			refs = append(refs, ref)
		}
		records = append(records, pack.Located{Record: at.rec, Pack: n})
		if at.rec.Kind == pack.Result {
			results++
		}
	}
	return refs, records, results
}

// putNamed uploads an object whose name bears the time of the store.
func (p *publisher) putNamed(ctx context.Context, b []byte, name func(time.Time) string) error {
	at, err := p.nameTime(ctx)
	for try := 0; err == nil; try++ {
		var stored objects.Stored
		stored, err = putBytes(ctx, p.t.o.Objects, name(at), b)
		if err != nil {
			break
		}
		p.noteTime(stored.Time)
		if !stored.Existed {
			return nil
		}
		if try == 5 {
			return fmt.Errorf("put %s: there is always one of that name", name(at))
		}
		// We were here in the same millisecond.
		at = at.Add(time.Millisecond)
	}
	return err
}

// close publishes within ctx, ends, and leaves what is not published to the next process.
func (p *publisher) close(ctx context.Context) error {
	if p.box == nil {
		return nil
	}
	err := p.publish(ctx, true)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open != nil {
		_ = p.sealLocked()
	}
	p.box.close()
	return err
}

// leftovers takes over what processes before this one could not publish.
func (p *publisher) leftovers() {
	all := p.box.takeOver(p.t.o.Own, func(path string, err error) {
		p.t.o.Log.Warn("a pack that was left over is damaged", "path", path, "error", err)
	})
	if len(all) == 0 {
		return
	}
	// Results name blobs that lie in packs of others.
	if err := p.t.load(p.t.ctx); err != nil {
		p.t.o.Log.Warn("read indexes", "error", err)
	}
	for _, l := range all {
		p.mu.Lock()
		ref, _, _ := l.in.state()
		p.sealed = append(p.sealed, l.in)
		p.waiting += ref.Size
		p.mu.Unlock()
		for _, rec := range l.records {
			at := location{rec, l.in}
			p.t.known.prefer(at)
			p.mention(at)
		}
		for _, rec := range l.records {
			if rec.Kind == pack.Result {
				if r, err := p.t.result(p.t.ctx, location{rec, l.in}); err == nil {
					p.mentionBlobs(r)
				}
			}
		}
	}
	p.t.o.Log.Info("packs were left over", "count", len(all))
}

// mentionBlobs has our index name a place for every blob of a result, so that it is whole by itself.
func (p *publisher) mentionBlobs(r *compile.Result) {
	for _, o := range r.Outputs {
		if at, ok := p.t.known.inRoot(blobName(o.Blob), p.t.o.Own.Root); ok {
			p.mention(at)
		}
	}
}

// adoptUses puts what runs used and the bucket lacks, as results from the near store that were made before there was a
// bucket, and adds all to the coming profile.
func (p *publisher) adoptUses(ctx context.Context) error {
	p.useMu.Lock()
	uses := p.uses
	p.uses = nil
	p.useMu.Unlock()
	for i, u := range uses {
		err := p.adoptUse(ctx, u)
		if ctx.Err() != nil {
			p.useMu.Lock()
			p.uses = append(uses[i:], p.uses...)
			p.useMu.Unlock()
			return ctx.Err()
		}
		// What has left the near store is nothing to speak of.
		if err != nil && !errors.Is(err, cache.ErrNotFound) {
			return err
		}
	}
	return nil
}

func (p *publisher) adoptUse(ctx context.Context, u use) error {
	root := p.t.o.Own.Root
	if _, ok := p.t.known.inRoot(nameOf{pack.Result, u.key}, root); !ok {
		for _, o := range u.result.Outputs {
			if err := p.t.Put(ctx, o.Blob, func() (io.ReadCloser, error) { return p.t.o.Near.Open(ctx, o.Blob) }); err != nil {
				return err
			}
		}
		if _, ok := p.t.known.inRoot(nameOf{pack.Result, u.key}, root); !ok {
			if err := p.t.PutResult(ctx, u.key, u.result); err != nil {
				return err
			}
		}
	}
	return p.profile.add(ctx, p, u)
}
