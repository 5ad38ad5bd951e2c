package disk

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/cache"
)

// What the quarantine keeps at most: enough to find a failing disk by, not enough to fill one.
const (
	maxQuarantineFiles = 32
	maxQuarantineBytes = 256 << 20
)

// corrupt puts a file aside and returns the error that says so. seen is the state in which it was found wrong, where known:
// a file that has been replaced since is left alone. Whatever fails here is logged, and the caller's answer is the same.
func (s *Store) corrupt(path, id string, seen state, cause error) error {
	s.log.Warn("corrupt file in the store", "name", id, "cause", cause.Error())
	if st, err := stateAt(path, false); err != nil || seen == (state{}) || st == seen {
		if err := s.putAside(path, id); err != nil {
			s.log.Warn("quarantine failed", "name", id, "cause", err.Error())
		}
	}
	return &cache.CorruptError{Name: id, Cause: cause}
}

func (s *Store) putAside(path, id string) error {
	dir := filepath.Join(s.opts.Dir, "quarantine")
	err := s.files.mkdirAll(dir)
	if err == nil {
		// Once in quarantine a file is no longer part of the store, so it is not counted; trimming recounts.
		err = s.files.rename(path, filepath.Join(dir, strings.NewReplacer(" ", "-", "/", "-").Replace(id)))
	}
	if err != nil {
		return os.RemoveAll(path)
	}
	s.boundQuarantine(dir)
	return nil
}

// boundQuarantine removes the oldest files beyond the bounds.
func (s *Store) boundQuarantine(dir string) {
	entries, err := s.files.readDir(dir)
	if err != nil {
		return
	}
	type aside struct {
		path string
		st   state
	}
	var files []aside
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), withdrawnPrefix) || strings.HasPrefix(e.Name(), "recheck-") {
			continue // these have bounds of their own
		}
		path := filepath.Join(dir, e.Name())
		st, err := stateAt(path, false)
		if err != nil {
			os.RemoveAll(path) // a link or directory tells nothing
			continue
		}
		files = append(files, aside{path, st})
	}
	// The change time is when a file was moved here.
	slices.SortFunc(files, func(a, b aside) int { return cmp.Compare(b.st.ctime, a.st.ctime) })
	var bytes int64
	for i, f := range files {
		if bytes += f.st.size; i >= maxQuarantineFiles || bytes > maxQuarantineBytes {
			s.files.remove(f.path)
		}
	}
}
