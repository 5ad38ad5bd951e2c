package report

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// totals is totals.json.
type totals struct {
	Schema int   `json:"schema"` // 1
	Tally  Tally `json:"tally"`  // of all folded files since the zeroing
	// Folded are files that Tally contains and that are still to be removed.
	Folded []string `json:"folded,omitempty"`
	// Zeroed is the time of the last zeroing; nil: never. Skip and Unrecorded are the lengths then of the files that were there.
	Zeroed     *time.Time       `json:"zeroed,omitempty"`
	Skip       map[string]int64 `json:"skip,omitempty"`
	Unrecorded int64            `json:"unrecorded,omitempty"`
}

func (t *totals) isFolded(name string) bool { return slices.Contains(t.Folded, name) }

// eachUnfolded opens the files whose events t does not contain, oldest first, and hands them to use, which closes them.
func (t *totals) eachUnfolded(dir string, use func(name string, f *spoolFile) error) error {
	names, err := spoolNames(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if t.isFolded(name) {
			continue
		}
		f, err := openSpoolFile(dir, name)
		if errors.Is(err, os.ErrNotExist) {
			continue // folded meanwhile, or a daemon without events has ended
		}
		if err != nil {
			return err
		}
		if err := use(name, f); err != nil {
			return err
		}
	}
	return nil
}

// readTotals returns totals.json parsed and as it is; a missing one is empty.
func readTotals(dir string) (*totals, []byte, error) {
	b, err := os.ReadFile(filepath.Join(dir, "totals.json"))
	if errors.Is(err, os.ErrNotExist) {
		return &totals{Schema: 1}, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read totals: %w", err)
	}
	t := &totals{}
	if err := json.Unmarshal(b, t); err != nil {
		return nil, nil, fmt.Errorf("read totals %s: %w", filepath.Join(dir, "totals.json"), err)
	}
	if t.Schema != 1 {
		return nil, nil, fmt.Errorf("read totals %s: schema %d, want 1", filepath.Join(dir, "totals.json"), t.Schema)
	}
	return t, b, nil
}

// writeTotals replaces totals.json; it is on disk when writeTotals returns, so what it names as folded may be removed.
// The caller holds the spool's lock.
func writeTotals(dir string, t *totals) error {
	b, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("write totals: %w", err)
	}
	tmp := filepath.Join(dir, "totals.tmp")
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write totals: %w", err)
	}
	_, err = f.Write(append(b, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(tmp, filepath.Join(dir, "totals.json"))
	}
	if err != nil {
		return fmt.Errorf("write totals: %w", err)
	}
	// Not every system can sync a directory; the rename is then as lasting as it gets.
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		d.Close()
	}
	return nil
}

// lockSpool waits for the spool's lock, which is held while one fold or zeroing lasts: half a second at most.
func lockSpool(ctx context.Context, dir string) (io.Closer, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock spool: %w", err)
	}
	for {
		locked, err := tryLock(f)
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("lock spool: %w", err)
		}
		if locked {
			return f, nil
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("lock spool: %w", ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Fold sums the oldest closed files into totals.json while closed files exceed FoldBytes or FoldFiles. Reading takes about
// 10 ms per megabyte, so a daemon calls it in the background, at its start and now and then. Folded events still count, but can no
// longer be explained or listed.
func Fold(ctx context.Context, dir string) error { return fold(ctx, dir, FoldBytes, FoldFiles) }

func fold(ctx context.Context, dir string, maxBytes int64, maxFiles int) error {
	if !canLock {
		return nil
	}
	lock, err := lockSpool(ctx, dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	t, _, err := readTotals(dir)
	if err != nil {
		return err
	}
	// What a crash left over.
	if err := removeFolded(dir, t); err != nil {
		return err
	}

	closed, err := closedFiles(dir)
	if err != nil {
		return err
	}
	// They stay locked until they are removed, so that nobody takes them for his own.
	defer func() {
		for _, f := range closed {
			f.Close()
		}
	}()
	var size int64
	for _, f := range closed {
		size += f.size
	}
	for i, f := range closed {
		if ctx.Err() != nil || size <= maxBytes && len(closed)-i <= maxFiles {
			break
		}
		if _, err := f.each(t.Skip[f.name], nil, func(e *compile.Event) { t.Tally.Add(e) }); err != nil {
			// Part of it may be in the sums by now: they must not be written.
			return err
		}
		size -= f.size
		delete(t.Skip, f.name)
		t.Folded = append(t.Folded, f.name)
	}
	if len(t.Folded) == 0 {
		return ctx.Err()
	}
	if err := writeTotals(dir, t); err != nil {
		return err
	}
	return removeFolded(dir, t)
}

// removeFolded removes what t lists as folded, and then the list.
func removeFolded(dir string, t *totals) error {
	if len(t.Folded) == 0 {
		return nil
	}
	for _, name := range t.Folded {
		if err := os.Remove(filepath.Join(dir, filepath.Base(name))); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove folded file: %w", err)
		}
	}
	t.Folded = nil
	return writeTotals(dir, t)
}

// closedFiles opens and locks the files that no daemon writes, oldest first.
func closedFiles(dir string) ([]*spoolFile, error) {
	names, err := spoolNames(dir)
	if err != nil {
		return nil, err
	}
	var closed []*spoolFile
	for _, name := range names {
		f, err := openSpoolFile(dir, name)
		if err != nil {
			continue
		}
		if locked, err := tryLock(f.File); err != nil || !locked {
			f.Close()
			continue
		}
		// Its writer may have appended between the open and the lock.
		if err := f.measure(); err != nil {
			f.Close()
			continue
		}
		closed = append(closed, f)
	}
	return closed, nil
}

// spoolNames returns the names of the files of events, oldest first. A missing directory has none.
func spoolNames(dir string) ([]string, error) {
	list, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read spool: %w", err)
	}
	var names []string
	for _, d := range list {
		if strings.HasSuffix(d.Name(), ".jsonl") && d.Type().IsRegular() {
			names = append(names, d.Name())
		}
	}
	return names, nil
}

// Zero makes counting start now: stats forget what is recorded so far; explanations do not. Daemons may go on
// recording meanwhile; what they record after Zero returned counts. It works on damaged totals too.
func Zero(ctx context.Context, dir string, now time.Time) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("create spool: %w", err)
	}
	lock, err := lockSpool(ctx, dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	t := &totals{Schema: 1, Zeroed: &now, Skip: map[string]int64{}}
	if old, _, err := readTotals(dir); err == nil {
		t.Folded = old.Folded
	}
	err = t.eachUnfolded(dir, func(name string, f *spoolFile) (err error) {
		defer f.Close()
		t.Skip[name], err = f.wholeLines()
		return err
	})
	if err != nil {
		return err
	}
	if t.Unrecorded, err = unrecordedSize(dir); err != nil {
		return err
	}
	return writeTotals(dir, t)
}

// wholeLines returns the length of the file up to the end of its last whole line: a line that is being written while
// Zero looks counts afterwards.
func (f *spoolFile) wholeLines() (int64, error) {
	from := max(0, f.size-MaxLine-1)
	tail := make([]byte, f.size-from)
	n, err := f.ReadAt(tail, from)
	if err != nil && err != io.EOF {
		return 0, fmt.Errorf("read spool file: %w", err)
	}
	if i := bytes.LastIndexByte(tail[:n], '\n'); i >= 0 {
		return from + int64(i) + 1, nil
	}
	return from, nil
}

// unrecordedSize returns how many wrappers ever reached no daemon.
func unrecordedSize(dir string) (int64, error) {
	info, err := os.Stat(filepath.Join(dir, "unrecorded"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read unrecorded: %w", err)
	}
	return info.Size(), nil
}
