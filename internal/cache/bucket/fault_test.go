package bucket

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects/objectstest"
)

// Every byte of every object may be wrong, or missing: what is found is right or is not found.
func TestDamage(t *testing.T) {
	store := &objectstest.Memory{}
	one := newMachine(t, store, nil)
	for i := range 3 {
		one.build(fmt.Sprint("u", i), fmt.Sprintf("object %d", i))
	}
	one.publish()
	if err := one.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	tried, misses := 0, 0
	for _, name := range store.Names() {
		whole := store.Bytes(name)
		step := max(1, len(whole)/150)
		for i := 0; i < len(whole); i += step {
			for _, damaged := range [][]byte{flip(whole, i), whole[:i]} {
				store.Replace(name, damaged)
				m := newMachine(t, store, func(o *Options) { o.Write = false })
				m.landed()
				for u := range 3 {
					tried++
					switch got := m.finds(fmt.Sprint("u", u), fmt.Sprintf("object %d", u)); {
					case got == "wrong bytes":
						t.Fatalf("%s damaged at %d: %s", name, i, got)
					case got != "hit":
						misses++
					}
					if got := finds(t.Context(), m.near, fmt.Sprint("u", u), fmt.Sprintf("object %d", u)); got == "wrong bytes" {
						t.Fatalf("%s damaged at %d, near store: %s", name, i, got)
					}
				}
				_ = m.Close(t.Context())
			}
		}
		store.Replace(name, whole)
	}
	if misses == 0 || misses == tried {
		t.Errorf("%d of %d lookups failed, want some and not all", misses, tried)
	}
}

func flip(b []byte, i int) []byte {
	b = slices.Clone(b)
	b[i] ^= 0x10
	return b
}

// A pack that its owner collected is no hit and no failure.
func TestCollectedPack(t *testing.T) {
	store := &objectstest.Memory{}
	one := newMachine(t, store, nil)
	one.build("u", content(1))
	one.publish()
	for _, name := range store.Names() {
		if strings.Contains(name, "/pack/") {
			store.Remove(name)
		}
	}
	two := newMachine(t, store, nil)
	two.landed()
	if got := two.finds("u", content(1)); got != "miss" {
		t.Errorf("with its pack gone: %s, want miss", got)
	}
	two.build("u", content(1))
	two.publish()
	three := newMachine(t, store, nil)
	if got := three.finds("u", content(1)); got != "hit" {
		t.Errorf("stored again: %s, want hit", got)
	}
}

// What a killed process left in the outbox, sealed or torn, the next one publishes.
func TestLeftovers(t *testing.T) {
	for _, cut := range []int64{0, 1, 40, 200} {
		store := &objectstest.Memory{}
		down := &objectstest.Faulty{Store: store, Plan: func(string, int) objectstest.Fault { return objectstest.Fault{Kind: objectstest.Fail} }}
		one := newMachine(t, down, nil)
		for i := range 10 {
			one.build(fmt.Sprint("u", i), content(i))
		}
		if cut == 0 {
			var lost *UnpublishedError
			if err := one.Publish(t.Context()); !errors.As(err, &lost) || lost.Results != 10 {
				t.Errorf("Publish = %v, want 10 unpublished results", err)
			}
		}
		one.kill()
		if cut > 0 {
			torn, err := filepath.Glob(filepath.Join(one.outbox, "*", "*.open"))
			if err != nil || len(torn) != 1 {
				t.Fatalf("open packs = %v, %v; want one", torn, err)
			}
			info, err := os.Stat(torn[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(torn[0], info.Size()-cut); err != nil {
				t.Fatal(err)
			}
		}
		two := newMachine(t, store, func(o *Options) { o.Outbox = one.outbox })
		for { // until it has taken them over
			two.publish()
			if left, _ := filepath.Glob(filepath.Join(one.outbox, "*", "*.*")); len(left) == 0 {
				break
			}
		}
		three := newMachine(t, store, nil)
		hits := 0
		for i := range 10 {
			if three.finds(fmt.Sprint("u", i), content(i)) == "hit" {
				hits++
			}
		}
		if want := map[bool]int{true: 10, false: 9}[cut == 0]; hits < want-1 {
			t.Errorf("cut by %d: %d of 10 were published, want %d", cut, hits, want)
		}
	}
}

// Whatever request fails, nothing wrong is found, and what could not be published is found by the next process.
func TestFaults(t *testing.T) {
	for _, kind := range []objectstest.FaultKind{objectstest.Fail, objectstest.Short, objectstest.Wrong, objectstest.Extra, objectstest.Lost} {
		for _, op := range []string{"get", "put", "list"} {
			for n := range 4 {
				name := fmt.Sprintf("%v of %s %d", kind, op, n)
				store := &objectstest.Memory{}
				plan := func(o string, i int) objectstest.Fault {
					if o == op && i == n {
						return objectstest.Fault{Kind: kind}
					}
					return objectstest.Fault{}
				}
				one := newMachine(t, &objectstest.Faulty{Store: store, Plan: plan}, nil)
				for i := range 3 {
					one.build(fmt.Sprint("u", i), content(i))
				}
				_ = one.Publish(t.Context())
				_ = one.Publish(t.Context())
				two := newMachine(t, &objectstest.Faulty{Store: store, Plan: plan}, func(o *Options) { o.Write = false })
				two.landed()
				for i := range 3 {
					if got := two.finds(fmt.Sprint("u", i), content(i)); got == "wrong bytes" {
						t.Errorf("%s: unit %d: %s", name, i, got)
					}
				}
				three := newMachine(t, store, nil)
				for i := range 3 {
					if got := three.finds(fmt.Sprint("u", i), content(i)); got != "hit" && (kind != objectstest.Wrong || op != "put" || got == "wrong bytes") {
						t.Errorf("%s, later without fault: unit %d: %s, want hit", name, i, got)
					}
				}
			}
		}
	}
}
