package tiers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// defaultDeadline is how long a lookup waits for a tier: a result and its blobs from a store in the same region take a tenth of it,
// and a compile that is worth caching takes about as long.
const defaultDeadline = 2 * time.Second

// Far is a tier behind the near store.
type Far struct {
	Name     string // "edge", "bucket"
	Store    cache.Store
	Write    bool          // what is put goes there too
	Deadline time.Duration // of one lookup; 0 means 2 s
}

// Options are what a stack is made of.
type Options struct {
	Near     cache.Store // its OpenFile, Notes and Close are used where it has them
	NearName string      // "" means "disk"
	Far      []Far       // in the order in which they are asked
	Now      func() time.Time
	Log      *slog.Logger // nil discards

	// Problem is told of each failure of a far tier; nil tells nobody. It is called from many goroutines and must not block.
	Problem func(tier string, err error)

	// QueueOperations and QueueBytes bound what waits to be written to one tier: blobs, results, sets and notes, and the bytes of
	// the blobs. 0 means 10,000 and 256 MiB.
	QueueOperations int
	QueueBytes      int64
}

// Stack is a near store with far tiers behind it. It is a cache.Store with all extensions.
type Stack struct {
	near  cache.Store
	files cache.FileOpener // nil where near has none
	notes cache.Notes      // nil where near has none
	name  string
	far   []*far
	users []cache.Users

	origins marks // of results: 1 + index in far of the tier that gave it
	sets    marks // of input sets: bits of the tiers that have given it

	closing sync.Once
}

var (
	_ cache.Store      = (*Stack)(nil)
	_ cache.FileOpener = (*Stack)(nil)
	_ cache.Notes      = (*Stack)(nil)
	_ cache.Distant    = (*Stack)(nil)
	_ cache.Origins    = (*Stack)(nil)
	_ cache.Users      = (*Stack)(nil)
	_ cache.Closer     = (*Stack)(nil)
	_ cache.Withdrawer = (*Stack)(nil)
)

// New returns a stack, which then owns its stores. Close must be called.
func New(o Options) *Stack {
	if o.NearName == "" {
		o.NearName = "disk"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Problem == nil {
		o.Problem = func(string, error) {}
	}
	if o.QueueOperations <= 0 {
		o.QueueOperations = 10_000
	}
	if o.QueueBytes <= 0 {
		o.QueueBytes = 256 << 20
	}
	s := &Stack{near: o.Near, name: o.NearName, origins: newMarks(maxMarks), sets: newMarks(maxMarks)}
	s.files, _ = o.Near.(cache.FileOpener)
	s.notes, _ = o.Near.(cache.Notes)
	for i, f := range o.Far {
		t := newFar(f, uint8(1)<<i, &o)
		if f.Write {
			t.writer = startWriter(t, o.Near, &o)
		}
		if u, ok := f.Store.(cache.Users); ok {
			s.users = append(s.users, u)
		}
		s.far = append(s.far, t)
	}
	return s
}

// InputSets implements cache.Store: what is near.
func (s *Stack) InputSets(ctx context.Context, compilation digest.Key) ([]*compile.InputSet, error) {
	return s.near.InputSets(ctx, compilation)
}

// DistantInputSets implements cache.Distant. All far tiers are asked at once; of each the newest sets come first. Sets that are
// near are among them: one may have landed since the caller asked for the near ones. An error is returned only where no
// tier had a set.
func (s *Stack) DistantInputSets(ctx context.Context, compilation digest.Key) ([]*compile.InputSet, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	lists := make([][]*compile.InputSet, len(s.far))
	errs := make([]error, len(s.far))
	var all sync.WaitGroup
	for i, t := range s.far {
		all.Go(func() {
			lists[i], errs[i] = ask(ctx, t, callName{kind: callSets, key: compilation}, 0, func(ctx context.Context) ([]*compile.InputSet, error) {
				return t.Store.InputSets(ctx, compilation)
			})
		})
	}
	all.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if sets := s.union(compilation, lists); len(sets) > 0 {
		return sets, nil
	}
	for _, err := range errs {
		if isFailure(err) {
			return nil, err
		}
	}
	return []*compile.InputSet{}, nil
}

// union merges the lists of the far tiers by rank, and notes which tiers have which set.
func (s *Stack) union(compilation digest.Key, lists [][]*compile.InputSet) []*compile.InputSet {
	longest := 0
	for _, l := range lists {
		longest = max(longest, len(l))
	}
	seen := map[digest.Key]bool{}
	var sets []*compile.InputSet
	for rank := range longest {
		for i, l := range lists {
			if rank >= len(l) {
				continue
			}
			id, ok := setID(l[rank])
			if !ok {
				continue
			}
			s.sets.add(setName(compilation, id), s.far[i].bit)
			if !seen[id] && len(sets) < cache.MaxInputSets {
				seen[id] = true
				sets = append(sets, l[rank])
			}
		}
	}
	return sets
}

// setID returns what names a set by its content.
func setID(set *compile.InputSet) (digest.Key, bool) {
	b, err := compile.AppendInputSet(nil, set)
	return digest.KeyOf(b), err == nil
}

// setName returns what names a set of a compilation among all.
func setName(compilation, id digest.Key) digest.Key {
	a, b := compilation.Sum(), id.Sum()
	return digest.KeyOf(append(a[:], b[:]...))
}

// Put implements cache.Store. Far tiers get the blob with the first result that names it.
func (s *Stack) Put(ctx context.Context, d digest.Digest, open func() (io.ReadCloser, error)) error {
	if err := writable(ctx); err != nil {
		return fmt.Errorf("put blob %s: %w", d, err)
	}
	return s.near.Put(ctx, d, open)
}

// PutResult implements cache.Store.
func (s *Stack) PutResult(ctx context.Context, key digest.Key, r *compile.Result) error {
	if err := writable(ctx); err != nil {
		return fmt.Errorf("put result %s: %w", key.Short(), err)
	}
	if err := s.near.PutResult(ctx, key, r); err != nil {
		return err
	}
	s.origins.set(key, 0)
	s.writeResult(s.far, key, r)
	return nil
}

// writeResult queues a result for those of the tiers that are written.
func (s *Stack) writeResult(to []*far, key digest.Key, r *compile.Result) {
	var record []byte
	for _, t := range to {
		if t.writer == nil {
			continue
		}
		if record == nil {
			// The caller's result may change after the put, so its stored form waits.
			var err error
			if record, err = compile.AppendResult(nil, r); err != nil {
				return
			}
		}
		t.writer.addResult(key, record, r.Outputs)
	}
}

// AddInputSet implements cache.Store. A tier that has given this set for this compilation is not given it again.
func (s *Stack) AddInputSet(ctx context.Context, compilation digest.Key, set *compile.InputSet) error {
	if err := writable(ctx); err != nil {
		return fmt.Errorf("put input set of %s: %w", compilation.Short(), err)
	}
	if err := s.near.AddInputSet(ctx, compilation, set); err != nil {
		return err
	}
	if !slices.ContainsFunc(s.far, func(t *far) bool { return t.writer != nil }) {
		return nil
	}
	record, err := compile.AppendInputSet(nil, set)
	if err != nil {
		return err
	}
	known := s.sets.get(setName(compilation, digest.KeyOf(record)))
	for _, t := range s.far {
		if t.writer != nil && known&t.bit == 0 {
			t.writer.addSet(compilation, record)
		}
	}
	return nil
}

// Note implements cache.Notes: what is near, else what a far tier has.
func (s *Stack) Note(ctx context.Context, name digest.Key) ([]byte, error) {
	err := cache.ErrNotFound
	if s.notes != nil {
		b, nerr := s.notes.Note(ctx, name)
		if nerr == nil || !isAbsent(nerr) {
			return b, nerr
		}
		err = nerr
	}
	for _, t := range s.far {
		notes, ok := t.Store.(cache.Notes)
		if !ok {
			continue
		}
		b, ferr := ask(ctx, t, callName{kind: callNote, key: name}, 0, func(ctx context.Context) ([]byte, error) { return notes.Note(ctx, name) })
		if ferr == nil {
			return b, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		err = worse(err, ferr)
	}
	return nil, err
}

// PutNote implements cache.Notes.
func (s *Stack) PutNote(ctx context.Context, name digest.Key, b []byte) error {
	if err := writable(ctx); err != nil {
		return fmt.Errorf("put note: %w", err)
	}
	if s.notes != nil {
		if err := s.notes.PutNote(ctx, name, b); err != nil {
			return err
		}
	}
	for _, t := range s.far {
		if _, ok := t.Store.(cache.Notes); ok && t.writer != nil {
			t.writer.addNote(name, slices.Clone(b))
		}
	}
	return nil
}

// Origin implements cache.Origins. It remembers the last million results that came from far tiers; others are the near store's.
func (s *Stack) Origin(key digest.Key) string {
	if i := int(s.origins.get(key)); 0 < i && i <= len(s.far) {
		return s.far[i-1].Name
	}
	return s.name
}

// Use implements cache.Users: it tells the far tiers that want to know.
func (s *Stack) Use(key, compilation digest.Key, set *compile.InputSet, r *compile.Result) {
	for _, u := range s.users {
		u.Use(key, compilation, set, r)
	}
}

func writable(ctx context.Context) error {
	if cache.IsReadOnly(ctx) {
		return cache.ErrReadOnly
	}
	return nil
}

// Close writes what is queued, as long as ctx lasts, then closes the far tiers and the near store. The error tells what was not
// written.
func (s *Stack) Close(ctx context.Context) error {
	var err error
	s.closing.Do(func() { err = s.close(ctx) })
	return err
}

func (s *Stack) close(ctx context.Context) error {
	errs := s.eachFar(func(t *far) error {
		var err error
		if t.writer != nil {
			err = t.writer.close(ctx)
		}
		return errors.Join(err, t.close(ctx))
	})
	if c, ok := s.near.(cache.Closer); ok {
		errs = append(errs, c.Close(ctx))
	}
	return errors.Join(errs...)
}

// Flush hands what is queued to the far tiers and has those that gather it (cache.Publisher) publish it. It waits as long as ctx
// lasts; the error tells what is left.
func (s *Stack) Flush(ctx context.Context) error {
	return errors.Join(s.eachFar(func(t *far) error {
		if t.writer == nil {
			return nil
		}
		err := t.writer.flush(ctx)
		if p, ok := t.Store.(cache.Publisher); ok && ctx.Err() == nil {
			err = errors.Join(err, t.named(t.within(ctx, p.Publish)))
		}
		return err
	})...)
}

// eachFar calls f for all far tiers at once, so that one that hangs takes no time from the others.
func (s *Stack) eachFar(f func(*far) error) []error {
	errs := make([]error, len(s.far))
	var all sync.WaitGroup
	for i, t := range s.far {
		all.Go(func() { errs[i] = f(t) })
	}
	all.Wait()
	return errs
}
