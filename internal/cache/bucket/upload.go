package bucket

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/pack"
)

// staleTime is for how long a time of the store is used in names: a checkpoint hides what bears a time 15 minutes before it.
const staleTime = 5 * time.Minute

// publish brings all that was put into the bucket. The last publication of a run also writes what describes the run: notes and the profile.
func (p *publisher) publish(ctx context.Context, last bool) error {
	if p.box == nil {
		return nil
	}
	// Who runs, stops and drains asks each time; a bucket that is away costs each of them only once.
	if err := p.justFailed(); err != nil {
		return p.unpublished(err)
	}
	asked := ctx
	if last {
		moving, stop := p.t.moving.whileMoving(ctx)
		defer stop()
		ctx = moving
		select {
		case <-p.adopted: // what was left over goes too
		case <-ctx.Done():
		}
	}
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		err := fmt.Errorf("publish to %s: %w", p.t.o.Objects, context.Cause(ctx))
		p.noteFailure(asked, ctx, err)
		return p.unpublished(err)
	}
	if p.isClosed() {
		return p.unpublished(errClosed)
	}
	var errs []error
	if last {
		errs = append(errs, p.adoptUses(ctx, func(use) bool { return true }), p.packNotes())
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
	if err != nil && ctx.Err() != nil && asked.Err() == nil && !isTold(err) {
		err = fmt.Errorf("publish to %s: %w", p.t.o.Objects, context.Cause(ctx))
	}
	p.noteFailure(asked, ctx, err)
	if err != nil {
		if !last || asked.Err() == nil { // who waited no longer tells so
			p.t.problem("publish", err)
		}
		return p.unpublished(err)
	}
	return nil
}

// isTold reports whether an error says more than that time was up.
func isTold(err error) bool {
	var failed *objects.Error
	return errors.As(err, &failed)
}

// failedFor is for how long a failure answers further publications of the same, when it came twice.
const failedFor = 10 * time.Second

// stillAgain is for how long nobody waits again for a bucket that did not answer, unless it answers somebody else.
const stillAgain = 5 * time.Minute

func (p *publisher) justFailed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	age := p.t.o.Now().Sub(p.failedAt)
	switch {
	case p.failures > 1 && p.failedOf == len(p.named) && age < failedFor,
		p.failures > 0 && p.failedStill && p.failedAnswers == p.t.moving.answers.Load() && age < stillAgain:
		return p.failed
	}
	return nil
}

// noteFailure remembers how a publication went that was asked for with one context and made with another.
func (p *publisher) noteFailure(asked, made context.Context, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil || asked.Err() != nil { // who asked had no more time; the next one may
		p.failures, p.failed = 0, nil
		return
	}
	p.failures++
	p.failedStill = context.Cause(made) == errStill
	p.failed, p.failedAt, p.failedOf, p.failedAnswers = err, p.t.o.Now(), len(p.named), p.t.moving.answers.Load()
}

// unpublished adds to an error what waits because of it.
func (p *publisher) unpublished(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, at := range p.pending {
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

func (p *publisher) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

func (p *publisher) seal() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sealLocked()
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
		p.lost(in, err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("upload pack: %w", err)
	}
	defer f.Close()
	stored, err := p.t.o.Objects.Put(ctx, in.object(), f, ref.Size, ref.Sum.Sum())
	if err != nil {
		if failed := (*objects.Error)(nil); errors.As(err, &failed) && failed.Kind == objects.Unexpected && !isWhole(f, ref) {
			// The disk has changed it: no store will ever take it, and all others wait behind it.
			_ = os.Remove(local)
			p.lost(in, err)
			return nil
		}
		return err
	}
	p.noteTime(stored.Time)
	in.mu.Lock()
	in.held = true
	in.ref.Time = stored.Time.UTC().Truncate(time.Second)
	in.mu.Unlock()
	return nil
}

// lost takes back a sealed pack whose bytes are gone, and tells of it. What else there is can be published.
func (p *publisher) lost(in *packFile, err error) {
	p.t.problem("a pack is lost", err)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lostLocked(in)
	p.sealed = slices.DeleteFunc(p.sealed, func(o *packFile) bool { return o == in })
}

// isWhole reports whether a file has the bytes of a pack.
func isWhole(f *os.File, ref pack.Ref) bool {
	h := sha256.New()
	n, err := io.Copy(h, io.NewSectionReader(f, 0, ref.Size+1))
	return err != nil || n == ref.Size && [sha256.Size]byte(h.Sum(nil)) == ref.Sum.Sum()
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

// putIndex uploads an index of all that this process published, if there is more than the last one named. What waits in packs that are
// not uploaded yet is left to the next one.
func (p *publisher) putIndex(ctx context.Context) error {
	p.mu.Lock()
	entries, taken := slices.Clone(p.entries), map[entryID]bool{}
	for _, at := range p.pending {
		if _, _, held := at.in.state(); held {
			entries = append(entries, at)
			taken[entryID{at.in, at.rec.Offset}] = true
		}
	}
	p.mu.Unlock()
	if len(taken) > 0 {
		x := pack.Index{Provenance: p.t.o.Made}
		x.Packs, x.Records = gather(entries)
		b, err := pack.EncodeIndex(&x)
		if err != nil {
			return fmt.Errorf("write index: %w", err)
		}
		if err := p.putNamed(ctx, b, func(at time.Time) string {
			return pack.IndexName(p.t.o.Own.Root, p.t.o.Own.Name, at, p.t.o.Run, p.t.o.Job+"."+p.t.o.ID, profileHash(p.t.o.Profile), false)
		}); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.entries = entries
	p.pending = slices.DeleteFunc(p.pending, func(at location) bool {
		id := entryID{at.in, at.rec.Offset}
		if taken[id] && at.rec.Kind == pack.Result && !p.copied[id] {
			p.t.counts.Published.Add(1)
		}
		return taken[id]
	})
	for id := range taken {
		delete(p.copied, id)
	}
	p.first = time.Time{}
	if len(p.pending) > 0 {
		p.first = p.t.o.Now()
		p.nudge()
	}
	p.sealed = slices.DeleteFunc(p.sealed, func(in *packFile) bool {
		_, _, held := in.state()
		if held {
			p.box.uploaded(in)
		}
		return held
	})
	return nil
}

// gather makes a table of places whose packs the bucket has.
func gather(places []location) (refs []pack.Ref, records []pack.Located) {
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
	}
	return refs, records
}

// putNamed uploads an object whose name bears the time of the store, a later one than the name before: of two servers of a store one may be
// behind, and of a job only the newest index counts.
func (p *publisher) putNamed(ctx context.Context, b []byte, name func(time.Time) string) error {
	at, err := p.nameTime(ctx)
	if !at.After(p.nameAt) {
		at = p.nameAt.Add(time.Millisecond)
	}
	for try := 0; err == nil; try++ {
		var stored objects.Stored
		stored, err = putBytes(ctx, p.t.o.Objects, name(at), b)
		if err != nil {
			break
		}
		p.noteTime(stored.Time)
		p.nameAt = at
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

// putBytes stores an object that is in memory.
func putBytes(ctx context.Context, store objects.Store, name string, b []byte) (objects.Stored, error) {
	return store.Put(ctx, name, bytes.NewReader(b), int64(len(b)), sha256.Sum256(b))
}
