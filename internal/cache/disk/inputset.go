package disk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// maxSets is how many sets a directory may hold; the add that exceeds it removes all but the newest
// cache.MaxInputSets, so that most adds remove nothing.
const maxSets = 32

// setID is what the record of an input set is sealed as.
func setID(compilation name, id digest.Key) string { return compilation.label() + "/" + id.String() }

// InputSets implements cache.Store. A set that another process added is seen at once where the file system's clock can
// tell the change, and everywhere after two seconds.
func (s *Store) InputSets(ctx context.Context, compilation digest.Key) ([]*compile.InputSet, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var all []knownSet
	for class := range uint8(len(s.classes)) {
		m, err := s.manifest(name{kindSets, class, compilation.Sum()})
		if err != nil {
			return nil, err
		}
		if len(s.classes) == 1 {
			return m.newest, nil
		}
		for _, set := range m.sets {
			if !slices.ContainsFunc(all, func(other knownSet) bool { return other.id == set.id }) {
				all = append(all, set)
			}
		}
	}
	sortNewestFirst(all)
	return newest(all), nil
}

// noSets is the manifest of a compilation without sets.
var noSets = &manifest{newest: []*compile.InputSet{}}

// manifest returns the sets of a compilation in one class.
func (s *Store) manifest(n name) (*manifest, error) {
	dir := s.path(n)
	now := s.now()
	proof, err := stateAt(dir, true)
	if errors.Is(err, fs.ErrNotExist) {
		return noSets, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", n.label(), err)
	}
	known, _ := s.memory.get(n).(*manifest)
	if known != nil && known.proof == proof {
		s.uses.mark(n, now)
		return known, nil
	}
	files, err := s.listSets(n, dir)
	if err != nil {
		return nil, err
	}
	m := &manifest{}
	if proof.settled(now) {
		m.proof = proof
	}
	for _, f := range files[:min(len(files), cache.MaxInputSets)] {
		if known != nil {
			if i := slices.IndexFunc(known.sets, func(k knownSet) bool { return k.id == f.id }); i >= 0 {
				f.set = known.sets[i].set
			}
		}
		if f.set == nil {
			f.set, err = s.readSet(n, dir, f.id)
		}
		if errors.Is(err, cache.ErrNotFound) {
			err = nil
			continue
		}
		if err != nil {
			return nil, err
		}
		m.sets = append(m.sets, f)
	}
	m.newest = newest(m.sets)
	s.memory.put(n, m, manifestCost(m))
	s.uses.mark(n, now)
	return m, nil
}

// listSets returns the sets of a directory, newest first, not decoded.
func (s *Store) listSets(n name, dir string) ([]knownSet, error) {
	entries, err := s.files.readDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read %s: %w", n.label(), err)
	}
	var sets []knownSet
	for _, e := range entries {
		id, err := digest.ParseKey(e.Name())
		if err != nil {
			continue
		}
		// A set that disappears now, or is none, is not there.
		if st, err := stateAt(dir+"/"+e.Name(), false); err == nil {
			sets = append(sets, knownSet{id: id, added: st.mtime})
		}
	}
	sortNewestFirst(sets)
	return sets, nil
}

func (s *Store) readSet(n name, dir string, id digest.Key) (*compile.InputSet, error) {
	path := dir + "/" + id.String()
	payload, err := s.readRecord(path, setID(n, id))
	if err != nil {
		return nil, err
	}
	set, err := compile.ParseInputSet(payload)
	if err != nil {
		return nil, s.corrupt(path, setID(n, id), state{}, err)
	}
	return set, nil
}

func sortNewestFirst(sets []knownSet) {
	slices.SortFunc(sets, func(a, b knownSet) int {
		if a.added != b.added {
			return cmp.Compare(b.added, a.added)
		}
		x, y := a.id.Sum(), b.id.Sum()
		return slices.Compare(x[:], y[:])
	})
}

// newest returns the first sets of a sorted list.
func newest(sets []knownSet) []*compile.InputSet {
	list := make([]*compile.InputSet, 0, cache.MaxInputSets)
	for _, k := range sets[:min(len(sets), cache.MaxInputSets)] {
		list = append(list, k.set)
	}
	return list
}

// AddInputSet implements cache.Store. Also a set that is there already is written anew: the rename is what other processes
// notice.
func (s *Store) AddInputSet(ctx context.Context, compilation digest.Key, set *compile.InputSet) error {
	n := name{kind: kindSets, sum: compilation.Sum()}
	if err := s.refusePut(ctx); err != nil {
		return fmt.Errorf("put %s: %w", n.label(), err)
	}
	payload, err := compile.AppendInputSet(nil, set)
	if err != nil {
		return fmt.Errorf("put %s: %w", n.label(), err)
	}
	if set, err = compile.ParseInputSet(payload); err != nil {
		return fmt.Errorf("put %s: %w", n.label(), err)
	}
	dir, id, added := s.path(n), digest.KeyOf(payload), s.nextAdded()
	if _, err := stateAt(dir, true); errors.Is(err, fs.ErrNotExist) {
		s.grown(counts{bytes: directoryFootprint})
	}
	if err := s.writeRecord(kindSets, dir+"/"+id.String(), setID(n, id), payload, added); err != nil {
		return err
	}

	// The next lookup reads the directory again; the decoded sets spare it the files.
	m := &manifest{sets: []knownSet{{id: id, added: added.UnixNano(), set: set}}}
	if known, ok := s.memory.get(n).(*manifest); ok {
		for _, k := range known.sets {
			if k.id != id && len(m.sets) < cache.MaxInputSets {
				m.sets = append(m.sets, k)
			}
		}
	}
	s.memory.put(n, m, manifestCost(m))
	s.pruneSets(n, dir)
	return nil
}

// nextAdded returns the time for a new set: now, but later than that of any before.
func (s *Store) nextAdded() time.Time {
	for {
		last, now := s.lastAdded.Load(), s.now().UnixNano()
		next := max(now, last+1)
		if s.lastAdded.CompareAndSwap(last, next) {
			return time.Unix(0, next)
		}
	}
}

// pruneSets removes the oldest sets of a directory that holds too many. A failure leaves too many, which harms no one.
func (s *Store) pruneSets(n name, dir string) {
	sets, err := s.listSets(n, dir)
	if err != nil || len(sets) <= maxSets {
		return
	}
	for _, k := range sets[cache.MaxInputSets:] {
		path := dir + "/" + k.id.String()
		st, err := stateAt(path, false)
		if err == nil && s.files.remove(path) == nil {
			var change counts
			change.add(kindSets, -1, -footprint(st.size))
			s.grown(change)
		}
	}
}
