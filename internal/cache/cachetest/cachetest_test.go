package cachetest

import (
	"context"
	"errors"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

func TestMemory(t *testing.T) {
	Run(t, func(*testing.T) cache.Store { return &Memory{} })
}

func TestFaultyWithoutPlan(t *testing.T) {
	Run(t, func(*testing.T) cache.Store { return &Faulty{Store: &Memory{}} })
}

// calls are the six methods on names that exist; each returns what the caller sees.
var calls = map[string]func(context.Context, cache.Store) error{
	"Result": func(ctx context.Context, s cache.Store) error {
		_, err := s.Result(ctx, digest.KeyOf([]byte("k")))
		return err
	},
	"PutResult": func(ctx context.Context, s cache.Store) error {
		return s.PutResult(ctx, digest.KeyOf([]byte("l")), wordResult("r"))
	},
	"InputSets": func(ctx context.Context, s cache.Store) error {
		_, err := s.InputSets(ctx, digest.KeyOf([]byte("k")))
		return err
	},
	"AddInputSet": func(ctx context.Context, s cache.Store) error {
		return s.AddInputSet(ctx, digest.KeyOf([]byte("k")), wordSet("t"))
	},
	"Open": func(ctx context.Context, s cache.Store) error {
		got, err := ReadBlob(ctx, s, digest.Of([]byte("hello")))
		if err == nil && got != "hello" {
			return errors.New("read " + got)
		}
		return err
	},
	"Put": func(ctx context.Context, s cache.Store) error {
		return s.Put(ctx, digest.Of([]byte("world")), reader("world"))
	},
}

func TestFaulty(t *testing.T) {
	planned := errors.New("planned")
	for method, call := range calls {
		for name, c := range map[string]struct {
			fault Fault
			check func(error) bool
		}{
			"none":  {Fault{}, func(err error) bool { return err == nil }},
			"fail":  {Fault{Kind: Fail}, func(err error) bool { return err == ErrFault }},
			"error": {Fault{Kind: Fail, Err: planned}, func(err error) bool { return err == planned }},
			"short": {Fault{Kind: Short}, func(err error) bool { return err != nil }},
			"wrong": {Fault{Kind: Wrong}, func(err error) bool { return err != nil }},
			"late":  {Fault{Kind: Late, Until: closed()}, func(err error) bool { return err == nil }},
		} {
			f := filled(t)
			f.Plan = func(m string, n int) Fault {
				if m != method || n != f.Calls(method)-1 {
					t.Errorf("planned for call %d of %s, want call %d of %s", n, m, f.Calls(method)-1, method)
				}
				return c.fault
			}
			before := f.Calls(method)
			if err := call(t.Context(), f); !c.check(err) {
				t.Errorf("%s with fault %s = %v", method, name, err)
			}
			if got := f.Calls(method) - before; got != 1 {
				t.Errorf("%s counted %d calls, want 1", method, got)
			}
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		f := filled(t)
		f.Plan = func(string, int) Fault {
			cancel(nil)
			return Fault{Kind: Stall}
		}
		if err := call(ctx, f); err != context.Canceled {
			t.Errorf("%s stalled = %v, want %v", method, err, context.Canceled)
		}
	}
}

func filled(t *testing.T) *Faulty {
	m := &Memory{}
	err := errors.Join(m.PutResult(t.Context(), digest.KeyOf([]byte("k")), wordResult("r")),
		m.AddInputSet(t.Context(), digest.KeyOf([]byte("k")), wordSet("s")),
		m.Put(t.Context(), digest.Of([]byte("hello")), reader("hello")))
	if err != nil {
		t.Fatal(err)
	}
	return &Faulty{Store: m}
}

func closed() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}
