package bucket

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// Who is waited for comes first, then who is needed first, whoever asked first, and one that no longer wants its turn takes nobody's.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := &turns{free: 1}
		if err := turns.take(t.Context(), 9); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var got []int
		work := func(ctx context.Context, place int) {
			err := turns.take(ctx, place)
			if ctx.Err() != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("take of a cancelled one = %v, want that it is cancelled", err)
			}
			if err != nil {
				return
			}
			mu.Lock()
			got = append(got, place)
			mu.Unlock()
			turns.give(1)
		}
		gone, cancel := context.WithCancel(t.Context())
		for _, place := range []int{5, 3, 8, 1} {
			go work(t.Context(), place)
			synctest.Wait()
		}
		go work(gone, 0)
		synctest.Wait()
		cancel()
		synctest.Wait()
		turns.want(8, 1)
		turns.want(3, 1)
		turns.want(3, -1)
		turns.give(1)
		synctest.Wait()
		if want := []int{8, 1, 3, 5}; !slices.Equal(got, want) {
			t.Errorf("turns were taken by %v, want %v", got, want)
		}
		if turns.free != 1 || len(turns.waiting) > 0 {
			t.Errorf("%d turns are free and %d wait, want 1 and none", turns.free, len(turns.waiting))
		}
	})
}
