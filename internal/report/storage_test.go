package report

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/google/go-cmp/cmp"
)

// aRecord is the record of a tier n tenths of a second after the start.
func aRecord(n int, tier string, change func(*compile.Storage)) *compile.Event {
	s := &compile.Storage{Tier: tier, Place: "s3://acme-ci/cache", Provider: "github-oidc", ProviderWhy: "role is set", Scope: "trusted/main"}
	change(s)
	return &compile.Event{Time: start.Add(time.Duration(n) * 100 * time.Millisecond), Run: "r1", Storage: s}
}

// aFarBuild has hits of a bucket, which then fails, and an edge that answers nothing.
func aFarBuild() []*compile.Event {
	expires := start.Add(time.Hour)
	events := []*compile.Event{
		aRecord(0, "bucket", func(s *compile.Storage) {
			s.Provider, s.ProviderWhy, s.List, s.Get, s.Downloaded, s.Prefetched = "", "", 1, 2, 1<<20, 30
		}),
		event(5, compile.Miss, func(e *compile.Event) { e.Reason = compile.ReasonNew }),
		event(6, compile.Hit, func(e *compile.Event) { e.Tier, e.WallMS = "disk", 1 }),
		aRecord(9, "bucket", func(s *compile.Storage) {
			s.Reads, s.Expires = []string{"pr/12", "trusted/main"}, &expires
			s.Scope, s.Get, s.Put, s.Downloaded, s.Uploaded, s.Published, s.Dropped, s.Skipped = "pr/12", 1, 2, 200<<10, 4<<10, 3, 1, 12
			s.Problems = []compile.Problem{
				{Kind: "denied", Cause: "put AccessDenied", Count: 2, Advice: "let the role acme-pr put objects below v1/4711/pr/",
					Text: "put s3://acme-ci/cache/v1/4711/pr/12/pack/1a2b: denied, status 403, code AccessDenied, request id 4XR2M0"},
				{Kind: "unreachable", Text: "get s3://acme-ci/cache/v1/4711/trusted/main/pack/3c4d: unreachable: connection refused", Count: 1},
			}
		}),
		aRecord(7, "bucket", func(s *compile.Storage) {
			s.Scope, s.Get = "old", 1
			s.Problems = []compile.Problem{{Kind: "denied", Cause: "put AccessDenied", Count: 1, Text: "put s3://acme-ci/old: denied"}}
		}),
		aRecord(8, "edge", func(s *compile.Storage) {
			s.Place, s.Provider, s.ProviderWhy, s.Get = "file:///mnt/edge", "none", "", 5
		}),
		aRecord(10, "bucket", func(s *compile.Storage) { s.Put = 100 }),
	}
	events[len(events)-1].Run = "r0"
	for i := range 4 {
		events = append(events, event(i, compile.Hit, func(e *compile.Event) { e.Tier, e.WallMS, e.CompileMS, e.BytesRead = "bucket", 2, 65_432, 4<<20 }))
	}
	return events
}

func TestReportsOfTiers(t *testing.T) {
	s := load(t, instance(t, aFarBuild()...), "r1")
	goldens(t, map[string]func(io.Writer) error{
		"bucket.txt":       s.WriteTerminal,
		"bucket-stats.txt": s.WriteStats,
		"bucket.json":      s.Stats.WriteJSON,
		"bucket.html":      s.WriteHTML,
		"bucket.md":        markdown(s),
	})
}

func readStats(t *testing.T, dir string) *Stats {
	t.Helper()
	s, err := ReadStats(dir, "v", start)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Invariant(); err != nil {
		t.Fatal(err)
	}
	return s
}

// A record is no invocation: it is summed, folded and zeroed with them, and neither listed nor explained.
func TestTierRecordsAreNoInvocations(t *testing.T) {
	dir := t.TempDir()
	w := open(t, SpoolDir(dir), 7)
	events := aFarBuild()
	record(t, w, events...)
	w.Close()
	before := readStats(t, dir)
	if before.Invocations != 6 {
		t.Errorf("invocations = %d, want 6", before.Invocations)
	}
	if got, want := before.Requests, (Requests{Get: 9, List: 1, Put: 102}); got != want {
		t.Errorf("requests = %+v, want %+v", got, want)
	}
	if got, want := before.Bytes, (Bytes{Read: 16 << 20, Downloaded: 1<<20 + 200<<10, Uploaded: 4 << 10}); got != want {
		t.Errorf("bytes = %+v, want %+v", got, want)
	}
	if s := load(t, dir, ""); len(s.Events) != 6 || s.Skipped != 0 {
		t.Errorf("%d events, %d skipped; want 6, 0", len(s.Events), s.Skipped)
	}
	if run, err := LastRun(dir); run != "r1" || err != nil {
		t.Errorf("LastRun = %q, %v; want r1", run, err)
	}
	if x, err := ExplainLast(dir, reasons); err != nil || x.Source != "/src/lib/fg.c" {
		t.Errorf("ExplainLast = %+v, %v; want /src/lib/fg.c", x, err)
	}

	if err := fold(t.Context(), SpoolDir(dir), 0, 0); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, readStats(t, dir)); diff != "" {
		t.Errorf("stats before and after folding (-before +after):\n%s", diff)
	}
	// What comes later is added to the folded, and its words are the newer ones.
	w = open(t, SpoolDir(dir), 8)
	record(t, w, aRecord(20, "bucket", func(s *compile.Storage) { s.Place, s.Get = "file:///mnt/new", 1 }))
	if s := readStats(t, dir).Storage[0]; s.Place != "file:///mnt/new" || s.Requests.Get != 5 || len(s.Problems) != 2 {
		t.Errorf("bucket after folding = %+v, want the new place, 5 gets and 2 problems", s)
	}

	if err := Zero(t.Context(), SpoolDir(dir), start); err != nil {
		t.Fatal(err)
	}
	if s := readStats(t, dir); s.Storage != nil || s.Requests != (Requests{}) || s.Bytes != (Bytes{}) {
		t.Errorf("stats after zeroing = %+v, want zeros", s)
	}
}

// Whatever a spool holds, what is kept of a tier is bounded.
func TestTierSumsAreBounded(t *testing.T) {
	var tally Tally
	for i := range 500 {
		tally.Add(aRecord(i, fmt.Sprintf("tier %d", i), func(s *compile.Storage) {
			s.Get, s.Put, s.Place = -1, 1<<60, strings.Repeat("x", 1<<16)
			for range 100 {
				s.Reads = append(s.Reads, strings.Repeat("y", 1<<16))
			}
			s.Problems = []compile.Problem{{Kind: fmt.Sprint(i), Text: strings.Repeat("z", 1<<16), Count: -7}}
		}))
	}
	if len(tally.Storage) != 1 {
		t.Fatalf("%d tiers, want 1", len(tally.Storage))
	}
	s := &tally.Storage[0]
	if s.Tier != "other" || s.requests() != 0 || len(s.Problems) != maxProblems || s.failures() != 500 {
		t.Errorf("tier %s, %d requests, %d problems, %d failures; want other, 0, %d, 500", s.Tier, s.requests(), len(s.Problems), s.failures(), maxProblems)
	}
	dir := t.TempDir()
	if err := writeTotals(dir, &totals{Schema: 1, Tally: tally}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "totals.json")); err != nil || info.Size() > 200<<10 {
		t.Errorf("totals.json has %d bytes, %v; want at most 200 KiB", info.Size(), err)
	}
}

func TestTierRecordsFitIntoALine(t *testing.T) {
	long := strings.Repeat("\x01", 1<<12)
	e := aRecord(1, long, func(s *compile.Storage) {
		s.Place, s.Provider, s.ProviderWhy, s.Scope, s.Get = long, long, long, long, 7
		for range 100 {
			s.Reads = append(s.Reads, long)
			s.Problems = append(s.Problems, compile.Problem{Kind: long, Cause: long, Text: long, Advice: long, Count: 1 << 50})
		}
	})
	e.Outcome = ""
	e.Run, e.Detail, e.NotStored, e.Tier, e.Program, e.Dir, e.Source, e.Output, e.Key = long, long, long, long, long, long, long, long, long
	for range 100 {
		e.Causes = append(e.Causes, compile.Cause{Kind: long, Name: long, Was: long, Now: long})
	}
	var b bytes.Buffer
	if err := appendEvent(&b, e); err != nil || b.Len() > MaxLine {
		t.Errorf("line has %d bytes, %v; want at most %d", b.Len(), err, MaxLine)
	}
	if len(e.Storage.Problems) != 100 || len(e.Storage.Problems[0].Text) != len(long) {
		t.Error("the event itself was cut")
	}
}
