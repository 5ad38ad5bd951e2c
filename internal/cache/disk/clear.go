package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// clearedPrefix begins the names of trees in tmp that are being deleted.
const clearedPrefix = "cleared-"

// Clear removes everything stored, of every class. Other processes may use the store meanwhile: each part is renamed
// aside at once, results and sets before the blobs they name, and a process that remembers a result sees that the directory
// of its class is another. What is put while Clear runs may stay.
func (s *Store) Clear(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	aside, asideErr := s.clearedDir()
	var failed error
	for _, part := range append(slices.Clone(classes), "cas") {
		err := asideErr
		if err == nil {
			err = os.Rename(s.dir+"/"+part, aside+"/"+part)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			// A full disk, the best reason to clear, may refuse a new name.
			failed = errors.Join(failed, removeTree(ctx, s.dir+"/"+part))
		}
	}
	s.memory.clear()
	s.uses.take()
	sizeErr := s.writeSize(counts{}, s.now().Unix(), s.size.pending())
	if asideErr == nil {
		failed = errors.Join(failed, removeTree(ctx, aside))
	}
	if sizeErr != nil { // the full disk has room only now
		sizeErr = s.writeSize(counts{}, s.now().Unix(), s.size.pending())
	}
	failed = errors.Join(failed, sizeErr)
	if failed != nil {
		return fmt.Errorf("clear: %w", failed)
	}
	return nil
}

func (s *Store) clearedDir() (string, error) {
	if err := s.files.mkdirAll(s.tmpPath()); err != nil {
		return "", err
	}
	return os.MkdirTemp(s.tmpPath(), clearedPrefix)
}

// removeTree removes a tree directory by directory, so that ctx can stop it; the next trim removes the rest.
func removeTree(ctx context.Context, dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		path := dir + "/" + e.Name()
		if e.IsDir() {
			err = removeTree(ctx, path)
		} else {
			err = os.Remove(path)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
