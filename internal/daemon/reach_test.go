package daemon

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/config"
	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

func TestFindReach(t *testing.T) {
	event := func(head string) string {
		file := filepath.Join(t.TempDir(), "event.json")
		text := `{"repository": {"id": 4711, "default_branch": "main"}, "pull_request": {"number": 7, "base": {"ref": "rel/1"}, "head": {"repo": {"id": ` + head + `}}}}`
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	pull := func(head string, more ...string) map[string]string {
		env := map[string]string{
			"GITHUB_REPOSITORY_ID": "4711", "GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/7/merge", "GITHUB_EVENT_PATH": event(head),
		}
		for i := 0; i < len(more); i += 2 {
			env[more[i]] = more[i+1]
		}
		return env
	}
	for _, tt := range []struct {
		name   string
		bucket config.Bucket
		env    map[string]string
		class  string
		read   string
		write  bool
		why    string
	}{
		{"local", config.Bucket{}, nil, protocol.ClassLocal, "v1/local/local", true, ""},
		{"a pull request", config.Bucket{}, pull("4711"), protocol.ClassPR, "v1/4711/pr/7 v1/4711/trusted/rel=2F1 v1/4711/trusted/main", true, ""},
		{"a fork's", config.Bucket{}, pull("999"), protocol.ClassPR, "v1/4711/pr/7 v1/4711/trusted/rel=2F1 v1/4711/trusted/main", false, "fork"},
		{"read-only", config.Bucket{}, pull("4711", "COMPILE_CACHE_READONLY", "yes"), protocol.ClassPR, "v1/4711/pr/7 v1/4711/trusted/rel=2F1 v1/4711/trusted/main", false, "READONLY"},
		{"other results", config.Bucket{Repository: "815", Read: []config.TrustedScope{{Repository: "1", Branch: "a b"}}}, nil, protocol.ClassLocal, "v1/815/local v1/1/trusted/a=20b", true, ""},
		{"no repository", config.Bucket{}, pull("4711", "GITHUB_REPOSITORY_ID", "x"), protocol.ClassPR, "", false, "no scope"},
		{"no scope of its own", config.Bucket{}, pull("4711", "GITHUB_EVENT_NAME", "x", "GITHUB_REF", "x"), protocol.ClassPR, "v1/4711/trusted/rel=2F1 v1/4711/trusted/main", false, "no scope of its own"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := FindReach(tt.bucket, func(name string) string { return tt.env[name] }, tt.class)
			var read []string
			for _, s := range r.Read {
				read = append(read, s.Root+"/"+s.Name)
			}
			if got := strings.Join(read, " "); got != tt.read || r.Write != tt.write || !strings.Contains(r.WhyNot, tt.why) || (r.WhyNot == "") != tt.write {
				t.Errorf("reads %q, writes %v (%q); want %q, %v (%q)", got, r.Write, r.WhyNot, tt.read, tt.write, tt.why)
			}
		})
	}
}

// A machine that may only read does not even make the directory.
func TestReadOnlyPlace(t *testing.T) {
	for readOnly, want := range map[string]bool{"": true, "1": false} {
		path := filepath.Join(t.TempDir(), "bucket")
		place, err := OpenPlace(config.Bucket{Kind: config.Directory, Dir: path}, protocol.ClassLocal, func(name string) string {
			return map[string]string{"COMPILE_CACHE_READONLY": readOnly}[name]
		}, time.Now, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = place.Objects.List(t.Context(), "v1/", "", 1)
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("COMPILE_CACHE_READONLY=%s: the directory was made: %v, want %v", readOnly, err == nil, want)
		}
	}
}
