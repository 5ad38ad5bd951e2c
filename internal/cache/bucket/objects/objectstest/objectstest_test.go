package objectstest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
)

func TestMemory(t *testing.T) {
	Run(t, func(*testing.T) objects.Store { return &Memory{} })
}

func TestFaultyWithoutFaults(t *testing.T) {
	Run(t, func(*testing.T) objects.Store { return &Faulty{Store: &Memory{}} })
}

func TestCounter(t *testing.T) {
	Run(t, func(*testing.T) objects.Store { return &objects.Counter{Store: &Memory{}} })
}

// A clock that is given is the one that is read.
func TestMemoryNow(t *testing.T) {
	at := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	m := &Memory{Now: func() time.Time { return at }}
	if got := mustPut(t, m, "a", "a").Time; !got.Equal(at) {
		t.Errorf("time of a Put = %v, want %v", got, at)
	}
}

// Each fault is what its name says. The clock of the bubble runs when all wait, so what hangs meets the deadline.
func TestFaults(t *testing.T) {
	other := errors.New("other")
	until := make(chan struct{})
	close(until)
	const late = "context deadline exceeded"
	for _, c := range []struct {
		name           string
		fault          Fault
		get, put, list string // what comes of each, of a store that holds a and b
		left           string // what lies under c afterwards
	}{
		{"none", Fault{}, "abcd", "ok", "[a b]", "wxyz"},
		{"fail", Fault{Kind: Fail}, "planned fault", "planned fault", "planned fault", ""},
		{"fail otherwise", Fault{Kind: Fail, Err: other}, "other", "other", "other", ""},
		{"stall", Fault{Kind: Stall}, late, late, late, ""},
		{"lost", Fault{Kind: Lost, Err: other}, "other", "other", "other", "wxyz"},
		{"late", Fault{Kind: Late, Until: until}, "abcd", "ok", "[a b]", "wxyz"},
		{"too late", Fault{Kind: Late}, late, late, late, "wxyz"},
		{"short", Fault{Kind: Short}, "ab", "unexpected", "[a]", ""},
		{"hang", Fault{Kind: Hang}, "ab, then " + late, late, late, ""},
		{"wrong", Fault{Kind: Wrong}, "abbd", "ok", "unexpected", "wxxz"},
		{"extra", Fault{Kind: Extra}, "abcdx", "unexpected", "[a b b-not-there]", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				inner := &Memory{}
				mustPut(t, inner, "a", "abcd")
				mustPut(t, inner, "b", "efgh")
				f := &Faulty{Store: inner, Plan: func(string, int) Fault { return c.fault }}
				within := func() context.Context {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					t.Cleanup(cancel)
					return ctx
				}
				if got := word(Read(within(), f, "a", 0, -1)); got != c.get {
					t.Errorf("get = %q, want %q", got, c.get)
				}
				_, err := Put(within(), f, "c", "wxyz")
				if got := word("ok", err); got != c.put {
					t.Errorf("put = %q, want %q", got, c.put)
				}
				if got := string(inner.Bytes("c")); got != c.left {
					t.Errorf("c afterwards = %q, want %q", got, c.left)
				}
				inner.Remove("c")
				if got := word(names(f.List(within(), "", "", 10))); got != c.list {
					t.Errorf("list = %q, want %q", got, c.list)
				}
				for _, op := range []string{"get", "put", "list"} {
					fired := 0
					if c.fault.Kind != None {
						fired = 1
					}
					if f.Calls(op) != 1 || f.Fired(op) != fired {
						t.Errorf("%s: %d calls, %d faults; want 1 and %d", op, f.Calls(op), f.Fired(op), fired)
					}
				}
			})
		})
	}
}

// names are those of a listing.
func names(l objects.Listing, err error) (string, error) {
	if err != nil {
		return "", err
	}
	var all []string
	for _, o := range l.Objects {
		all = append(all, o.Name)
	}
	return fmt.Sprint(all), nil
}

// word is what a call gave, and how it ended.
func word(got string, err error) string {
	var e *objects.Error
	switch {
	case errors.As(err, &e):
		return string(e.Kind)
	case err != nil && got != "" && got != "ok":
		return got + ", then " + err.Error()
	case err != nil:
		return err.Error()
	}
	return got
}

func TestCounts(t *testing.T) {
	c := &objects.Counter{Store: &Memory{}}
	mustPut(t, c, "a", "0123456789")
	if _, err := Read(t.Context(), c, "a", 2, 5); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(t.Context(), c, "b", 0, -1); !errors.Is(err, objects.ErrNotFound) {
		t.Fatalf("Get(b) = %v, want ErrNotFound", err)
	}
	if _, err := c.List(t.Context(), "", "", 1); err != nil {
		t.Fatal(err)
	}
	// Of a body that is not read to its end, only what was read counts.
	r, err := c.Get(t.Context(), "a", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	r.Close()
	want := objects.Counts{Get: 3, List: 1, Put: 1, Downloaded: 8, Uploaded: 10}
	if got := c.Counts(); got != want {
		t.Errorf("Counts = %+v, want %+v", got, want)
	}
}
