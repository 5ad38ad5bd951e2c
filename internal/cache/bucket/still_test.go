package bucket

import (
	"errors"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects/objectstest"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/pack"
)

// Nobody waits long for a bucket that takes requests and never answers, and nobody a second time.
func TestSilentBucket(t *testing.T) {
	silent := &objectstest.Faulty{Store: &objectstest.Memory{}, Plan: func(string, int) objectstest.Fault {
		return objectstest.Fault{Kind: objectstest.Stall}
	}}
	m := newMachine(t, silent, func(o *Options) { o.stillFor, o.readyFor = 50*time.Millisecond, 50*time.Millisecond })
	m.build("u", content(1))
	if err := m.Publish(t.Context()); !errors.Is(err, errStill) {
		t.Errorf("Publish = %v, want %v", err, errStill)
	}
	asked := silent.Calls("put") + silent.Calls("list") + silent.Calls("get")
	m.used("v", content(2))
	if err := m.Publish(t.Context()); !errors.Is(err, errStill) {
		t.Errorf("Publish again = %v, want %v", err, errStill)
	}
	if err := m.Close(t.Context()); !errors.Is(err, errStill) {
		t.Errorf("Close = %v, want %v", err, errStill)
	}
	if again := silent.Calls("put") + silent.Calls("list") + silent.Calls("get"); asked == 0 || again != asked {
		t.Errorf("%d requests before the bucket was given up, %d after; want some and no more", asked, again)
	}
}

// A profile whose places are wrong costs what it names, once: the next one has none of it.
func TestWrongProfileIsReplaced(t *testing.T) {
	store := &objectstest.Memory{}
	one := newMachine(t, store, nil)
	one.build("a", content(1))
	one.publish()
	if err := one.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	shortenPacks(t, store)
	two := newMachine(t, store, nil)
	two.landed()
	if got := two.finds("a", content(1)); got == "hit" || got == "wrong bytes" {
		t.Errorf("from a pack that is cut: %s", got)
	}
	two.build("b", content(2)) // an equal pack would have the name of the one that is cut
	two.build("a", content(1))
	two.publish()
	three := newMachine(t, store, nil)
	three.landed()
	if got := three.finds("a", content(1)); got != "hit" {
		t.Errorf("after it was made again: %s, want hit", got)
	}
}

// shortenPacks leaves the headers of packs.
func shortenPacks(t *testing.T, store *objectstest.Memory) {
	t.Helper()
	cut := 0
	for _, name := range store.Names() {
		if _, _, _, err := pack.ParsePackName(name); err == nil {
			store.Replace(name, store.Bytes(name)[:8])
			cut++
		}
	}
	if cut == 0 {
		t.Fatal("there is no pack")
	}
}
