package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// Reader is the spool as it was at one moment, whatever daemons and Fold do meanwhile. It is for one goroutine.
type Reader struct {
	Unrecorded int64     // wrappers that reached no daemon since the zeroing
	Zeroed     time.Time // of the last zeroing; zero: never
	Skipped    int64     // lines read so far that are no event

	totals     *totals
	files      []*spoolFile
	containing []byte // lines without it are passed over; nil: none
}

// OpenReader opens a spool directory; a missing one is an empty spool.
func OpenReader(dir string) (*Reader, error) {
	// Folds are rare; whoever meets so many in a row had better say so.
	for range 100 {
		r, ok, err := openReader(dir, func() {})
		if err != nil || ok {
			return r, err
		}
	}
	return nil, errors.New("read spool: it changed all the time")
}

// openReader reports false where totals.json was replaced meanwhile. As Fold replaces it before it removes a file, an unchanged
// one says that every file it does not list as folded was there to be opened. meanwhile is where tests let that happen.
func openReader(dir string, meanwhile func()) (r *Reader, ok bool, err error) {
	t, before, err := readTotals(dir)
	if err != nil {
		return nil, false, err
	}
	meanwhile()
	r = &Reader{totals: t}
	defer func() {
		if !ok {
			r.Close()
		}
	}()
	if t.Zeroed != nil {
		r.Zeroed = *t.Zeroed
	}
	err = t.eachUnfolded(dir, func(_ string, f *spoolFile) error {
		r.files = append(r.files, f)
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	n, err := unrecordedSize(dir)
	if err != nil {
		return nil, false, err
	}
	r.Unrecorded = n
	if n >= t.Unrecorded {
		r.Unrecorded -= t.Unrecorded
	}
	_, after, err := readTotals(dir)
	if err != nil {
		return nil, false, err
	}
	return r, bytes.Equal(before, after), nil
}

// Close closes the files.
func (r *Reader) Close() {
	for _, f := range r.files {
		f.Close()
	}
	r.files = nil
}

// Folded returns the sums of the events that count but can no longer be listed.
func (r *Reader) Folded() Tally { return r.totals.Tally.clone() }

// Each calls f with every invocation's event that counts and can still be listed, file by file. f must not keep e.
func (r *Reader) Each(f func(e *compile.Event)) error { return r.each(invocations(f), true) }

// EachKept is Each for all invocations' events, those from before the zeroing too.
func (r *Reader) EachKept(f func(e *compile.Event)) error { return r.each(invocations(f), false) }

// invocations calls f with no records of tiers.
func invocations(f func(e *compile.Event)) func(e *compile.Event) {
	return func(e *compile.Event) {
		if !isStorage(e) {
			f(e)
		}
	}
}

func (r *Reader) each(f func(e *compile.Event), countedOnly bool) error {
	for _, file := range r.files {
		var from int64
		if countedOnly {
			from = r.totals.Skip[file.name]
		}
		skipped, err := file.each(from, r.containing, f)
		r.Skipped += skipped
		if err != nil {
			return err
		}
	}
	return nil
}

// Tally returns the sums of all events that count.
func (r *Reader) Tally() (Tally, error) {
	t := r.Folded()
	err := r.each(func(e *compile.Event) { t.Add(e) }, true)
	return t, err
}

// Events returns the invocations' events that count, can still be listed and that keep wants (nil: all), in order of time.
func (r *Reader) Events(keep func(e *compile.Event) bool) ([]compile.Event, error) {
	var events []compile.Event
	err := r.Each(func(e *compile.Event) {
		if keep == nil || keep(e) {
			events = append(events, *e)
		}
	})
	sortByTime(events)
	return events, err
}

func sortByTime(events []compile.Event) {
	slices.SortStableFunc(events, func(a, b compile.Event) int { return a.Time.Compare(b.Time) })
}

// spoolFile is a file of events, opened to be read up to the size it had.
type spoolFile struct {
	*os.File
	name string
	size int64
}

func openSpoolFile(dir, name string) (*spoolFile, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return nil, fmt.Errorf("open spool file: %w", err)
	}
	s := &spoolFile{File: f, name: name}
	if err := s.measure(); err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

// measure takes the present size.
func (f *spoolFile) measure() error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("open spool file: %w", err)
	}
	f.size = info.Size()
	return nil
}

// each calls use with the events from an offset on whose lines contain some bytes (nil: all). Lines that are no event are skipped and counted; a last line without its
// end is not: it is being written, or its daemon was killed before it answered.
func (f *spoolFile) each(from int64, containing []byte, use func(e *compile.Event)) (skipped int64, err error) {
	lines := bufio.NewReaderSize(io.NewSectionReader(f.File, from, max(0, f.size-from)), 64<<10)
	var long []byte
	for {
		part, err := lines.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			// One byte beyond the limit is kept to know that it was exceeded.
			long = append(long, part[:min(len(part), MaxLine+1-len(long))]...)
			continue
		}
		if err == io.EOF {
			return skipped, nil
		}
		if err != nil {
			return skipped, fmt.Errorf("read spool file: %w", err)
		}
		line := part
		if len(long) > 0 {
			line = append(long, part[:min(len(part), MaxLine+1-len(long))]...)
			long = long[:0]
		}
		if !bytes.Contains(line, containing) {
			continue
		}
		var e compile.Event
		if len(line) > MaxLine || json.Unmarshal(line, &e) != nil || !slices.Contains(compile.Outcomes, e.Outcome) && !isStorage(&e) {
			skipped++
			continue
		}
		use(&e)
	}
}
