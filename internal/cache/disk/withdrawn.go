package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

const withdrawnPrefix = "withdrawn-"

// withdrawn are the keys out of use. They are not kept as records of the store, because a wrong result that lies in a bucket too
// would come back when the record is trimmed or cleared. Each class has a file that only its own processes write, so that a pull
// request takes nothing from the main branch. Another process's additions are seen at once: a lookup costs a stat for each class.
type withdrawn struct {
	paths []string // own class first

	mu   sync.Mutex
	seen []state                   // of the files when they were read, zero where absent; guarded by mu, as keys
	keys []map[digest.Key]struct{} // by class
}

func newWithdrawn(instance string, classes []string) *withdrawn {
	w := &withdrawn{seen: make([]state, len(classes)), keys: make([]map[digest.Key]struct{}, len(classes))}
	for _, class := range classes {
		w.paths = append(w.paths, filepath.Join(instance, "quarantine", withdrawnPrefix+class))
	}
	return w
}

func (w *withdrawn) has(key digest.Key) bool {
	for i, path := range w.paths {
		st, err := stateAt(path, false)
		if w.hasIn(i, st, errors.Is(err, fs.ErrNotExist), key) {
			return true
		}
	}
	return false
}

// hasIn looks in one class, whose file is in this state, or absent. What cannot be read leaves what was known.
func (w *withdrawn) hasIn(class int, now state, absent bool, key digest.Key) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case absent:
		w.seen[class], w.keys[class] = state{}, nil
	case now != state{} && now != w.seen[class]:
		if keys, st, err := readWithdrawn(w.paths[class]); err == nil {
			w.seen[class], w.keys[class] = st, keys
		}
	}
	_, ok := w.keys[class][key]
	return ok
}

// readWithdrawn reads a file of keys. A line that is none, because a crash or a full disk cut it, is passed over.
func readWithdrawn(path string) (map[digest.Key]struct{}, state, error) {
	f, st, err := openRegular(path)
	if err != nil {
		return nil, state{}, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, st.size))
	if err != nil {
		return nil, state{}, err
	}
	keys := map[digest.Key]struct{}{}
	for line := range bytes.Lines(b) {
		if key, err := digest.ParseKey(string(bytes.TrimSuffix(line, []byte{'\n'}))); err == nil {
			keys[key] = struct{}{}
		}
	}
	return keys, st, nil
}

// add appends a key to the own class's file, and returns when it is on the disk.
func (w *withdrawn) add(key digest.Key) error {
	f, err := os.OpenFile(w.paths[0], os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	// The line end before it parts the key from a line that was cut.
	_, err = f.WriteString("\n" + key.String() + "\n")
	return errors.Join(err, f.Sync(), f.Close())
}

// Withdraw implements cache.Withdrawer. The result of the own class is removed.
func (s *Store) Withdraw(ctx context.Context, key digest.Key) error {
	n := name{kind: kindResult, sum: key.Sum()}
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.withdrawn.has(key) {
		return nil
	}
	err := s.files.mkdirAll(filepath.Dir(s.withdrawn.paths[0]))
	if err == nil {
		err = s.withdrawn.add(key)
	}
	// Also where the key could not be noted: it is then out of use until somebody brings the result again.
	s.memory.forget(n)
	if rerr := s.files.remove(s.path(n)); !errors.Is(rerr, fs.ErrNotExist) {
		err = errors.Join(err, rerr)
	}
	if err != nil {
		return fmt.Errorf("withdraw %s: %w", n.label(), err)
	}
	return nil
}

// Reverify implements cache.Withdrawer: the blob is hashed as if it had never been.
func (s *Store) Reverify(ctx context.Context, d digest.Digest) error {
	s.verified.Forget(d.Sum())
	f, err := s.OpenFile(ctx, d)
	if err != nil {
		return err
	}
	return f.Close()
}
