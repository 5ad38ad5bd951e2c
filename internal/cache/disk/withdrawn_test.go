package disk

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// isOut reports whether a store answers a key, which has a result, as withdrawn.
func isOut(t *testing.T, s *Store, key digest.Key) bool {
	t.Helper()
	_, err := s.Result(t.Context(), key)
	if err != nil && !errors.Is(err, cache.ErrNotFound) {
		t.Fatal(err)
	}
	return errors.Is(err, cache.ErrWithdrawn)
}

// A key is out of use for processes that live and that come, after Clear and a trim, and only in its class and those that read it.
func TestWithdrawnKeysStayOut(t *testing.T) {
	dir := t.TempDir()
	pr, other, trusted := open(t, dir, class("pr")), open(t, dir, class("pr")), open(t, dir, class("trusted"))
	one, two := key("one"), key("two")
	for _, k := range []digest.Key{one, two} {
		for _, s := range []*Store{pr, trusted} {
			must(t, s.PutResult(t.Context(), k, result("r")))
		}
		if isOut(t, other, k) {
			t.Fatal("a key is out of use that nobody withdrew")
		}
	}
	must(t, pr.Withdraw(t.Context(), one))
	if !isOut(t, other, one) || isOut(t, other, two) {
		t.Error("another process does not see which key was withdrawn")
	}
	if isOut(t, trusted, one) {
		t.Error("a pull request took a result from the trusted class")
	}
	must(t, trusted.Withdraw(t.Context(), two))
	if !isOut(t, other, two) {
		t.Error("a pull request is answered what was withdrawn in the trusted class")
	}
	must(t, pr.Clear(t.Context()))
	_, err := pr.Trim(t.Context())
	must(t, err)
	if later := open(t, dir, class("pr")); !isOut(t, later, one) || !isOut(t, later, two) {
		t.Error("a key came back")
	}
	must(t, os.RemoveAll(filepath.Join(dir, "quarantine")))
	if isOut(t, other, one) {
		t.Error("a key is out of use though the list is gone")
	}
}

// A line that was cut costs its own key only, and what is withdrawn next is whole.
func TestWithdrawnAfterACutLine(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	one, two := key("one"), key("two")
	must(t, s.Withdraw(t.Context(), one))
	path := filepath.Join(dir, "quarantine", "withdrawn-local")
	b, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, append(b, two.String()[:30]...), 0o600))
	if isOut(t, s, two) {
		t.Error("half a key counts")
	}
	must(t, s.Withdraw(t.Context(), two))
	if !isOut(t, s, one) || !isOut(t, s, two) {
		t.Error("a cut line costs a key that is whole")
	}
}

// Reverify finds what changed under a state that says nothing did, which a hit must not look for.
func TestReverifyDistrustsTheState(t *testing.T) {
	s := open(t, t.TempDir())
	d := digest.Of([]byte("content"))
	putBlob(t, s, "content")
	path := s.path(blobName(d))
	must(t, os.Chmod(path, 0o600))
	must(t, os.WriteFile(path, []byte("kontent"), 0o600))
	st, err := stateAt(path, false)
	must(t, err)
	s.verified.Set(d.Sum(), st) // as if the bytes had changed on their own
	if f, err := s.OpenFile(t.Context(), d); err != nil {
		t.Fatalf("OpenFile of an unchanged state = %v, want it not hashed", err)
	} else {
		f.Close()
	}
	var corrupt *cache.CorruptError
	if err := s.Reverify(t.Context(), d); !errors.As(err, &corrupt) {
		t.Errorf("Reverify = %v, want a CorruptError", err)
	}
	if err := s.Reverify(t.Context(), d); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("Reverify again = %v, want ErrNotFound: it was put aside", err)
	}
}

// What rechecks leave is not counted among the corrupt files, nor removed for them.
func TestQuarantineSparesWhatRechecksLeft(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	one := key("one")
	must(t, s.Withdraw(t.Context(), one))
	record := filepath.Join(dir, "quarantine", "recheck-1.json")
	must(t, os.WriteFile(record, nil, 0o600))
	for i := range 2 * maxQuarantineFiles {
		text := string(rune('0'+i%10)) + string(rune('a'+i/10))
		d := putBlob(t, s, text)
		path := s.path(blobName(d))
		must(t, os.Chmod(path, 0o600))
		must(t, os.WriteFile(path, []byte("xx"), 0o600))
		_ = s.Reverify(t.Context(), d)
	}
	if _, err := os.Stat(record); err != nil || !isOut(t, s, one) {
		t.Errorf("the record: %v; withdrawn %v, want both", err, isOut(t, s, one))
	}
}
