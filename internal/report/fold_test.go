package report

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFold(t *testing.T) {
	instance := t.TempDir()
	dir := SpoolDir(instance)
	for pid := range 5 {
		w := open(t, dir, pid+1)
		record(t, w, hit(2*pid), hit(2*pid+1))
		w.Close()
	}
	live := open(t, dir, 9)
	record(t, live, hit(50))
	if err := fold(t.Context(), dir, 1<<20, 2); err != nil {
		t.Fatal(err)
	}
	names, err := spoolNames(dir)
	want := []string{"20261122T052908-4.jsonl", "20261122T052908-5.jsonl", "20261122T052908-9.jsonl"}
	if diff := cmp.Diff(want, names); err != nil || diff != "" {
		t.Errorf("files after folding to two closed ones: %v (-want +got):\n%s", err, diff)
	}
	if got := hits(t, instance); got != 11 {
		t.Errorf("hits = %d, want 11", got)
	}
	if err := fold(t.Context(), dir, 0, 0); err != nil {
		t.Fatal(err)
	}
	record(t, live, hit(51))
	if got := hits(t, instance); got != 12 {
		t.Errorf("hits after folding all closed files = %d, want 12", got)
	}
	s, err := ReadStats(instance, "v", start.Add(time.Hour))
	if err != nil || s.Since != start.Format(time.RFC3339) || s.TimeSavedMS != 1200 || s.Bytes.Read != 120 {
		t.Errorf("ReadStats = %+v, %v; want 12 hits since the first event", s, err)
	}
}

// A crash between totals.json and the removal of what it contains counts nothing twice, and nothing is lost.
func TestFoldCrash(t *testing.T) {
	instance := t.TempDir()
	dir := SpoolDir(instance)
	w := open(t, dir, 1)
	record(t, w, hit(1), hit(2))
	w.Close()
	name := "20261122T052908-1.jsonl"
	lines, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	var sums Tally
	sums.Add(hit(1))
	sums.Add(hit(2))
	if err := writeTotals(dir, &totals{Schema: 1, Tally: sums, Folded: []string{name}}); err != nil {
		t.Fatal(err)
	}
	if got := hits(t, instance); got != 2 {
		t.Errorf("hits after the crash = %d, want 2", got)
	}
	// A daemon does not take a name that would not count.
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir, 1)
	record(t, again, hit(3))
	if got := hits(t, instance); got != 3 {
		t.Errorf("hits with a new daemon = %d, want 3", got)
	}
	if err := os.WriteFile(filepath.Join(dir, name), lines, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Fold(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, name)); !os.IsNotExist(err) {
		t.Errorf("stat of the folded file: %v, want that it is gone", err)
	}
	if got := hits(t, instance); got != 3 {
		t.Errorf("hits after the next fold = %d, want 3", got)
	}
}

// Recording, folding and reading at once: no reader ever sees less than what was recorded before it began, or more than
// what was recorded when it ended.
func TestFoldWhileReading(t *testing.T) {
	instance := t.TempDir()
	dir := SpoolDir(instance)
	var (
		mu       sync.Mutex
		recorded int64
		group    sync.WaitGroup
	)
	count := func() int64 {
		mu.Lock()
		defer mu.Unlock()
		return recorded
	}
	done := make(chan struct{})
	group.Go(func() {
		defer close(done)
		for pid := range 60 {
			w, err := OpenWriter(dir, pid, at(start))
			if err != nil {
				t.Error(err)
				return
			}
			for n := range 5 {
				mu.Lock()
				err := w.Record(hit(n))
				recorded++
				mu.Unlock()
				if err != nil {
					t.Error(err)
				}
			}
			w.Close()
		}
	})
	group.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if err := fold(context.Background(), dir, 0, 0); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		default:
		}
		before := count()
		s, err := ReadStats(instance, "v", start)
		if err != nil {
			t.Error(err)
			break
		}
		if got, after := s.Outcomes.Hit, count(); got < before || got > after {
			t.Errorf("hits = %d, want between %d and %d", got, before, after)
			break
		}
	}
	group.Wait()
	if got := hits(t, instance); got != 300 {
		t.Errorf("hits = %d, want 300", got)
	}
}

// A fold between the reading of the totals and of the files must not hide what it folded.
func TestReaderSeesFold(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir, 1)
	record(t, w, hit(1))
	w.Close()
	folding := func() {
		if err := fold(t.Context(), dir, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok, err := openReader(dir, folding); ok || err != nil {
		t.Errorf("openReader during a fold = %v, %v; want that it asks to start again", ok, err)
	}
	r, ok, err := openReader(dir, folding)
	if !ok || err != nil {
		t.Fatalf("openReader after the fold = %v, %v", ok, err)
	}
	defer r.Close()
	if tally, err := r.Tally(); err != nil || tally.Outcomes.Hit != 1 {
		t.Errorf("hits = %d, %v; want 1", tally.Outcomes.Hit, err)
	}
}

// A file that Fold took for a closed one, before its writer could lock it, is not used.
func TestClaimRefusesWhatWasFolded(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.jsonl")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if ok, err := claim(f, dir, "a.jsonl"); ok || err != nil {
		t.Errorf("claim of a removed file = %v, %v; want false", ok, err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if ok, err := claim(f, dir, "a.jsonl"); ok || err != nil {
		t.Errorf("claim of a replaced file = %v, %v; want false", ok, err)
	}
}

func TestZero(t *testing.T) {
	instance := t.TempDir()
	dir := SpoolDir(instance)
	old := open(t, dir, 1)
	record(t, old, hit(1))
	old.Close()
	if err := fold(t.Context(), dir, 0, 0); err != nil {
		t.Fatal(err)
	}
	closed, live := open(t, dir, 2), open(t, dir, 3)
	record(t, closed, hit(2))
	record(t, live, hit(3), hit(4))
	closed.Close()
	// A line in the middle of its write counts afterwards.
	var line bytes.Buffer
	if err := appendEvent(&line, hit(5)); err != nil {
		t.Fatal(err)
	}
	if _, err := live.file.Write(line.Next(20)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "unrecorded"), []byte("\n\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	zeroed := start.Add(time.Hour)
	if err := Zero(t.Context(), dir, zeroed); err != nil {
		t.Fatal(err)
	}
	if got := hits(t, instance); got != 0 {
		t.Errorf("hits after zeroing = %d, want 0", got)
	}
	if _, err := live.file.Write(line.Bytes()); err != nil {
		t.Fatal(err)
	}
	// The clock may have stepped back: what is recorded later counts.
	record(t, live, hit(0))
	if err := os.WriteFile(filepath.Join(dir, "unrecorded"), []byte("\n\n\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := ReadStats(instance, "v", start)
	if err != nil || s.Outcomes.Hit != 2 || s.Unrecorded != 1 || s.Since != zeroed.Format(time.RFC3339) {
		t.Errorf("ReadStats = %+v, %v; want 2 hits and 1 unrecorded since %v", s, err, zeroed)
	}
	if err := fold(t.Context(), dir, 0, 0); err != nil {
		t.Fatal(err)
	}
	live.Close()
	if err := fold(t.Context(), dir, 0, 0); err != nil {
		t.Fatal(err)
	}
	if got := hits(t, instance); got != 2 {
		t.Errorf("hits after folding = %d, want 2", got)
	}
}

func TestZeroRepairsDamagedTotals(t *testing.T) {
	instance := t.TempDir()
	dir := SpoolDir(instance)
	w := open(t, dir, 1)
	record(t, w, hit(1))
	if err := os.WriteFile(filepath.Join(dir, "totals.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadStats(instance, "v", start); err == nil {
		t.Error("ReadStats with damaged totals = nil, want an error")
	}
	other := open(t, dir, 2)
	record(t, other, hit(2))
	if err := Zero(t.Context(), dir, start); err != nil {
		t.Fatal(err)
	}
	record(t, w, hit(3))
	if got := hits(t, instance); got != 1 {
		t.Errorf("hits = %d, want 1", got)
	}
}
