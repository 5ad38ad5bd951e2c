package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/cache/disk"
	"github.com/compile-cache/compile-cache-action/internal/cache/tiers"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/engine"
	"github.com/compile-cache/compile-cache-action/internal/recheck"
)

func TestRecheckFindsEqual(t *testing.T) {
	h := newHiding(t)
	_, e := h.call("")
	h.want(e, compile.Miss, compile.ReasonNew, "")
	key := e.Key
	for range 2 {
		l, e := h.call("100%")
		h.want(e, compile.Miss, compile.ReasonRecheck, compile.VerdictEqual)
		if len(l.runs) != 1 || e.Key != key || e.CompileMS == 0 || e.BytesStored != 0 {
			t.Errorf("%d runs, event %+v; want one, its time, and nothing stored", len(l.runs), e)
		}
		h.plain(l)
	}
	_, e = h.call("0")
	h.want(e, compile.Hit, "", "")
	if r := h.records(); len(r) != 0 {
		t.Errorf("%d records, want none", len(r))
	}
}

func TestRecheckFindsAnIncompleteKey(t *testing.T) {
	h := newHiding(t)
	h.call("")
	h.hide("-DHIDDEN=2")
	l, e := h.call("100")
	h.want(e, compile.Miss, compile.ReasonRecheck, compile.VerdictIncompleteKey)
	if len(l.runs) != 2 {
		t.Errorf("%d runs, want 2", len(l.runs))
	}
	h.plain(l)
	records := h.records()
	if len(records) != 1 || records[0].Path != e.Quarantine {
		t.Fatalf("records %v, the event names %q", records, e.Quarantine)
	}
	r := records[0]
	if r.Verdict != compile.VerdictIncompleteKey || !r.Withdrawn || r.Source != h.path("a.c") || r.Key != e.Key || len(r.Differences) != 1 {
		t.Fatalf("record %+v", r.Record)
	}
	d := r.Differences[0]
	if d.What != "object" || d.Offset <= 0 || d.Fresh != d.Second || d.Fresh == d.Stored || !strings.Contains(e.Detail, fmt.Sprint("object differs from byte ", d.Offset)) {
		t.Errorf("difference %+v, detail %q", d, e.Detail)
	}
	if r.Stored.Recipe == "" || r.Stored.Recipe != r.Fresh.Recipe || len(r.Fresh.Tools) == 0 || len(r.Set.Inputs) == 0 || r.Set.Inputs[0].Path != h.path("a.c") || r.Set.Inputs[0].Digest == "" {
		t.Errorf("the record lacks a recipe, the tools or the inputs: %+v", r.Record)
	}
	if len(r.Files) != 2 || bytes.Equal(read(t, r.Files[0]), read(t, r.Files[1])) || !bytes.Equal(read(t, r.Files[1]), read(t, h.path("a.o"))) {
		t.Errorf("evidence %q, want both objects", r.Files)
	}

	// It is no answer any more, whatever the hidden file says, and nothing takes its place.
	for range 2 {
		h.hide("-DHIDDEN=1")
		l, e := h.call("")
		h.want(e, compile.Miss, compile.ReasonQuarantined, "")
		if e.NotStored == "" {
			t.Error("a result was stored under a key that is known to be incomplete")
		}
		h.plain(l)
	}
	// Another file is none of its business.
	h.write("a.c", hiddenSource+"int g;\n")
	_, e = h.call("")
	h.want(e, compile.Miss, compile.ReasonChanged, "")
	_, e = h.call("")
	h.want(e, compile.Hit, "", "")
}

func TestRecheckFindsAFailure(t *testing.T) {
	h := newHiding(t)
	h.call("")
	h.hide("-DBROKEN")
	if err := os.Remove(h.path("a.o")); err != nil {
		t.Fatal(err)
	}
	l, e := h.call("100")
	h.want(e, compile.Failed, "", compile.VerdictIncompleteKey)
	if l.last.Status != 1 || e.Status != 1 || strings.Count(l.heard, "error: #error") != 1 {
		t.Errorf("status %d, heard %q; want the compiler's, once", l.last.Status, l.heard)
	}
	if _, err := os.Stat(h.path("a.o")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is an object: %v", err)
	}
	if r := h.records(); len(r) != 1 || r[0].Differences[0].What != "status" {
		t.Errorf("records %+v, want one of the status", r)
	}
}

func TestRecheckFindsNondeterminism(t *testing.T) {
	h := newHiding(t, "-DCOUNTING")
	h.hide("1")
	h.write("a.c", "#define TEXT_(x) #x\n#define TEXT(x) TEXT_(x)\n#pragma message TEXT(HIDDEN)\nint f(void) { return HIDDEN; }\n")
	h.call("")
	l, e := h.call("100")
	h.want(e, compile.Miss, compile.ReasonRecheck, compile.VerdictNondeterministic)
	n := strings.TrimSpace(string(read(t, h.hidden)))
	if r := h.records(); len(l.runs) != 2 || len(r) != 1 || r[0].Withdrawn || r[0].Differences[0].Second == r[0].Differences[0].Fresh {
		t.Errorf("%d runs, records %+v; want 2, and one that withdraws nothing", len(l.runs), r)
	}
	// What the build has is of the last run.
	got := read(t, h.path("a.o"))
	if !strings.Contains(l.heard, "message: "+n) {
		t.Errorf("heard %q, want the number %s of the last run", l.heard, n)
	}
	args := append([]string{"-DHIDDEN=" + n}, h.args...)
	inv := &compile.Invocation{Program: compilerPath(t, "gcc"), Args: args, Dir: h.dir, Env: h.env}
	if _, err := (processes{inv}).Run(t.Context(), engine.Run{}); err != nil || !bytes.Equal(got, read(t, h.path("a.o"))) {
		t.Errorf("the object is not that of the last run: %v", err)
	}
	_, e = h.call("")
	h.want(e, compile.Hit, "", "")
}

// blobFiles are the files of a store's blobs.
func blobFiles(t *testing.T, s cache.Store, r *compile.Result) (files []string) {
	t.Helper()
	for _, o := range r.Outputs {
		f, err := s.(*disk.Store).OpenFile(t.Context(), o.Blob)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f.(*os.File).Name())
		f.Close()
	}
	return files
}

// A byte that changes on the disk without a trace in the file's state is found by reading, and healed.
func TestRecheckFindsCorruption(t *testing.T) {
	h := newHiding(t)
	_, e := h.call("")
	file := blobFiles(t, h.engine.Store, h.result(e.Key))[0]
	b := read(t, file)
	b[len(b)/2] ^= 1
	if err := errors.Join(os.Chmod(file, 0o600), os.WriteFile(file, b, 0o600)); err != nil {
		t.Fatal(err)
	}
	l, e := h.call("100")
	h.want(e, compile.Miss, compile.ReasonRecheck, compile.VerdictCorrupt)
	h.plain(l)
	if r := h.records(); len(l.runs) != 1 || len(r) != 1 || r[0].Withdrawn || r[0].Verdict != compile.VerdictCorrupt {
		t.Errorf("%d runs, records %+v; want 1, and one that withdraws nothing", len(l.runs), r)
	}
	object := read(t, h.path("a.o"))
	_, e = h.call("")
	h.want(e, compile.Hit, "", "")
	if !bytes.Equal(read(t, h.path("a.o")), object) {
		t.Error("the hit after the healing has other bytes")
	}
}

// While an input changes nothing is concluded.
func TestRecheckConcludesNothingWhileInputsChange(t *testing.T) {
	for run := range 2 {
		h := newHiding(t)
		h.call("")
		h.hide("-DHIDDEN=2")
		h.before = func(n int) {
			if n == run {
				h.write("a.c", hiddenSource+"int g;\n")
			}
		}
		l, e := h.call("100")
		h.want(e, compile.Miss, compile.ReasonRecheck, compile.VerdictInconclusive)
		h.before = nil
		h.plain(l)
		if r := h.records(); len(r) != 0 || len(l.runs) != run+1 {
			t.Errorf("%d records after %d runs, want none after %d", len(r), len(l.runs), run+1)
		}
	}
}

func TestRecheckWithoutWriting(t *testing.T) {
	h := newHiding(t)
	h.call("")
	h.env = append(h.env, "COMPILE_CACHE_READONLY=1")
	_, e := h.call("100")
	h.want(e, compile.Miss, compile.ReasonRecheck, compile.VerdictEqual)
	h.hide("-DHIDDEN=2")
	_, e = h.call("100")
	h.want(e, compile.Miss, compile.ReasonRecheck, compile.VerdictIncompleteKey)
	_, e = h.call("100")
	h.want(e, compile.Miss, compile.ReasonQuarantined, "")
}

// A wrapper that is killed while its second compiler runs leaves nothing but its event.
func TestRecheckOfAKilledWrapper(t *testing.T) {
	h := newHiding(t)
	h.call("")
	h.hide("-DHIDDEN=2")
	inv := &compile.Invocation{Program: h.compiler, Args: h.args, Dir: h.dir, Env: append(h.env, "COMPILE_CACHE_RECHECK=100")}
	h.engine.Handle(t.Context(), inv, &dying{hearer: hearer{processes: processes{inv}}})
	e := (*h.events)[len(*h.events)-1]
	h.want(e, compile.Bypassed, compile.ReasonFault, "")
	if r := h.records(); len(r) != 0 {
		t.Errorf("%d records, want none", len(r))
	}
}

// dying is gone at its second run.
type dying struct{ hearer }

func (d *dying) Run(ctx context.Context, run engine.Run) (engine.Ran, error) {
	if len(d.runs) == 1 {
		return engine.Ran{}, errors.New("the wrapper is gone")
	}
	return d.hearer.Run(ctx, run)
}

// The sample is of the size that is asked for, the same for all calls of a run, and another in another run.
func TestRecheckTakesASample(t *testing.T) {
	h := newHiding(t)
	const files = 40
	sample := func(run, percent string) string {
		env := h.env
		defer func() { h.env = env }()
		h.env = append(env[:len(env):len(env)], "COMPILE_CACHE_RUN="+run)
		var chosen strings.Builder
		for i := range files {
			h.args = []string{"-c", fmt.Sprintf("-DN=%d", i), "a.c", "-o", "a.o"}
			_, e := h.call(percent)
			if e.Recheck != "" {
				fmt.Fprintf(&chosen, " %d", i)
			}
		}
		return chosen.String()
	}
	if got := sample("one", ""); got != "" {
		t.Errorf("chosen without a share:%s", got)
	}
	one, again, two := sample("one", "50"), sample("one", "50%"), sample("two", "50")
	if one != again || one == two {
		t.Errorf("chosen%s, again%s, in another run%s; want the same, and others", one, again, two)
	}
	if n := len(strings.Fields(one)); n < files/5 || n > files*4/5 {
		t.Errorf("%d of %d were chosen, want about half", n, files)
	}
	if got := sample("three", "0.0001"); got != "" {
		t.Errorf("chosen by a millionth:%s", got)
	}
}

// A wrong result that lies in a bucket is no answer on this machine any more, not for the next daemon either.
func TestWithdrawnKeyIsNotTakenFromFarAway(t *testing.T) {
	one := newHiding(t)
	b := newBucket()
	p, stack := one.machine(b, true)
	one.project = p
	one.call("")
	one.flush(stack)

	one.hide("-DHIDDEN=2")
	two := *one
	dir := filepath.Join(t.TempDir(), "instance")
	boot := func() {
		near, err := disk.Open(disk.Options{Dir: dir, Class: "local", Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		p, _ := one.machine(b, true)
		two.project = p
		stack := tiers.New(tiers.Options{Near: near, Far: []tiers.Far{{Name: "bucket", Store: b, Write: true}}, Now: time.Now})
		p.engine.Store, p.engine.Quarantine = stack, recheck.Dir(dir)
		t.Cleanup(func() { _ = stack.Close(context.Background()) })
	}
	boot()
	l, e := two.call("100")
	two.want(e, compile.Miss, compile.ReasonRecheck, compile.VerdictIncompleteKey)
	two.plain(l)
	puts := b.Calls("PutResult")
	for range 2 {
		boot()
		l, e = two.call("")
		two.want(e, compile.Miss, compile.ReasonQuarantined, "")
		two.plain(l)
		two.flush(two.engine.Store.(*tiers.Stack))
	}
	if got := b.Calls("PutResult"); got != puts {
		t.Errorf("%d results of the key went to the bucket, want none", got-puts)
	}
	if err := recheck.Clear(recheck.Dir(dir)); err != nil {
		t.Fatal(err)
	}
	_, e = two.call("")
	two.want(e, compile.Hit, "", "")
}
