package recheck

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

func record(i int) *Record {
	return &Record{
		Time: time.Unix(int64(i), 0).UTC(), Verdict: compile.VerdictIncompleteKey, Key: "00", Source: "/a.c",
		Differences: []Difference{{What: "ob/ject", Offset: 3, Stored: Version{Digest: "1/5"}, Fresh: Version{Digest: "2/5"}, StoredBytes: []byte("old"), FreshBytes: []byte{}}},
	}
}

func TestRecordsAreListedNewestFirstAndBounded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "quarantine")
	if all, err := List(dir); len(all) != 0 || err != nil {
		t.Fatalf("List of nothing = %v, %v", all, err)
	}
	const more = 3
	for i := range MaxRecords + more {
		r := record(i)
		r.Key = fmt.Sprintf("%016x%048x", i, i)
		path, err := Write(dir, r)
		if err != nil {
			t.Fatal(err)
		}
		if want := filepath.Join(dir, fmt.Sprintf("recheck-%016x.json", i)); path != want {
			t.Errorf("Write = %s, want %s", path, want)
		}
	}
	all, err := List(dir)
	if err != nil || len(all) != MaxRecords {
		t.Fatalf("List = %d records, %v; want %d", len(all), err, MaxRecords)
	}
	if first, last := all[0].Time.Unix(), all[len(all)-1].Time.Unix(); first != MaxRecords+more-1 || last != more {
		t.Errorf("records from %d to %d, want the newest first: %d to %d", first, last, MaxRecords+more-1, more)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 3*MaxRecords {
		t.Errorf("%d files, %v; want a record and two versions of each, %d", len(files), err, 3*MaxRecords)
	}
	if b, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("recheck-%016x-ob-ject.stored", more))); string(b) != "old" {
		t.Errorf("evidence = %q, %v; want what was stored", b, err)
	}
}

func TestANewerFindingReplacesAnOlderOne(t *testing.T) {
	dir := t.TempDir()
	for i := range 2 {
		r := record(i)
		r.Key = "0123456789abcdef0123"
		if _, err := Write(dir, r); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := List(dir); len(all) != 1 || err != nil || all[0].Time.Unix() != 1 {
		t.Errorf("List = %v, %v; want the newer one", all, err)
	}
}

func TestClearTakesRecordsAndListsOfKeysOnly(t *testing.T) {
	dir := t.TempDir()
	if _, err := Write(dir, record(1)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"withdrawn-local", "blob-1234", "recheck-broken.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Clear(dir); err != nil {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(left) != 2 {
		t.Errorf("left are %q, want the blob and what is no record", left)
	}
}

func TestDifferencesInWords(t *testing.T) {
	for want, d := range map[string]Difference{
		"status 1, stored 0":                {What: "status", Stored: Version{Status: "0"}, Fresh: Version{Status: "1"}},
		"object differs from byte 7 on":     {What: "object", Stored: Version{Digest: "1/9"}, Fresh: Version{Digest: "2/9"}, Offset: 7},
		"object differs":                    {What: "object", Stored: Version{Digest: "1/9"}, Fresh: Version{Digest: "2/9"}, Offset: -1},
		"object: mode 0777, stored 0666":    {What: "object", Stored: Version{Digest: "1/9", Mode: "0666"}, Fresh: Version{Digest: "1/9", Mode: "0777"}, Offset: -1},
		"dependencies is not made any more": {What: "dependencies", Stored: Version{Digest: "1/9"}, Offset: -1},
		"dependencies was not stored":       {What: "dependencies", Fresh: Version{Digest: "1/9"}, Offset: -1},
	} {
		if got := d.String(); got != want {
			t.Errorf("String() = %q, want %q", got, want)
		}
	}
}
