package objectstest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
)

// Run checks that a store keeps the contract of package objects. open returns an empty store that may be written, and arranges for
// its end with t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) objects.Store) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s objects.Store)
	}{
		{"absent", runAbsent}, {"ranges", runRanges}, {"empty", runEmpty}, {"twice", runTwice}, {"bodies", runBodies},
		{"names", runNames}, {"order", runOrder}, {"many", runMany}, {"ended", runEnded}, {"times", runTimes}, {"race", runRace},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

// Put stores content under name.
func Put(ctx context.Context, s objects.Store, name, content string) (objects.Stored, error) {
	return s.Put(ctx, name, strings.NewReader(content), int64(len(content)), sha256.Sum256([]byte(content)))
}

// Read returns what Get and the reader give.
func Read(ctx context.Context, s objects.Store, name string, offset, length int64) (string, error) {
	r, err := s.Get(ctx, name, offset, length)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(r)
	return string(b), errors.Join(err, r.Close())
}

// mustPut stores a new object.
func mustPut(t *testing.T, s objects.Store, name, content string) objects.Stored {
	t.Helper()
	stored, err := Put(t.Context(), s, name, content)
	if err != nil || stored.Existed {
		t.Fatalf("Put(%s) = %+v, %v; want a new object", name, stored, err)
	}
	return stored
}

func runAbsent(t *testing.T, s objects.Store) {
	for _, name := range []string{"a", "v1/7/trusted/main/pack/00"} {
		for _, length := range []int64{-1, 0, 1} {
			if got, err := Read(t.Context(), s, name, 0, length); !errors.Is(err, objects.ErrNotFound) {
				t.Errorf("Get(%s, 0, %d) of an empty store = %q, %v; want ErrNotFound", name, length, got, err)
			}
		}
	}
	for _, prefix := range []string{"", "a", "v1/7/"} {
		if l, err := s.List(t.Context(), prefix, "", 10); err != nil || len(l.Objects) != 0 || l.More {
			t.Errorf("List(%q) of an empty store = %+v, %v; want nothing", prefix, l, err)
		}
	}
	if s.String() == "" {
		t.Error("String is empty, want the place")
	}
}

func runRanges(t *testing.T, s objects.Store) {
	content := make([]byte, 300_000)
	for i := range content {
		content[i] = byte(i*7 + i>>8)
	}
	size := int64(len(content))
	const name = "v1/7/trusted/main/pack/ranges"
	mustPut(t, s, name, string(content))
	for _, c := range []struct{ offset, length int64 }{
		{0, -1}, {0, size}, {0, 1}, {0, 0}, {1, 0}, {1, 1}, {size - 1, 1}, {size - 1, -1}, {100, 200_000}, {size, 0}, {123_456, -1},
	} {
		want := content[c.offset:]
		if c.length >= 0 {
			want = want[:c.length]
		}
		got, err := Read(t.Context(), s, name, c.offset, c.length)
		if err != nil || got != string(want) {
			t.Errorf("Get(%d, %d) = %d bytes, %v; want the %d there", c.offset, c.length, len(got), err, len(want))
		}
	}
	for _, c := range []struct{ offset, length int64 }{
		{0, size + 1}, {size - 1, 2}, {size, 1}, {size + 1, 0}, {size + 1, -1}, {size + 5, 5}, {1 << 62, 1}, {1, 1<<63 - 1}, {-1, 1}, {-1, -1},
	} {
		got, err := Read(t.Context(), s, name, c.offset, c.length)
		if err == nil || errors.Is(err, objects.ErrNotFound) {
			t.Errorf("Get(%d, %d) past the end = %d bytes, %v; want an error that is not ErrNotFound", c.offset, c.length, len(got), err)
		}
	}
	// A reader that is closed early harms nobody.
	r, err := s.Get(t.Context(), name, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
		t.Errorf("reading 10 bytes = %v", err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("Close of a reader that is not at its end = %v", err)
	}
	if got, err := Read(t.Context(), s, name, 5, 3); err != nil || got != string(content[5:8]) {
		t.Errorf("the Get after that = %q, %v; want it right", got, err)
	}
}

func runEmpty(t *testing.T, s objects.Store) {
	mustPut(t, s, "empty", "")
	for _, length := range []int64{-1, 0} {
		if got, err := Read(t.Context(), s, "empty", 0, length); err != nil || got != "" {
			t.Errorf("Get(0, %d) of an empty object = %q, %v; want nothing", length, got, err)
		}
	}
	if got, err := Read(t.Context(), s, "empty", 0, 1); err == nil || errors.Is(err, objects.ErrNotFound) {
		t.Errorf("Get(0, 1) of an empty object = %q, %v; want an error that is not ErrNotFound", got, err)
	}
	if stored, err := Put(t.Context(), s, "empty", ""); err != nil || !stored.Existed {
		t.Errorf("Put again = %+v, %v; want that it existed", stored, err)
	}
}

func runTwice(t *testing.T, s objects.Store) {
	mustPut(t, s, "v1/once", "first")
	for _, content := range []string{"first", "second", ""} {
		if stored, err := Put(t.Context(), s, "v1/once", content); err != nil || !stored.Existed {
			t.Errorf("Put of %q over it = %+v, %v; want that it existed", content, stored, err)
		}
		if got, err := Read(t.Context(), s, "v1/once", 0, -1); err != nil || got != "first" {
			t.Errorf("Get after putting %q over it = %q, %v; want first", content, got, err)
		}
	}
	if l, err := s.List(t.Context(), "", "", 10); err != nil || len(l.Objects) != 1 || l.Objects[0].Size != 5 {
		t.Errorf("List = %+v, %v; want the one object of 5 bytes", l, err)
	}
}

// runBodies puts what is not as it is said to be.
func runBodies(t *testing.T, s objects.Store) {
	content := strings.Repeat("content ", 10_000)
	sum, size := sha256.Sum256([]byte(content)), int64(len(content))
	broken := errors.New("broken")
	for name, body := range map[string]io.ReadSeeker{
		"short": strings.NewReader(content[1:]),
		"long":  strings.NewReader(content + "x"),
		"wrong": strings.NewReader("C" + content[1:]),
		"none":  strings.NewReader(""),
		"fails": &failing{strings.NewReader(content), size / 2, broken},
	} {
		_, err := s.Put(t.Context(), "v1/"+name, body, size, sum)
		if err == nil || errors.Is(err, objects.ErrNotFound) {
			t.Errorf("%s: Put = %v, want an error that is not ErrNotFound", name, err)
		}
		if _, err := Read(t.Context(), s, "v1/"+name, 0, -1); !errors.Is(err, objects.ErrNotFound) {
			t.Errorf("%s: Get = %v, want ErrNotFound", name, err)
		}
	}
	if l, err := s.List(t.Context(), "", "", 10); err != nil || len(l.Objects) != 0 {
		t.Errorf("List = %+v, %v; want nothing", l, err)
	}
	moved := strings.NewReader(content)
	if _, err := moved.Seek(10, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if stored, err := s.Put(t.Context(), "v1/moved", moved, size, sum); err != nil || stored.Existed {
		t.Errorf("Put of a body that is not at its start = %+v, %v; want a new object", stored, err)
	}
	if got, err := Read(t.Context(), s, "v1/moved", 0, -1); err != nil || got != content {
		t.Errorf("Get = %d bytes, %v; want the whole body of %d", len(got), err, size)
	}
}

// failing fails after left bytes.
type failing struct {
	*strings.Reader
	at  int64
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	left := f.at - (f.Size() - int64(f.Len()))
	if left <= 0 {
		return 0, f.err
	}
	return f.Reader.Read(p[:min(int64(len(p)), left)])
}

func (f *failing) WriteTo(io.Writer) (int64, error) { return 0, f.err }

// runMany has more objects than one list answers.
func runMany(t *testing.T, s objects.Store) {
	const many = objects.MaxList + 7
	name := func(i int) string { return fmt.Sprintf("v1/7/trusted/main/index/%05d-run-job-%08x", i, i*7919) }
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := worker; i < many; i += 4 {
				if _, err := Put(t.Context(), s, name(i), "i"); err != nil {
					t.Errorf("Put(%s) = %v", name(i), err)
				}
			}
		})
	}
	mustPut(t, s, "v1/7/trusted/main/profile/x", "p")
	all.Wait()
	for _, limit := range []int{objects.MaxList, 400} {
		seen, after := 0, ""
		for more := true; more; {
			l, err := s.List(t.Context(), "v1/7/trusted/main/index/", after, limit)
			if err != nil {
				t.Fatalf("List after %q = %v", after, err)
			}
			for _, o := range l.Objects {
				if o.Name != name(seen) || o.Size != 1 {
					t.Fatalf("object %d = %+v, want %s of 1 byte", seen, o, name(seen))
				}
				seen++
			}
			if len(l.Objects) == 0 || len(l.Objects) > limit || l.More != (seen < many) {
				t.Fatalf("List of %d after %q = %d objects, more %v, with %d of %d seen", limit, after, len(l.Objects), l.More, seen, many)
			}
			after, more = l.Objects[len(l.Objects)-1].Name, l.More
		}
		if seen != many {
			t.Errorf("lists of %d showed %d objects, want %d", limit, seen, many)
		}
	}
}

// runEnded calls everything with a context that has ended: no call may claim that something is absent.
func runEnded(t *testing.T, s objects.Store) {
	mustPut(t, s, "there", strings.Repeat("there", 100_000))
	ctx, cancel := context.WithCancel(t.Context())
	r, err := s.Get(ctx, "there", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	_, readErr := io.Copy(io.Discard, r)
	r.Close()
	_, absentErr := Read(ctx, s, "not-there", 0, -1)
	_, thereErr := Read(ctx, s, "there", 0, 3)
	_, putErr := Put(ctx, s, "new", "new")
	_, listErr := s.List(ctx, "", "", 10)
	for call, err := range map[string]error{"Get of what is absent": absentErr, "Get": thereErr, "Put": putErr, "List": listErr} {
		if !errors.Is(err, context.Canceled) || errors.Is(err, objects.ErrNotFound) {
			t.Errorf("%s with an ended context = %v, want context.Canceled", call, err)
		}
	}
	// What was on its way may still arrive; what does not arrive is ctx's error.
	if readErr != nil && !errors.Is(readErr, context.Canceled) {
		t.Errorf("reading when the context has ended = %v, want nil or context.Canceled", readErr)
	}
	if _, err := Read(t.Context(), s, "new", 0, -1); !errors.Is(err, objects.ErrNotFound) {
		t.Errorf("Get of what was put with an ended context = %v, want ErrNotFound", err)
	}
}

// runTimes compares the times of one store with each other: that they are of this day is for the store's own test.
func runTimes(t *testing.T, s objects.Store) {
	const slack = time.Minute
	first := mustPut(t, s, "v1/first", "1").Time
	l, err := s.List(t.Context(), "v1/", "", 10)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Put(t.Context(), s, "v1/first", "1")
	if err != nil {
		t.Fatal(err)
	}
	last := mustPut(t, s, "v1/last", "2").Time
	if first.Year() < 2000 {
		t.Fatalf("time of a Put = %v, want that of the store", first)
	}
	for what, at := range map[string]time.Time{"list": l.Time, "put of what existed": again.Time, "put at last": last} {
		if at.Sub(first).Abs() > slack {
			t.Errorf("time of the %s = %v, want it close to %v", what, at, first)
		}
	}
	// A list's time is not after its beginning, however coarse the store's clock.
	if l.Time.After(last) {
		t.Errorf("time of a list = %v, want none after %v, that of a later put", l.Time, last)
	}
}

// runRace has many put the same names: one wins each, and only its bytes are ever seen.
func runRace(t *testing.T, s objects.Store) {
	const writers, names = 8, 6
	contents := map[string]bool{}
	content := func(writer int) string { return strings.Repeat(fmt.Sprint("writer ", writer, " "), 2_000+writer) }
	for w := range writers {
		contents[content(w)] = true
	}
	var mu sync.Mutex
	winners := map[string][]string{} // guarded by mu; name to the contents that were stored under it
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for n := range names {
				name := fmt.Sprint("v1/race/", n)
				stored, err := Put(t.Context(), s, name, content(w))
				if err != nil {
					t.Errorf("Put(%s) = %v", name, err)
					continue
				}
				if !stored.Existed {
					mu.Lock()
					winners[name] = append(winners[name], content(w))
					mu.Unlock()
				}
				if got, err := Read(t.Context(), s, name, 0, -1); err != nil || !contents[got] {
					t.Errorf("Get(%s) = %d bytes, %v; want what one writer put", name, len(got), err)
				}
			}
		})
	}
	all.Wait()
	for n := range names {
		name := fmt.Sprint("v1/race/", n)
		got, err := Read(t.Context(), s, name, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		if won := winners[name]; len(won) != 1 || won[0] != got {
			t.Errorf("%s: %d writers stored it, want one, and its bytes", name, len(won))
		}
	}
}
