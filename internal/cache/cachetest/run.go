package cachetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// Run checks that a store keeps the contract of package cache. newStore returns an empty store that may be written,
// and arranges for its end with t.Cleanup.
func Run(t *testing.T, newStore func(t *testing.T) cache.Store) {
	t.Run("operations", func(t *testing.T) { runOperations(t, newStore) })
	t.Run("order", func(t *testing.T) { runOrder(t, newStore(t)) })
	t.Run("fields", func(t *testing.T) { runFields(t, newStore(t)) })
	t.Run("sources", func(t *testing.T) { runSources(t, newStore(t)) })
	t.Run("ended", func(t *testing.T) { runEnded(t, newStore(t)) })
	t.Run("notes", func(t *testing.T) { runNotes(t, newStore(t)) })
	t.Run("withdrawn", func(t *testing.T) { runWithdrawn(t, newStore(t)) })
	t.Run("concurrency", func(t *testing.T) { runConcurrency(t, newStore(t)) })
}

// step is one operation and what it must answer: "ok", "absent", "refused", or what is found. Names and values
// are words: of a blob, the name's digest is asked and the value is what it is put from.
type step struct{ op, name, value, want string }

var operations = map[string][]step{
	"all miss": {
		{"result", "k", "", "absent"}, {"sets", "c", "", "[]"}, {"open", "hello", "", "absent"},
	},
	"blob": {
		{"put", "hello", "hello", "ok"}, {"open", "hello", "", "hello"}, {"open", "hello", "", "hello"},
		{"open", "world", "", "absent"}, {"put", "world", "world", "ok"}, {"open", "world", "", "world"}, {"open", "hello", "", "hello"},
	},
	"blob twice":         {{"put", "hello", "hello", "ok"}, {"put", "hello", "hello", "ok"}, {"open", "hello", "", "hello"}},
	"present blob":       {{"put", "hello", "hello", "ok"}, {"put", "hello", "not read", "ok"}, {"open", "hello", "", "hello"}},
	"empty blob":         {{"open", "", "", "absent"}, {"put", "", "", "ok"}, {"open", "", "", ""}},
	"wrong blob":         {{"put", "hello", "hallo", "refused"}, {"open", "hello", "", "absent"}, {"open", "hallo", "", "absent"}},
	"short blob":         {{"put", "hello", "hell", "refused"}, {"open", "hello", "", "absent"}, {"open", "hell", "", "absent"}},
	"long blob":          {{"put", "hello", "hello!", "refused"}, {"open", "hello", "", "absent"}, {"open", "hello!", "", "absent"}},
	"empty for blob":     {{"put", "hello", "", "refused"}, {"open", "hello", "", "absent"}, {"open", "", "", "absent"}},
	"right after wrong":  {{"put", "hello", "hallo", "refused"}, {"put", "hello", "hello", "ok"}, {"open", "hello", "", "hello"}},
	"result":             {{"put result", "k", "r", "ok"}, {"result", "k", "", "r"}, {"result", "other", "", "absent"}},
	"result twice":       {{"put result", "k", "r", "ok"}, {"put result", "k", "r", "ok"}, {"result", "k", "", "r"}},
	"results":            {{"put result", "k", "r", "ok"}, {"put result", "l", "s", "ok"}, {"result", "k", "", "r"}, {"result", "l", "", "s"}},
	"kinds are apart":    {{"put result", "k", "r", "ok"}, {"sets", "k", "", "[]"}, {"add", "l", "s", "ok"}, {"result", "l", "", "absent"}},
	"set":                {{"add", "c", "s", "ok"}, {"sets", "c", "", "[s]"}, {"sets", "d", "", "[]"}},
	"sets, newest first": {{"add", "c", "s", "ok"}, {"add", "c", "t", "ok"}, {"sets", "c", "", "[t s]"}, {"add", "c", "u", "ok"}, {"sets", "c", "", "[u t s]"}},
	"set again":          {{"add", "c", "s", "ok"}, {"add", "c", "t", "ok"}, {"add", "c", "s", "ok"}, {"sets", "c", "", "[s t]"}},
	"sets of two":        {{"add", "c", "s", "ok"}, {"add", "d", "t", "ok"}, {"sets", "c", "", "[s]"}, {"sets", "d", "", "[t]"}},
}

func runOperations(t *testing.T, newStore func(t *testing.T) cache.Store) {
	for name, steps := range operations {
		t.Run(name, func(t *testing.T) {
			store := newStore(t)
			for _, s := range steps {
				if got := s.do(t.Context(), store); got != s.want {
					t.Errorf("%s %q %q = %s, want %s", s.op, s.name, s.value, got, s.want)
				}
			}
		})
	}
}

func (s step) do(ctx context.Context, store cache.Store) string {
	var found string
	var err error
	key := digest.KeyOf([]byte(s.name))
	switch s.op {
	case "put":
		err = store.Put(ctx, digest.Of([]byte(s.name)), reader(s.value))
		if err != nil && !errors.Is(err, cache.ErrNotFound) {
			return "refused"
		}
	case "open":
		found, err = ReadBlob(ctx, store, digest.Of([]byte(s.name)))
	case "put result":
		err = store.PutResult(ctx, key, wordResult(s.value))
	case "result":
		var r *compile.Result
		if r, err = store.Result(ctx, key); err == nil {
			found = string(r.Stderr)
		}
	case "add":
		err = store.AddInputSet(ctx, key, wordSet(s.value))
	case "sets":
		var sets []*compile.InputSet
		if sets, err = store.InputSets(ctx, key); err == nil {
			found = setWords(sets)
		}
	default:
		return "unknown operation"
	}
	switch {
	case errors.Is(err, cache.ErrNotFound):
		return "absent"
	case err != nil:
		return err.Error()
	case s.op == "open" || s.op == "result" || s.op == "sets":
		return found
	}
	return "ok"
}

// ReadBlob returns a whole blob of a store.
func ReadBlob(ctx context.Context, store cache.Store, d digest.Digest) (string, error) {
	r, err := store.Open(ctx, d)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(r)
	return string(b), errors.Join(err, r.Close())
}

func reader(s string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }
}

func wordResult(word string) *compile.Result { return &compile.Result{Stderr: []byte(word)} }
func wordSet(word string) *compile.InputSet  { return &compile.InputSet{Paths: []string{word}} }

func setWords(sets []*compile.InputSet) string {
	var words []string
	for _, s := range sets {
		words = append(words, s.Paths...)
	}
	return fmt.Sprint(words)
}

// runOrder adds more sets than are returned, and some of them again.
func runOrder(t *testing.T, store cache.Store) {
	compilation := digest.KeyOf([]byte("compilation"))
	var order []string // newest first
	add := func(word string) {
		if err := store.AddInputSet(t.Context(), compilation, wordSet(word)); err != nil {
			t.Fatalf("AddInputSet %s = %v", word, err)
		}
		kept := []string{word}
		for _, w := range order {
			if w != word {
				kept = append(kept, w)
			}
		}
		order = kept
		want := fmt.Sprint(order[:min(len(order), cache.MaxInputSets)])
		sets, err := store.InputSets(t.Context(), compilation)
		if got := setWords(sets); err != nil || got != want {
			t.Fatalf("after adding %s: InputSets = %s, %v; want %s", word, got, err, want)
		}
	}
	for i := range 40 {
		add(fmt.Sprint("s", i))
		if i%3 == 0 {
			add(fmt.Sprint("s", i/2))
		}
	}
}

// runFields stores values that use every field.
func runFields(t *testing.T, store cache.Store) {
	ctx, key := t.Context(), digest.KeyOf([]byte("all"))
	r := &compile.Result{
		Status: 3, Wall: time.Second, CPU: time.Minute, Stdout: []byte("\x00\xff"), Stderr: []byte("e\n"), MadeBy: "host",
		MadeTime: time.Date(2026, 11, 3, 1, 2, 3, 4, time.UTC),
		Outputs: []compile.StoredOutput{
			{Role: "object", Mode: 0o666, Blob: digest.Of([]byte("o"))},
			{Role: "dependencies", Mode: 0o777, Text: true, Blob: digest.Of(nil)},
		},
	}
	set := &compile.InputSet{
		Bound: []string{"checkout"}, Paths: []string{"a", "é", "b c"}, Env: []string{"CPATH"}, Once: []int{1},
		Absent: []compile.AbsentNames{{Dirs: []string{"/d", "/e"}, Names: []string{"x", "y"}}},
	}
	want, _ := compile.AppendResult(nil, r)
	wantSet, _ := compile.AppendInputSet(nil, set)
	for _, blob := range []string{"o", ""} {
		if err := store.Put(ctx, digest.Of([]byte(blob)), reader(blob)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(store.PutResult(ctx, key, r), store.AddInputSet(ctx, key, set)); err != nil {
		t.Fatal(err)
	}
	// What was put belongs to the caller again.
	r.Stderr[0], set.Paths[0] = 'X', "X"
	got, err := store.Result(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := compile.AppendResult(nil, got); !bytes.Equal(b, want) {
		t.Errorf("Result =\n%s\nwant\n%s", b, want)
	}
	sets, err := store.InputSets(ctx, key)
	if err != nil || len(sets) != 1 {
		t.Fatalf("InputSets = %d sets, %v; want 1", len(sets), err)
	}
	if b, _ := compile.AppendInputSet(nil, sets[0]); !bytes.Equal(b, wantSet) {
		t.Errorf("InputSets =\n%s\nwant\n%s", b, wantSet)
	}
}

// runSources puts blobs from sources that fail.
func runSources(t *testing.T, store cache.Store) {
	ctx, content := t.Context(), strings.Repeat("content ", 100_000)
	d := digest.Of([]byte(content))
	broken := errors.New("broken")
	for name, open := range map[string]func() (io.ReadCloser, error){
		"open fails": func() (io.ReadCloser, error) { return nil, broken },
		"read fails": func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader(content[:len(content)/2]), failing{broken})), nil
		},
		"fails at the end": func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader(content), failing{broken})), nil
		},
	} {
		if err := store.Put(ctx, d, open); !errors.Is(err, broken) {
			t.Errorf("%s: Put = %v, want the source's error", name, err)
		}
		if _, err := store.Open(ctx, d); !errors.Is(err, cache.ErrNotFound) {
			t.Errorf("%s: Open = %v, want ErrNotFound", name, err)
		}
	}
	if err := store.Put(ctx, d, digest.NewContent([]byte(content[1:])).Open); err == nil {
		t.Error("Put of another hashed content = nil, want an error")
	}
	if _, err := store.Open(ctx, d); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("Open after another content was put = %v, want ErrNotFound", err)
	}
	if err := store.Put(ctx, d, digest.NewContent([]byte(content)).Open); err != nil {
		t.Fatalf("Put = %v", err)
	}
	if got, err := ReadBlob(ctx, store, d); err != nil || got != content {
		t.Errorf("Open = %d bytes, %v; want the %d that were put", len(got), err, len(content))
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// runEnded calls everything with a context that has ended: no call may claim that something is absent.
func runEnded(t *testing.T, store cache.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	key, d := digest.KeyOf([]byte("k")), digest.Of([]byte("b"))
	_, resultErr := store.Result(ctx, key)
	_, setsErr := store.InputSets(ctx, key)
	_, openErr := store.Open(ctx, d)
	for method, err := range map[string]error{
		"Result": resultErr, "InputSets": setsErr, "Open": openErr,
		"PutResult": store.PutResult(ctx, key, wordResult("r")), "AddInputSet": store.AddInputSet(ctx, key, wordSet("s")),
		"Put": store.Put(ctx, d, reader("b")),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s after the context ended = %v, want %v", method, err, context.Canceled)
		}
	}
}

func runNotes(t *testing.T, store cache.Store) {
	notes, ok := store.(cache.Notes)
	if !ok {
		t.Skip("the store keeps no notes")
	}
	ctx, key := t.Context(), digest.KeyOf([]byte("n"))
	if b, err := notes.Note(ctx, key); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("Note = %q, %v; want ErrNotFound", b, err)
	}
	for _, want := range []string{"one", "", "line\nwithout end", "\x00\xff"} {
		if err := notes.PutNote(ctx, key, []byte(want)); err != nil {
			t.Fatalf("PutNote(%q) = %v", want, err)
		}
		if got, err := notes.Note(ctx, key); err != nil || string(got) != want {
			t.Errorf("Note = %q, %v; want %q", got, err, want)
		}
	}
	if err := notes.PutNote(ctx, key, make([]byte, cache.MaxNote+1)); err == nil {
		t.Error("PutNote of more than MaxNote bytes = nil, want an error")
	}
	if got, err := notes.Note(ctx, key); err != nil || string(got) != "\x00\xff" {
		t.Errorf("Note after a refused put = %q, %v; want the earlier one", got, err)
	}
}

// runWithdrawn takes a key out of use. A store that cannot do so has nothing to keep here.
func runWithdrawn(t *testing.T, store cache.Store) {
	w, ok := store.(cache.Withdrawer)
	if !ok {
		return
	}
	ctx, wrong, right := t.Context(), digest.KeyOf([]byte("wrong")), digest.KeyOf([]byte("right"))
	for _, k := range []digest.Key{wrong, right} {
		if err := store.PutResult(ctx, k, wordResult("r")); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := w.Withdraw(ctx, wrong); err != nil {
			t.Fatalf("Withdraw = %v", err)
		}
		if r, err := store.Result(ctx, wrong); !errors.Is(err, cache.ErrWithdrawn) || !errors.Is(err, cache.ErrNotFound) {
			t.Errorf("Result of a withdrawn key = %v, %v; want ErrWithdrawn, which is an ErrNotFound", r, err)
		}
		if err := store.PutResult(ctx, wrong, wordResult("r")); !errors.Is(err, cache.ErrWithdrawn) {
			t.Errorf("PutResult of a withdrawn key = %v, want ErrWithdrawn", err)
		}
		if _, err := store.Result(ctx, right); err != nil {
			t.Errorf("Result of another key = %v, want it", err)
		}
	}
	d := digest.Of([]byte("blob"))
	if err := w.Reverify(ctx, d); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("Reverify of no blob = %v, want ErrNotFound", err)
	}
	if err := store.Put(ctx, d, reader("blob")); err != nil {
		t.Fatal(err)
	}
	if err := w.Reverify(ctx, d); err != nil {
		t.Errorf("Reverify = %v, want nil", err)
	}
}

// runConcurrency has 64 goroutines put and read the same names, and each its own. A read finds nothing or what was put;
// what the reader put itself it finds.
func runConcurrency(t *testing.T, store cache.Store) {
	const goroutines = 64
	ctx := t.Context()
	shared := strings.Repeat("shared ", 5_000)
	var all sync.WaitGroup
	for g := range goroutines {
		all.Go(func() {
			own := fmt.Sprint("own ", g)
			for _, s := range []step{
				{"open", shared, "", "absent|" + shared},
				{"result", "shared", "", "absent|r"},
				{"put", own, own, "ok"},
				{"put", shared, shared, "ok"},
				{"open", shared, "", shared},
				{"open", own, "", own},
				{"put result", "shared", "r", "ok"},
				{"result", "shared", "", "r"},
				{"put result", own, own, "ok"},
				{"result", own, "", own},
				{"add", own, own, "ok"},
				{"sets", own, "", "[" + own + "]"},
				{"add", "shared", fmt.Sprint("s", g%8), "ok"},
			} {
				if got := s.do(ctx, store); !slices.Contains(strings.Split(s.want, "|"), got) {
					t.Errorf("%s %.20q = %.60q, want %.60q", s.op, s.name, got, s.want)
				}
			}
			sets, err := store.InputSets(ctx, digest.KeyOf([]byte("shared")))
			if err != nil || len(sets) == 0 || len(sets) > 8 || !strings.Contains(setWords(sets), fmt.Sprint("s", g%8)) {
				t.Errorf("InputSets = %s, %v; want at most 8 sets, s%d among them", setWords(sets), err, g%8)
			}
		})
	}
	all.Wait()
	sets, err := store.InputSets(ctx, digest.KeyOf([]byte("shared")))
	if err != nil || len(sets) != 8 {
		t.Errorf("InputSets at the end = %s, %v; want 8 sets", setWords(sets), err)
	}
}
