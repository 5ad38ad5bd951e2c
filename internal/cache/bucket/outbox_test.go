package bucket

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects/objectstest"
)

// After its end a tier takes nothing: the next process may have its directory already, or will take over what is there.
func TestPutAfterClose(t *testing.T) {
	down := &objectstest.Faulty{Store: &objectstest.Memory{}, Plan: func(string, int) objectstest.Fault { return objectstest.Fault{Kind: objectstest.Fail} }}
	one := newMachine(t, down, nil)
	one.build("u", content(1))
	if err := one.Close(t.Context()); err == nil {
		t.Error("Close published to a bucket that is down")
	}
	left := func() []string {
		names, err := filepath.Glob(filepath.Join(one.outbox, "*", "*.*"))
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	before := left()
	if err := put(t.Context(), one.Tier, "v", content(2)); err == nil {
		t.Error("a put after Close succeeded")
	}
	if after := left(); len(before) != 1 || !slices.Equal(before, after) {
		t.Errorf("left %v, then %v; want one pack", before, after)
	}
}

// What cannot be taken over now stays; what never can be, and what nobody has come for, does not.
func TestOutboxesOfOthers(t *testing.T) {
	outboxes := t.TempDir()
	write := func(name, content string, age time.Duration) string {
		path := filepath.Join(outboxes, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600),
			os.Chtimes(filepath.Dir(path), time.Now().Add(-age), time.Now().Add(-age))); err != nil {
			t.Fatal(err)
		}
		return path
	}
	newer := write("main/a/1.open", "cc-pack\x02 of a newer program", 0)
	damaged := write("main/b/2.open", "no pack", 0)
	closed := write("pr-5/c/3.open", "cc-pack\x01", keptFor+time.Hour)
	recent := write("pr-6/d/4.open", "cc-pack\x01", keptFor-time.Hour)
	one := newMachine(t, &objectstest.Memory{}, func(o *Options) { o.Outbox = filepath.Join(outboxes, "main") })
	if err := one.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	one = newMachine(t, &objectstest.Memory{}, func(o *Options) { o.Outbox = filepath.Join(outboxes, "main") })
	one.build("u", content(1))
	one.publish()
	for { // until it has looked
		if _, err := os.Stat(damaged); err != nil {
			break
		}
		one.publish()
	}
	for path, want := range map[string]bool{newer: true, closed: false, recent: true} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", path, err == nil, want)
		}
	}
}
