// Package report turns events into numbers and numbers into text: the spool that holds one event per invocation, and now and then a
// record of what a tier beyond this machine did; the sums of stats --json; and the terminal, Markdown, JSON and HTML reports and
// explanations made of them.
//
// # The spool
//
// An instance's spool directory holds
//
//	<UTC yyyymmddThhmmss>-<pid>[-<n>].jsonl   events of one daemon, one JSON object a line (compile.Event)
//	totals.json                               sums of folded files, and where counting starts (see totals)
//	lock                                      locked while totals.json is replaced
//	unrecorded                                one byte for each wrapper that reached no daemon
//
// A daemon appends each event with one write before it lets the wrapper go, so a daemon that is killed loses no event that
// was answered. It holds a lock on its file while it lives; a file that nobody locks is closed and never written
// again. Closed files beyond FoldBytes are summed into totals.json, oldest first. That file is replaced by a rename
// that records the sums and the names of what they contain at once, and only then are those files removed: whoever reads
// totals.json knows for every file whether it is counted there, wherever a crash came between.
//
// Zeroing replaces totals.json by empty sums and the present length of each file; what lies before it no longer counts.
// Lengths are used and not times, because clocks step back.
//
// Readers take no lock: they read totals.json, open the other files, and start again if totals.json changed meanwhile.
// Any number of daemons, readers, folders and zeroers may work on one spool at once.
//
// # Foreign strings
//
// Names in events come from the compiled project. Reports show them cut to 200 bytes, without control, format and
// bidirectional characters, and so that neither Markdown, HTML nor a workflow command can be formed from them.
package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// Limits of the spool.
const (
	// RollBytes is the size at which a daemon begins its next file.
	RollBytes = 16 << 20
	// FoldBytes and FoldFiles are how much closed files may hold together, and how many there may be, before Fold sums up the
	// oldest. 32 MB are about 80,000 compiles that can still be explained.
	FoldBytes = 32 << 20
	FoldFiles = 500
	// MaxLine bounds one event. Readers skip longer lines.
	MaxLine = 1 << 20

	// maxPending bounds the bytes that wait in memory while they cannot be written, as on a full disk.
	maxPending = 8 << 20
	// maxField is what is left of each string of an event that would exceed MaxLine, and maxCauses of its causes: together, and
	// with what shortStorage leaves, less than MaxLine even if each byte is escaped with six.
	maxField  = 1 << 10
	maxCauses = 16
)

// SpoolDir returns the spool directory of an instance.
func SpoolDir(instance string) string { return filepath.Join(instance, "spool") }

// Writer appends one daemon's events. Its methods may be called from many goroutines.
type Writer struct {
	dir string
	pid int
	now func() time.Time

	mu      sync.Mutex // guards what follows
	file    *os.File   // locked; nil once closed
	size    int64
	pending bytes.Buffer // whole lines, but for the first, whose beginning may be written
	limit   int64        // of size: RollBytes, less in tests
}

// OpenWriter creates the directory where it is missing, and in it a file of this process. now gives the time for file names.
func OpenWriter(dir string, pid int, now func() time.Time) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create spool: %w", err)
	}
	w := &Writer{dir: dir, pid: pid, now: now, limit: RollBytes}
	if err := w.create(); err != nil {
		return nil, err
	}
	return w, nil
}

// Record appends e with one write. After an error the event waits in memory for the next Record or Close, so it is
// lost only if the process ends before the disk recovers, or if more than a few megabytes wait; the caller reports the error.
func (w *Writer) Record(e *compile.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file == nil {
		return errors.New("record event: spool is closed")
	}
	if w.pending.Len() > maxPending {
		if err := w.flush(); err != nil {
			return fmt.Errorf("record event (dropped): %w", err)
		}
	}
	if err := appendEvent(&w.pending, e); err != nil {
		return fmt.Errorf("record event: %w", err)
	}
	if err := w.flush(); err != nil {
		return fmt.Errorf("record event: %w", err)
	}
	if w.size >= w.limit {
		// The old file serves on if there can be no new one.
		old := w.file
		if err := w.create(); err != nil {
			return fmt.Errorf("begin next file: %w", err)
		}
		old.Close()
	}
	return nil
}

// Close writes what waits and unlocks the file; a file without events is removed. Closing twice is harmless.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file == nil {
		return nil
	}
	err := w.flush()
	if w.size == 0 {
		err = errors.Join(err, os.Remove(w.file.Name()))
	}
	err = errors.Join(err, w.file.Close())
	w.file = nil
	return err
}

// flush writes pending with one write. What a short write left over stays pending: it continues its line.
func (w *Writer) flush() error {
	n, err := w.file.Write(w.pending.Bytes())
	w.pending.Next(n)
	w.size += int64(n)
	return err
}

// create makes, locks and takes a new file.
func (w *Writer) create() error {
	stem := w.now().UTC().Format("20060102T150405") + "-" + strconv.Itoa(w.pid)
	for n := range 1000 {
		name := stem
		if n > 0 {
			// Another pid namespace, or a clock that stepped back.
			name += "-" + strconv.Itoa(n)
		}
		name += ".jsonl"
		path := filepath.Join(w.dir, name)
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("create spool file: %w", err)
		}
		if usable, err := claim(f, w.dir, name); err != nil {
			f.Close()
			return fmt.Errorf("create spool file: %w", err)
		} else if !usable {
			f.Close()
			continue
		}
		w.file, w.size = f, 0
		return nil
	}
	return fmt.Errorf("create spool file: a thousand files are called %s", stem)
}

// claim locks a file just created and reports whether it may be used: between creation and lock, Fold may have taken it for
// a closed one; and a name that totals.json lists as folded would not be counted.
func claim(f *os.File, dir, name string) (bool, error) {
	locked, err := tryLock(f)
	if err != nil || !locked {
		return false, err
	}
	t, _, err := readTotals(dir)
	if err != nil {
		// Damaged totals are the readers' business; they must not stop recording.
		t = &totals{}
	}
	if t.isFolded(name) {
		return false, os.Remove(filepath.Join(dir, name))
	}
	at, err := os.Stat(filepath.Join(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	own, err := f.Stat()
	return err == nil && os.SameFile(at, own), err
}

// appendEvent appends e's line to b: all of it, or nothing.
func appendEvent(b *bytes.Buffer, e *compile.Event) error {
	start := b.Len()
	if err := encodeEvent(b, e); err != nil {
		b.Truncate(start)
		return err
	}
	if b.Len()-start <= MaxLine {
		return nil
	}
	b.Truncate(start)
	short := shortened(e)
	return encodeEvent(b, &short)
}

// shortened returns e with its strings and causes cut to what always fits into a line.
func shortened(e *compile.Event) compile.Event {
	short := *e
	for _, s := range []*string{
		&short.Run, &short.Detail, &short.NotStored, &short.Tier, &short.Compiler, &short.Program, &short.Dir,
		&short.Source, &short.Output, &short.Key, &short.Compilation, (*string)(&short.Reason), (*string)(&short.Outcome),
	} {
		*s = (*s)[:min(len(*s), maxField)]
	}
	short.Causes = nil
	if e.Storage != nil {
		short.Storage = shortStorage(e.Storage)
	}
	for _, c := range e.Causes[:min(len(e.Causes), maxCauses)] {
		for _, s := range []*string{&c.Kind, &c.Name, &c.Was, &c.Now} {
			*s = (*s)[:min(len(*s), maxField)]
		}
		short.Causes = append(short.Causes, c)
	}
	return short
}

func encodeEvent(b *bytes.Buffer, e *compile.Event) error {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	return enc.Encode(e)
}
