package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects/objectstest"
	"github.com/compile-cache/compile-cache-action/internal/cache/cachetest"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// machine is a tier over a shared store of objects, as one process of one job has it.
type machine struct {
	*Tier
	t        *testing.T
	near     *cachetest.Memory
	counter  *objects.Counter
	outbox   string
	mu       sync.Mutex
	problems []string
}

var machines atomic.Int64

// newMachine opens a tier; change may adapt its options.
func newMachine(t *testing.T, store objects.Store, change func(*Options)) *machine {
	t.Helper()
	m := &machine{t: t, near: &cachetest.Memory{}, counter: &objects.Counter{Store: store}, outbox: t.TempDir()}
	n := machines.Add(1)
	o := Options{
		Objects: m.counter, Own: Scope{"v1/7", "trusted/main"}, Profile: "ci.yml-build", Run: fmt.Sprint("run", n), Job: "build", ID: fmt.Sprint("p", n),
		Write: true, Outbox: m.outbox, Near: m.near, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Problem: func(err error) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.problems = append(m.problems, err.Error())
		},
	}
	if change != nil {
		change(&o)
	}
	tier, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	m.Tier = tier
	tier.Start(o.Near, nil)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = m.Close(ctx)
	})
	return m
}

// build stores what a compile of a unit makes, near and in the tier, as the stack of tiers does.
func (m *machine) build(unit, content string) {
	m.t.Helper()
	for _, s := range []cache.Store{m.near, m.Tier} {
		if err := put(m.t.Context(), s, unit, content); err != nil {
			m.t.Fatalf("put %s: %v", unit, err)
		}
	}
	m.used(unit, content)
}

func (m *machine) used(unit, content string) {
	key, compilation, set, r, _ := made(unit, content)
	m.Use(key, compilation, set, r)
}

// made is what a compile of a unit makes: its output is content.
func made(unit, content string) (key, compilation digest.Key, set *compile.InputSet, r *compile.Result, blob digest.Digest) {
	blob = digest.Of([]byte(content))
	r = &compile.Result{Stderr: []byte(unit), Outputs: []compile.StoredOutput{{Role: "object", Mode: 0o666, Blob: blob}}}
	return digest.KeyOf([]byte(unit + content)), digest.KeyOf([]byte(unit)), &compile.InputSet{Paths: []string{unit}}, r, blob
}

func put(ctx context.Context, s cache.Store, unit, content string) error {
	key, compilation, set, r, blob := made(unit, content)
	err := s.Put(ctx, blob, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil })
	return errors.Join(err, s.PutResult(ctx, key, r), s.AddInputSet(ctx, compilation, set))
}

// finds reports what a tier answers for a unit: "hit", "miss" or an error.
func (m *machine) finds(unit, content string) string {
	return finds(m.t.Context(), m.Tier, unit, content)
}

func finds(ctx context.Context, s cache.Store, unit, content string) string {
	key, compilation, _, _, blob := made(unit, content)
	r, err := s.Result(ctx, key)
	if errors.Is(err, cache.ErrNotFound) {
		return "miss"
	}
	if err != nil {
		return "result: " + err.Error()
	}
	sets, err := s.InputSets(ctx, compilation)
	if err != nil || len(sets) != 1 || !slices.Equal(sets[0].Paths, []string{unit}) {
		return fmt.Sprintf("sets: %v, %v", sets, err)
	}
	got, err := cachetest.ReadBlob(ctx, s, blob)
	if err != nil {
		return "blob: " + err.Error()
	}
	if got != content || string(r.Stderr) != unit {
		return "wrong bytes"
	}
	return "hit"
}

func (m *machine) publish() {
	m.t.Helper()
	if err := m.Publish(m.t.Context()); err != nil {
		m.t.Fatalf("Publish = %v", err)
	}
}

// landed waits until nothing more is fetched ahead.
func (m *machine) landed() { <-m.Landed() }

func content(i int) string { return strings.Repeat(fmt.Sprintf("object %d ", i), 400+i) }

// names are the objects there were when the machine last published.
func (m *machine) names() []string {
	var all []string
	for _, x := range m.counter.Store.(*objectstest.Memory).Names() {
		if b := m.counter.Store.(*objectstest.Memory).Bytes(x); b != nil && strings.HasPrefix(x, m.o.Own.Root+"/"+m.o.Own.Name+"/") {
			all = append(all, x)
		}
	}
	return all
}

// kill ends a tier as a signal would: nothing is published, the lock is free.
func (m *machine) kill() {
	m.cancel()
	m.running.Wait()
	m.out.box.lock.Close()
	m.out.box = nil
}
