package disk

import (
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"time"
)

// item is one thing that lives and is trimmed as a whole: a file, or the directory of one compilation's sets.
type item struct {
	kind     kind
	class    string // "" for blobs
	sum      [32]byte
	path     string
	counts   counts
	modified int64 // last use as the file system knows it, nanoseconds
}

// walker visits all items of a store, of all classes. What disappears meanwhile is passed over, what does not belong is
// not visited.
type walker struct {
	dir   string // store/v1
	files files
	pace  pace
	visit func(item) error
}

func (w *walker) walk(ctx context.Context) error {
	if err := w.shards(ctx, w.dir+"/cas", kindBlob, ""); err != nil {
		return err
	}
	for _, class := range classes {
		for k := kindResult; k < kinds; k++ {
			if err := w.shards(ctx, w.dir+"/"+class+"/"+k.String(), k, class); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *walker) shards(ctx context.Context, dir string, k kind, class string) error {
	shards, err := w.list(dir)
	if err != nil {
		return err
	}
	for _, shard := range shards {
		entries, err := w.list(dir + "/" + shard)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := w.pace.step(ctx); err != nil {
				return err
			}
			i := item{kind: k, class: class, path: dir + "/" + shard + "/" + e}
			if n, err := hex.Decode(i.sum[:], []byte(e)[:min(len(e), 64)]); err != nil || n != len(i.sum) || len(e) != 64 {
				continue
			}
			if !w.measure(&i) {
				continue
			}
			if err := w.visit(i); err != nil {
				return err
			}
		}
	}
	return nil
}

// measure fills in what stat tells; false where there is nothing any more.
func (w *walker) measure(i *item) bool {
	st, err := stateAt(i.path, i.kind == kindSets)
	if err != nil {
		return false
	}
	i.modified = st.mtime
	if i.kind != kindSets {
		i.counts.add(i.kind, 1, footprint(st.size))
		return true
	}
	i.counts.bytes = directoryFootprint
	names, err := w.list(i.path)
	for _, n := range names {
		if st, err := stateAt(i.path+"/"+n, false); err == nil {
			i.counts.add(kindSets, 1, footprint(st.size))
		}
	}
	return err == nil
}

// list returns the names in a directory; an absent one has none.
func (w *walker) list(dir string) ([]string, error) {
	entries, err := w.files.readDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

// Background work takes at most half of a processor, in pieces that no compile notices.
const (
	workStep = 10 * time.Millisecond
	restStep = 10 * time.Millisecond
)

// pace interrupts long work. The zero pace never rests.
type pace struct {
	now   func() time.Time
	until time.Time // end of the current step
}

// step is called before each small piece of work; it rests where a step is over.
func (p *pace) step(ctx context.Context) error {
	if err := ctx.Err(); err != nil || p.now == nil {
		return err
	}
	switch now := p.now(); {
	case p.until.IsZero():
		p.until = now.Add(workStep)
	case now.After(p.until):
		rest := time.NewTimer(restStep)
		defer rest.Stop()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-rest.C:
		}
		p.until = p.now().Add(workStep)
	}
	return nil
}
