package disk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// tell is a log that sends each message.
type tell struct{ messages chan string }

func (h tell) Enabled(context.Context, slog.Level) bool { return true }
func (h tell) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h tell) WithGroup(string) slog.Handler            { return h }
func (h tell) Handle(_ context.Context, r slog.Record) error {
	h.messages <- r.Message
	return nil
}

func blockOf(i int) string { return strings.Repeat(fmt.Sprintf("%8d", i), block/8) }

func has(t *testing.T, s *Store, i int) bool {
	t.Helper()
	_, err := os.Stat(s.path(blobName(digest.Of([]byte(blockOf(i))))))
	return err == nil
}

// A put that exceeds the limit has the keeper remove what was used longest ago, of all kinds and classes, but not what
// this process used.
func TestTrimOrder(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	long := time.Now().Add(-240 * time.Hour)
	age := func(path string, seconds int) {
		t.Helper()
		when := long.Add(time.Duration(seconds) * time.Second)
		must(t, os.Chtimes(path, when, when))
	}
	trusted, filler := open(t, dir, class("trusted")), open(t, dir)
	must(t, trusted.PutResult(ctx, key("k"), result("r")), filler.AddInputSet(ctx, key("c"), set("s")))
	age(trusted.path(name{kind: kindResult, sum: key("k").Sum()}), -2)
	age(filler.path(name{kind: kindSets, sum: key("c").Sum()}), -1)
	for i := range 100 {
		age(filler.path(blobName(putBlob(t, filler, blockOf(i)))), i)
	}
	must(t, trusted.Close(ctx), filler.Close(ctx))
	_, err := filler.Trim(ctx) // counts
	must(t, err)

	log := tell{make(chan string, 100)}
	s := open(t, dir, func(o *Options) {
		o.MaxBytes = 103 * block // what is there: a result, a set and its directory, 100 blobs
		o.Logger = slog.New(log)
	})
	for i := range 10 {
		f, err := s.OpenFile(ctx, digest.Of([]byte(blockOf(i))))
		must(t, err)
		f.Close()
	}
	putBlob(t, s, blockOf(100))
	for message := ""; message != "trimmed"; {
		message = <-log.messages
	}
	if r, err := open(t, dir, class("trusted")).Result(ctx, key("k")); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("Result = %v, %v; want it trimmed", r, err)
	}
	if sets, err := s.InputSets(ctx, key("c")); err != nil || len(sets) != 0 {
		t.Errorf("InputSets = %v, %v; want them trimmed", sets, err)
	}
	// Of 104 blocks at most 92.7 are left: 12 went, three of them with the result and the set.
	for i := range 101 {
		if got, want := has(t, s, i), i < 10 || i >= 19; got != want {
			t.Errorf("blob %d is there: %v, want %v", i, got, want)
		}
	}
	if got, err := Usage(ctx, dir); err != nil || got != (Sizes{Bytes: 92 * block, Blobs: 92}) {
		t.Errorf("Usage = %+v, %v; want 92 blobs of one block", got, err)
	}
}

// Where everything is in use, the limit holds all the same.
func TestTrimOwn(t *testing.T) {
	s := open(t, t.TempDir(), func(o *Options) { o.MaxBytes = 20 * block })
	for i := range 60 {
		putBlob(t, s, blockOf(i))
	}
	must(t, s.Close(t.Context()))
	trimmed, err := s.Trim(t.Context())
	if err != nil || trimmed.Busy || trimmed.Left.Bytes > 20*block || trimmed.Left.Bytes < 17*block {
		t.Errorf("Trim = %+v, %v; want 17 to 20 blocks left", trimmed, err)
	}
	big := make([]byte, 21*block)
	if err := s.Put(t.Context(), digest.Of(big), nil); err == nil {
		t.Error("Put of a blob larger than the store = nil, want an error")
	}
}

func TestTrimBusy(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	must(t, s.Close(t.Context()))
	lock, err := lockFile(s.lockPath())
	must(t, err)
	if trimmed, err := s.Trim(t.Context()); err != nil || !trimmed.Busy {
		t.Errorf("Trim while another trims = %+v, %v; want Busy", trimmed, err)
	}
	lock.Close()
	if trimmed, err := s.Trim(t.Context()); err != nil || trimmed.Busy {
		t.Errorf("Trim afterwards = %+v, %v; want it done", trimmed, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	putBlob(t, s, "hello")
	if _, err := s.Trim(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Trim with an ended context = %v, want %v", err, context.Canceled)
	}
}

// A use is saved at Close, and does not cost the blob its verified state.
func TestUsesAreSaved(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	first := open(t, dir)
	d := putBlob(t, first, "hello")
	must(t, first.PutResult(ctx, key("k"), result("r")), first.AddInputSet(ctx, key("c"), set("s")), first.PutNote(ctx, key("n"), nil), first.Close(ctx))
	names := []name{blobName(d), {kind: kindResult, sum: key("k").Sum()}, {kind: kindSets, sum: key("c").Sum()}, {kind: kindNote, sum: key("n").Sum()}}
	for _, n := range names {
		backdate(t, first.path(n))
	}
	s := open(t, dir)
	start := time.Now().Add(-time.Minute)
	f, err := s.OpenFile(ctx, d)
	must(t, err)
	f.Close()
	_, resultErr := s.Result(ctx, key("k"))
	_, setsErr := s.InputSets(ctx, key("c"))
	_, noteErr := s.Note(ctx, key("n"))
	must(t, resultErr, setsErr, noteErr, s.Close(ctx))
	for _, n := range names {
		if st, err := stateAt(s.path(n), n.kind == kindSets); err != nil || st.mtime < start.UnixNano() {
			t.Errorf("%s was last used %v, %v; want now", n.label(), time.Unix(0, st.mtime), err)
		}
	}
	now, err := stateAt(s.path(names[0]), false)
	if right, ok := s.verified.Get(names[0].sum); err != nil || !ok || right != now {
		t.Errorf("the blob's verified state is %v (%v), want %v", right, ok, now)
	}
}
