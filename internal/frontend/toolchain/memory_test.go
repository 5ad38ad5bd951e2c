package toolchain

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var (
	here     = Key{rest: "in this directory"}
	anywhere = Key{rest: "in any"}
)

func anything(int) bool { return true }

func TestMemory(t *testing.T) {
	m := NewMemory[int]()
	asked := 0
	find := func(keys []Key, right func(int) bool, answer int, of Key) int {
		t.Helper()
		got, err := m.Find(t.Context(), keys, right, func() (int, Key, error) { asked++; return answer, of, nil })
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	both := []Key{anywhere, here}
	if got := find(both, anything, 1, here); got != 1 || asked != 1 {
		t.Errorf("the first: %d after %d questions, want 1 after 1", got, asked)
	}
	if got := find(both, anything, 2, here); got != 1 || asked != 1 {
		t.Errorf("again: %d after %d questions, want 1 after 1", got, asked)
	}
	// What was said here says nothing of other places.
	if got := find([]Key{anywhere, {rest: "there"}}, anything, 3, anywhere); got != 3 || asked != 2 {
		t.Errorf("in another directory: %d after %d questions, want 3 after 2", got, asked)
	}
	if got := find(both, anything, 4, here); got != 3 || asked != 2 {
		t.Errorf("known anywhere: %d after %d questions, want 3 after 2", got, asked)
	}
	if got := find(both, func(a int) bool { return a == 1 }, 4, here); got != 1 || asked != 2 {
		t.Errorf("only the second is right: %d after %d questions, want 1 after 2", got, asked)
	}
	if got := find(both, func(a int) bool { return a > 4 }, 5, anywhere); got != 5 || asked != 3 {
		t.Errorf("none is right any more: %d after %d questions, want 5 after 3", got, asked)
	}
	broken := errors.New("connection lost")
	if _, err := m.Find(t.Context(), []Key{{rest: "new"}}, anything, func() (int, Key, error) { return 6, Key{rest: "new"}, broken }); err != broken {
		t.Errorf("a question that fails: error %v, want %v", err, broken)
	}
	if got := find([]Key{{rest: "new"}}, anything, 7, Key{rest: "new"}); got != 7 {
		t.Errorf("after a question that failed: %d, want 7", got)
	}
}

// TestMemoryAtOnce: one asks for all, and who gives up does not take the others along.
func TestMemoryAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory[int]()
		first, giveUp := context.WithCancel(t.Context())
		asked := 0
		ask := func(ctx context.Context) func() (int, Key, error) {
			return func() (int, Key, error) {
				asked++
				select {
				case <-time.After(time.Second):
					return asked, here, nil
				case <-ctx.Done():
					return 0, here, ctx.Err()
				}
			}
		}
		failed := make(chan error, 1)
		go func() {
			_, err := m.Find(first, []Key{here}, anything, ask(first))
			failed <- err
		}()
		synctest.Wait()
		got := make(chan int, 4)
		for range cap(got) {
			go func() {
				a, err := m.Find(t.Context(), []Key{here}, anything, ask(t.Context()))
				if err != nil {
					t.Error(err)
				}
				got <- a
			}()
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := m.Find(gone, []Key{here}, anything, ask(gone)); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller that is gone: error %v, want %v", err, context.Canceled)
		}
		synctest.Wait()
		giveUp()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("the first caller: error %v, want %v", err, context.Canceled)
		}
		for range cap(got) {
			if a := <-got; a != 2 {
				t.Errorf("a caller that waited got the answer of question %d, want 2", a)
			}
		}
	})
}

// TestMemoryOwnEyes: what was asked before something changed does not count for who came after.
func TestMemoryOwnEyes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory[int]()
		world := 1
		ask := func() (int, Key, error) {
			seen := world
			time.Sleep(time.Second)
			return seen, here, nil
		}
		right := func(a int) bool { return a == world }
		done := make(chan struct{})
		go func() {
			defer close(done)
			if _, err := m.Find(t.Context(), []Key{here}, right, ask); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		world = 2
		if got, err := m.Find(t.Context(), []Key{here}, right, ask); got != 2 || err != nil {
			t.Errorf("after the change: %d, %v, want 2", got, err)
		}
		<-done
	})
}

// TestMemoryPatience: whoever asks may have been stopped. One of those who wait asks in its stead.
func TestMemoryPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory[int]()
		never := make(chan struct{})
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			if _, err := m.Find(t.Context(), []Key{here}, anything, func() (int, Key, error) { <-never; return 1, here, nil }); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		start := time.Now()
		asked := 0
		var all sync.WaitGroup
		for i := range 4 {
			time.Sleep(time.Second)
			all.Go(func() {
				got, err := m.Find(t.Context(), []Key{here}, anything, func() (int, Key, error) {
					asked++
					time.Sleep(time.Second / 2)
					return 2, here, nil
				})
				if want := patience + 3*time.Second/2; got != 2 || err != nil || time.Since(start) != want {
					t.Errorf("caller %d behind one that was stopped: %d, %v after %v, want 2 after %v", i, got, err, time.Since(start), want)
				}
			})
		}
		all.Wait()
		if asked != 1 {
			t.Errorf("%d callers asked, want one", asked)
		}
		// The first one, when it goes on, disturbs nobody.
		close(never)
		<-stopped
		if got, err := m.Find(t.Context(), []Key{{rest: "new"}}, anything, func() (int, Key, error) { return 3, Key{rest: "new"}, nil }); got != 3 || err != nil || len(m.asking) > 0 {
			t.Errorf("after that: %d, %v and %d who ask, want 3 and none", got, err, len(m.asking))
		}
	})
}
