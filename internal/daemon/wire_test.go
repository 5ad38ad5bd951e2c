package daemon

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/config"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// A tag's scope is one that pull requests may write, so what comes from there is not kept as trusted, however protected the tag is.
func TestDiskIsNoMoreTrustedThanTheScope(t *testing.T) {
	for ref, want := range map[string]string{"refs/heads/main": "trusted", "refs/tags/v1": "pr"} {
		dir := t.TempDir()
		getenv := lookup([]string{
			"GITHUB_ACTIONS=true", "GITHUB_EVENT_NAME=push", "GITHUB_REF_PROTECTED=true", "GITHUB_REF=" + ref, "GITHUB_REPOSITORY_ID=7",
			"COMPILE_CACHE_DIR=" + dir, "COMPILE_CACHE_BUCKET=file://" + t.TempDir(),
		})
		place := protocol.FindPlace(getenv, "", os.Getuid(), "0")
		if place.Class != protocol.ClassTrusted {
			t.Fatalf("%s: class of the place = %s, want %s", ref, place.Class, protocol.ClassTrusted)
		}
		s, err := build(Options{Place: place, Config: config.Read(getenv), Getenv: getenv, Now: time.Now}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.store.PutResult(t.Context(), digest.KeyOf([]byte(ref)), &compile.Result{}); err != nil {
			t.Fatal(err)
		}
		if err := s.Drain(); err != nil {
			t.Errorf("Drain = %v", err)
		}
		for _, class := range []string{"trusted", "pr"} {
			results, err := filepath.Glob(filepath.Join(dir, "store", "v1", class, "*", "*", "*"))
			if err != nil || len(results) > 0 != (class == want) {
				t.Errorf("%s: results of class %s = %v, %v; want some of %s alone", ref, class, results, err, want)
			}
		}
	}
}
