package tiers

import (
	"context"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/cache/cachetest"
)

// Who asks is told, once, that a far tier lets it wait, whoever began the call; never of what is near or comes at once.
func TestAway(t *testing.T) {
	for _, tt := range []struct {
		name   string
		method string // of the far store, that takes its time
		takes  time.Duration
		ask    func(ctx context.Context, s *Stack) error
		want   int
	}{
		{"near", "Result", time.Second, func(ctx context.Context, s *Stack) error { _, err := s.Result(ctx, key("near")); return err }, 0},
		{"quick", "Result", time.Millisecond, func(ctx context.Context, s *Stack) error { _, err := s.Result(ctx, key("k")); return err }, 0},
		{"result", "Result", time.Second, func(ctx context.Context, s *Stack) error { _, err := s.Result(ctx, key("k")); return err }, 1},
		{"blob of a result", "Open", time.Second, func(ctx context.Context, s *Stack) error { _, err := s.Result(ctx, key("k")); return err }, 1},
		{"sets", "InputSets", time.Second, func(ctx context.Context, s *Stack) error { _, err := s.DistantInputSets(ctx, key("k")); return err }, 1},
		{"blob", "Open", time.Second, readBlob, 1},
		{"stream", "Open", time.Second, func(ctx context.Context, s *Stack) error { return readBlob(cache.WithReadOnly(ctx), s) }, 1},
		{"quick stream", "Open", 0, func(ctx context.Context, s *Stack) error { return readBlob(cache.WithReadOnly(ctx), s) }, 0},
		{"two waits", "Result", time.Second, func(ctx context.Context, s *Stack) error {
			_, err := s.Result(ctx, key("k"))
			if err == nil {
				_, err = s.Result(ctx, key("other"))
			}
			return err
		}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				far := &cachetest.Faulty{Store: &cachetest.Memory{}, Plan: func(m string, n int) cachetest.Fault {
					if m == tt.method {
						time.Sleep(tt.takes)
					}
					return cachetest.Fault{}
				}}
				put(t, far.Store, "k", "object")
				put(t, far.Store, "other", "other object")
				near := &cachetest.Memory{}
				put(t, near, "near", "near object")
				s := newStack(t, Options{Near: near, Far: []Far{{Name: "bucket", Store: far, Deadline: time.Minute}}})
				told := 0
				if err := tt.ask(cache.WithAway(t.Context(), func() { told++ }), s); err != nil {
					t.Error(err)
				}
				if told != tt.want {
					t.Errorf("told %d times, want %d", told, tt.want)
				}
			})
		})
	}
}

// Who joins a call that another began waits as it does.
func TestAwayOfASharedCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		far := &cachetest.Faulty{Store: &cachetest.Memory{}, Plan: func(string, int) cachetest.Fault {
			return cachetest.Fault{Kind: cachetest.Late, Until: release}
		}}
		put(t, far.Store, "k", "object")
		s := newStack(t, Options{Far: []Far{{Name: "bucket", Store: far, Deadline: time.Minute}}})
		told := make(chan int, 2)
		var all sync.WaitGroup
		for i := range 2 {
			all.Go(func() {
				if _, err := s.Result(cache.WithAway(t.Context(), func() { told <- i }), key("k")); err != nil {
					t.Error(err)
				}
			})
		}
		if a, b := <-told, <-told; a == b {
			t.Errorf("caller %d is told twice, want both once", a)
		}
		close(release)
		all.Wait()
	})
}

func readBlob(ctx context.Context, s *Stack) error {
	r, err := s.Open(ctx, blob("object"))
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	return err
}
