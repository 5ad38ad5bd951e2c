package disk

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
)

// Clear works while another store uses the directory, and nothing comes back from its memory.
func TestClear(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	live, other := open(t, dir), open(t, dir)
	d := putBlob(t, live, "hello")
	fill := func() {
		t.Helper()
		must(t, live.PutResult(ctx, key("k"), result("r")), live.AddInputSet(ctx, key("c"), set("s")))
	}
	fill()
	// Old enough for the live store to trust its memory.
	backdate(t, live.classPath(0))
	backdate(t, live.path(name{kind: kindSets, sum: key("c").Sum()}))
	for range 3 {
		if _, err := live.Result(ctx, key("k")); err != nil {
			t.Fatal(err)
		}
		if sets, err := live.InputSets(ctx, key("c")); err != nil || len(sets) != 1 {
			t.Fatalf("InputSets = %v, %v; want one", sets, err)
		}
	}
	must(t, other.Clear(ctx))
	gone := func(when string) {
		t.Helper()
		if r, err := live.Result(ctx, key("k")); !errors.Is(err, cache.ErrNotFound) {
			t.Errorf("%s Result = %v, %v; want ErrNotFound", when, r, err)
		}
		if sets, err := live.InputSets(ctx, key("c")); err != nil || len(sets) != 0 {
			t.Errorf("%s InputSets = %v, %v; want none", when, sets, err)
		}
		if f, err := live.OpenFile(ctx, d); !errors.Is(err, cache.ErrNotFound) {
			t.Errorf("%s OpenFile = %v, %v; want ErrNotFound", when, f, err)
		}
	}
	gone("after Clear")
	must(t, other.PutResult(ctx, key("else"), result("r")), other.AddInputSet(ctx, key("else"), set("s")))
	gone("after Clear and another put")
	if entries, err := os.ReadDir(live.tmpPath()); err != nil || len(entries) != 0 {
		t.Errorf("tmp holds %v, %v; want nothing", entries, err)
	}
	fill()
	if r, err := live.Result(ctx, key("k")); err != nil || string(r.Stderr) != "r" {
		t.Errorf("Result after a new put = %v, %v; want it", r, err)
	}
	must(t, live.Clear(ctx))
	gone("after its own Clear")
}

// A store whose directories are so young that their times prove nothing does not answer from memory.
func TestClearYoung(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	live, other := open(t, dir, func(o *Options) { o.Now = func() time.Time { return time.Unix(1, 0) } }), open(t, dir)
	must(t, live.PutResult(ctx, key("k"), result("r")))
	if _, err := live.Result(ctx, key("k")); err != nil {
		t.Fatal(err)
	}
	must(t, other.Clear(ctx), other.PutResult(ctx, key("else"), result("r")))
	if r, err := live.Result(ctx, key("k")); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("Result after Clear = %v, %v; want ErrNotFound", r, err)
	}
}
