package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// trimTo is the part of MaxBytes that trimming leaves, in percent: the next trim is some time away.
const trimTo = 90

// maxTemporaryAge is when a temporary file belongs to a process that was killed.
const maxTemporaryAge = time.Hour

// Trimmed says what a Trim did.
type Trimmed struct {
	Busy  bool  // another process was trimming; nothing was done
	Left  Sizes // what is stored now
	Files int64 // removed
	Bytes int64
}

// Trim counts what is stored, removes what killed processes left in tmp, and, if more than MaxBytes is stored, removes what
// was used longest ago until 90 % is left: blobs, results, sets and notes of all classes alike. So what this process has used since
// it was opened stays while anything older is left. It works in short steps
// and may be stopped by ctx at any point. It walks the store twice instead of keeping a list: a million results would
// be a list of hundreds of megabytes.
func (s *Store) Trim(ctx context.Context) (Trimmed, error) {
	lock, err := s.lockTrim()
	if err != nil {
		return Trimmed{}, fmt.Errorf("trim: %w", err)
	}
	if lock == nil {
		return Trimmed{Busy: true}, nil
	}
	defer lock.Close()

	s.removeTemporaries(lock)
	included := s.size.pending()
	var total, removed counts
	ages := map[int64]int64{}
	if err := s.walk(ctx, func(i item) error {
		total = total.plus(i.counts)
		ages[s.age(i)] += i.counts.bytes
		return nil
	}); err != nil {
		return Trimmed{}, fmt.Errorf("trim: %w", err)
	}
	if limit := s.opts.MaxBytes; limit > 0 && total.bytes > limit {
		removed, err = s.removeOldest(ctx, ages, total.bytes-limit/100*trimTo)
	}
	left := total.plus(counts{}.minus(removed))
	err = errors.Join(err, s.writeSize(left, s.now().Unix(), included))
	var files int64
	for _, n := range removed.files {
		files += n
	}
	s.log.Debug("trimmed", "files", files, "bytes", removed.bytes, "left", left.bytes)
	if err != nil {
		err = fmt.Errorf("trim: %w", err)
	}
	return Trimmed{Left: left.sizes(), Files: files, Bytes: removed.bytes}, err
}

func (s *Store) lockTrim() (*os.File, error) {
	lock, err := lockFile(s.lockPath())
	if errors.Is(err, fs.ErrNotExist) {
		if err = s.files.mkdirAll(s.dir); err == nil {
			lock, err = lockFile(s.lockPath())
		}
	}
	return lock, err
}

func (s *Store) walk(ctx context.Context, visit func(item) error) error {
	w := walker{dir: s.dir, files: s.files, pace: pace{now: s.now}, visit: visit}
	return w.walk(ctx)
}

// nameOf returns the name under which this process knows an item, and whether it reads the item's class at all.
func (s *Store) nameOf(i item) (name, bool) {
	class := slices.Index(s.classes, i.class)
	if i.kind == kindBlob {
		class = 0
	}
	return name{kind: i.kind, class: uint8(max(class, 0)), sum: i.sum}, class >= 0
}

// age returns the second of the last use. Seconds are fine enough, and keep the table of ages small however many files
// there are.
func (s *Store) age(i item) int64 {
	last := i.modified
	if n, ok := s.nameOf(i); ok {
		last = max(last, s.uses.last(n))
	}
	return last / int64(time.Second)
}

// removeOldest removes the oldest items, of about the given bytes in all. What was used since the ages were taken is younger now,
// and stays.
func (s *Store) removeOldest(ctx context.Context, ages map[int64]int64, bytes int64) (removed counts, err error) {
	var last int64 // of the ages that are removed; of this one only as much as is needed
	rest := bytes
	for _, a := range slices.Sorted(maps.Keys(ages)) {
		last = a
		if ages[a] >= rest {
			break
		}
		rest -= ages[a]
	}
	err = s.walk(ctx, func(i item) error {
		switch a := s.age(i); {
		case a > last || a == last && rest <= 0:
			return nil
		case a == last:
			rest -= i.counts.bytes
		}
		if err := s.removeItem(i); err != nil {
			return err
		}
		removed = removed.plus(i.counts)
		return nil
	})
	return removed, err
}

func (s *Store) removeItem(i item) error {
	if n, ok := s.nameOf(i); ok {
		s.memory.forget(n)
		s.uses.forget(n)
	}
	paths := []string{i.path}
	if i.kind == kindSets {
		entries, err := s.files.readDir(i.path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		paths = nil
		for _, e := range entries {
			paths = append(paths, i.path+"/"+e.Name())
		}
	}
	for _, p := range paths {
		if err := s.files.remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if i.kind == kindSets {
		os.Remove(i.path) // fails where a set has just been added, and so it should
	}
	return nil
}

// removeTemporaries removes what processes that were killed left behind. Their age is told by the file system's own clock, as
// a write to the lock file shows it: a clock that differs must not take away what another process is writing.
func (s *Store) removeTemporaries(lock *os.File) {
	if _, err := lock.WriteAt([]byte{'\n'}, 0); err != nil {
		return
	}
	now, err := stateAt(s.lockPath(), false)
	if err != nil {
		return
	}
	entries, err := s.files.readDir(s.tmpPath())
	if err != nil {
		return
	}
	for _, e := range entries {
		path := s.tmpPath() + "/" + e.Name()
		cleared := strings.HasPrefix(e.Name(), clearedPrefix)
		st, err := stateAt(path, cleared)
		switch {
		case err != nil || now.mtime-st.mtime <= int64(maxTemporaryAge):
		case cleared:
			os.RemoveAll(path)
		default:
			s.files.remove(path)
		}
	}
}
