package github

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Payloads, as far as they are read, with some of what lies around it.
const (
	repository = `"repository":{"id":4711,"full_name":"o/r","default_branch":"main","owner":{"id":1}}`
	ownPull    = `{"action":"opened","number":17,"pull_request":{"id":1,"number":17,"title":"\"number\":99","base":{"ref":"release/1.0","repo":{"id":4711}},"head":{"ref":"x","repo":{"id":4711}}},` + repository + `}`
	forkPull   = `{"number":17,"pull_request":{"number":17,"base":{"ref":"main"},"head":{"ref":"main","repo":{"id":815,"fork":true}}},` + repository + `}`
	gonePull   = `{"number":17,"pull_request":{"number":17,"base":{"ref":"main"},"head":{"ref":"main","repo":null}},` + repository + `}`
	anyEvent   = `{"ref":"refs/heads/x",` + repository + `}`
)

func TestScopesOfEvents(t *testing.T) {
	const trusted, pr = classTrusted, classPR
	for _, tt := range []struct {
		what, class, event, ref string
		protected               bool
		payload                 string
		base                    string // GITHUB_BASE_REF

		wantClass, wantOwn string
		wantRead           []string
		wantFork           bool
	}{
		{what: "push to a protected branch", class: trusted, event: "push", ref: "refs/heads/main", protected: true, payload: anyEvent,
			wantClass: trusted, wantOwn: "trusted/main", wantRead: []string{"trusted/main"}},
		{what: "push to another protected branch", class: trusted, event: "push", ref: "refs/heads/release/1.0", protected: true, payload: anyEvent,
			wantClass: trusted, wantOwn: "trusted/release/1.0", wantRead: []string{"trusted/release/1.0", "trusted/main"}},
		{what: "push to an unprotected branch", class: pr, event: "push", ref: "refs/heads/feature/x", payload: anyEvent,
			wantClass: pr, wantOwn: "pr/branch.feature/x", wantRead: []string{"pr/branch.feature/x", "trusted/main"}},
		{what: "push to an unprotected default branch", class: pr, event: "push", ref: "refs/heads/main", payload: anyEvent,
			wantClass: pr, wantOwn: "pr/branch.main", wantRead: []string{"pr/branch.main", "trusted/main"}},
		{what: "a class that the environment does not bear out", class: trusted, event: "push", ref: "refs/heads/main", payload: anyEvent,
			wantClass: pr, wantOwn: "pr/branch.main", wantRead: []string{"pr/branch.main", "trusted/main"}},
		{what: "push of a branch named as a number", class: pr, event: "push", ref: "refs/heads/17", payload: anyEvent,
			wantClass: pr, wantOwn: "pr/branch.17", wantRead: []string{"pr/branch.17", "trusted/main"}},
		{what: "pull request of the repository", class: pr, event: "pull_request", ref: "refs/pull/17/merge", payload: ownPull, base: "release/1.0",
			wantClass: pr, wantOwn: "pr/17", wantRead: []string{"pr/17", "trusted/release/1.0", "trusted/main"}},
		{what: "pull request in a job said to be trusted", class: trusted, event: "pull_request", ref: "refs/pull/17/merge", protected: true, payload: ownPull,
			wantClass: pr, wantOwn: "pr/17", wantRead: []string{"pr/17", "trusted/release/1.0", "trusted/main"}},
		{what: "pull request of a fork", class: pr, event: "pull_request", ref: "refs/pull/17/merge", payload: forkPull, base: "main",
			wantClass: pr, wantOwn: "pr/17", wantRead: []string{"pr/17", "trusted/main"}, wantFork: true},
		{what: "pull request of a deleted fork", class: pr, event: "pull_request", ref: "refs/pull/17/merge", payload: gonePull, base: "main",
			wantClass: pr, wantOwn: "pr/17", wantRead: []string{"pr/17", "trusted/main"}, wantFork: true},
		{what: "pull request without an event's file", class: pr, event: "pull_request", ref: "refs/pull/17/merge", base: "main",
			wantClass: pr, wantOwn: "pr/17", wantRead: []string{"pr/17", "trusted/main"}, wantFork: true},
		{what: "review of a pull request", class: pr, event: "pull_request_review", ref: "refs/pull/17/merge", payload: ownPull,
			wantClass: pr, wantOwn: "pr/17", wantRead: []string{"pr/17", "trusted/release/1.0", "trusted/main"}},
		{what: "pull_request_target", class: pr, event: "pull_request_target", ref: "refs/heads/main", protected: true, payload: ownPull, base: "main",
			wantClass: pr, wantOwn: "pr/17", wantRead: []string{"pr/17", "trusted/main"}},
		{what: "pull_request_target of a fork", class: pr, event: "pull_request_target", ref: "refs/heads/main", protected: true, payload: forkPull, base: "main",
			wantClass: pr, wantOwn: "pr/17", wantRead: []string{"pr/17", "trusted/main"}, wantFork: true},
		{what: "pull_request_target in a job said to be trusted", class: trusted, event: "pull_request_target", ref: "refs/heads/main", protected: true, payload: forkPull, base: "main",
			wantClass: pr, wantOwn: "pr/17", wantRead: []string{"pr/17", "trusted/main"}, wantFork: true},
		{what: "pull_request_target without a number", class: pr, event: "pull_request_target", ref: "refs/heads/main", payload: anyEvent, base: "main",
			wantClass: pr, wantOwn: "", wantRead: []string{"trusted/main"}, wantFork: true},
		{what: "workflow_run after a pull request", class: pr, event: "workflow_run", ref: "refs/heads/main", protected: true,
			payload:   `{"workflow_run":{"head_repository":{"id":4711},"pull_requests":[{"number":17,"base":{"ref":"release/1.0","repo":{"id":4711}}}]},` + repository + `}`,
			wantClass: pr, wantOwn: "pr/17", wantRead: []string{"pr/17", "trusted/release/1.0", "trusted/main"}},
		{what: "workflow_run whose pull request is of another repository", class: pr, event: "workflow_run", ref: "refs/heads/main",
			payload:   `{"workflow_run":{"head_repository":{"id":4711},"pull_requests":[{"number":17,"base":{"ref":"main","repo":{"id":1}}}]},` + repository + `}`,
			wantClass: pr, wantOwn: "pr/branch.main", wantRead: []string{"pr/branch.main", "trusted/main"}},
		{what: "workflow_run after a fork's pull request", class: trusted, event: "workflow_run", ref: "refs/heads/main", protected: true,
			payload:   `{"workflow_run":{"head_repository":{"id":815},"pull_requests":[]},` + repository + `}`,
			wantClass: pr, wantOwn: "pr/branch.main", wantRead: []string{"pr/branch.main", "trusted/main"}, wantFork: true},
		{what: "comment on a pull request", class: trusted, event: "issue_comment", ref: "refs/heads/main", protected: true,
			payload:   `{"issue":{"number":17,"pull_request":{"url":"https://api.github.com/x"}},` + repository + `}`,
			wantClass: pr, wantOwn: "pr/17", wantRead: []string{"pr/17", "trusted/main"}},
		{what: "comment on an issue", class: pr, event: "issue_comment", ref: "refs/heads/main", payload: `{"issue":{"number":17},` + repository + `}`,
			wantClass: pr, wantOwn: "pr/branch.main", wantRead: []string{"pr/branch.main", "trusted/main"}},
		{what: "merge_group", class: pr, event: "merge_group", ref: "refs/heads/gh-readonly-queue/main/pr-17-abc", protected: true,
			payload:   `{"merge_group":{"base_ref":"refs/heads/main","head_ref":"x"},` + repository + `}`,
			wantClass: pr, wantOwn: "pr/queue.main", wantRead: []string{"pr/queue.main", "trusted/main"}},
		{what: "merge_group without an event's file", class: pr, event: "merge_group", ref: "refs/heads/gh-readonly-queue/main/pr-17-abc",
			wantClass: pr, wantOwn: "pr/branch.gh-readonly-queue/main/pr-17-abc", wantRead: []string{"pr/branch.gh-readonly-queue/main/pr-17-abc"}},
		{what: "tag", class: pr, event: "push", ref: "refs/tags/v1", payload: anyEvent,
			wantClass: pr, wantOwn: "pr/tag.v1", wantRead: []string{"pr/tag.v1", "trusted/main"}},
		{what: "protected tag", class: trusted, event: "push", ref: "refs/tags/v1", protected: true, payload: anyEvent,
			wantClass: pr, wantOwn: "pr/tag.v1", wantRead: []string{"pr/tag.v1", "trusted/main"}},
		{what: "release", class: pr, event: "release", ref: "refs/tags/v1", protected: true, payload: anyEvent,
			wantClass: pr, wantOwn: "pr/tag.v1", wantRead: []string{"pr/tag.v1", "trusted/main"}},
		{what: "schedule", class: trusted, event: "schedule", ref: "refs/heads/main", protected: true, payload: `{"schedule":"5 4 * * *"}`,
			wantClass: trusted, wantOwn: "trusted/main", wantRead: []string{"trusted/main"}},
		{what: "schedule on an unprotected branch", class: pr, event: "schedule", ref: "refs/heads/main", payload: `{"schedule":"5 4 * * *"}`,
			wantClass: pr, wantOwn: "pr/branch.main", wantRead: []string{"pr/branch.main", "trusted/main"}},
		{what: "dispatch on a protected branch", class: trusted, event: "workflow_dispatch", ref: "refs/heads/main", protected: true, payload: `{"inputs":{"repository":"x"},` + repository + `}`,
			wantClass: trusted, wantOwn: "trusted/main", wantRead: []string{"trusted/main"}},
		{what: "repository_dispatch", class: pr, event: "repository_dispatch", ref: "refs/heads/main", protected: true, payload: anyEvent,
			wantClass: pr, wantOwn: "pr/branch.main", wantRead: []string{"pr/branch.main", "trusted/main"}},
		{what: "dependabot's pull request", class: pr, event: "pull_request", ref: "refs/pull/17/merge", payload: strings.Replace(ownPull, `"ref":"x"`, `"ref":"dependabot/go_modules/x"`, 1), base: "main",
			wantClass: pr, wantOwn: "pr/17", wantRead: []string{"pr/17", "trusted/main"}},
		{what: "no ref", class: trusted, event: "push", payload: anyEvent,
			wantClass: pr, wantOwn: "", wantRead: []string{"trusted/main"}},
		{what: "a branch with a control character", class: trusted, event: "push", ref: "refs/heads/a\nb", protected: true, payload: anyEvent,
			wantClass: pr, wantOwn: "", wantRead: []string{"trusted/main"}},
	} {
		env := map[string]string{
			"GITHUB_REPOSITORY_ID": "4711", "GITHUB_EVENT_NAME": tt.event, "GITHUB_REF": tt.ref, "GITHUB_BASE_REF": tt.base, "GITHUB_EVENT_PATH": "/event.json",
		}
		if tt.protected {
			env["GITHUB_REF_PROTECTED"] = "true"
		}
		got := FindScopes(getenv(env), func(string) ([]byte, error) {
			if tt.payload == "" {
				return nil, os.ErrNotExist
			}
			return []byte(tt.payload), nil
		}, tt.class)
		if got.Repository != "4711" || got.Class != tt.wantClass || got.Own != tt.wantOwn || got.ForkPR != tt.wantFork || !slices.Equal(got.Read, tt.wantRead) {
			t.Errorf("%s: scopes = %+v, want class %s, own %q, read %q, fork %t", tt.what, got, tt.wantClass, tt.wantOwn, tt.wantRead, tt.wantFork)
		}
		trigger := tt.event == "push" || tt.event == "schedule" || tt.event == "workflow_dispatch"
		if strings.HasPrefix(got.Own, "trusted/") && (!trigger || !tt.protected || tt.class != trusted) {
			t.Errorf("%s: own scope is %s, want none that is trusted", tt.what, got.Own)
		}
	}
}

// TestScopesOfEachEventAndClass tries what no table lists: every event on every ref in every class.
func TestScopesOfEachEventAndClass(t *testing.T) {
	trusted := 0
	for _, event := range []string{"", "push", "pull_request", "pull_request_target", "workflow_run", "issue_comment", "merge_group", "schedule", "workflow_dispatch", "release", "discussion", "fork", "watch", "PUSH", "push "} {
		for _, ref := range []string{"", "refs/heads/main", "refs/tags/main", "refs/pull/17/merge", "main"} {
			for _, protected := range []string{"", "false", "true"} {
				for _, class := range []string{classTrusted, classPR, classLocal, ""} {
					env := map[string]string{"GITHUB_REPOSITORY_ID": "4711", "GITHUB_EVENT_NAME": event, "GITHUB_REF": ref, "GITHUB_REF_PROTECTED": protected, "GITHUB_EVENT_PATH": "/e"}
					s := FindScopes(getenv(env), func(string) ([]byte, error) { return []byte(anyEvent), nil }, class)
					if strings.HasPrefix(s.Own, "trusted/") != (s.Class == classTrusted) {
						t.Errorf("event %q, ref %q, class %q: own scope %q in class %s", event, ref, class, s.Own, s.Class)
					}
					if !strings.HasPrefix(s.Own, "trusted/") {
						continue
					}
					trusted++
					if class != classTrusted || ref != "refs/heads/main" || protected != "true" || event != "push" && event != "schedule" && event != "workflow_dispatch" {
						t.Errorf("event %q, ref %q, protected %q, class %q: own scope %q", event, ref, protected, class, s.Own)
					}
				}
			}
		}
	}
	if trusted != 3 {
		t.Errorf("%d of them are trusted, want 3", trusted)
	}
}

func TestScopesOutsideOfGitHub(t *testing.T) {
	got := FindScopes(getenv(nil), func(string) ([]byte, error) { return nil, errors.New("not to be read") }, "local")
	want := Scopes{Repository: "local", Class: "local", Own: "local", Read: []string{"local"}, ProfileName: "local." + runtime.GOOS + "-" + runtime.GOARCH}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestScopesOfWhichRepository(t *testing.T) {
	for _, tt := range []struct{ what, env, payload, want string }{
		{"from the environment", "4711", `{}`, "4711"},
		{"from the event", "", anyEvent, "4711"},
		{"from nowhere", "", `{}`, ""},
		{"no number", "../..", anyEvent, ""},
		{"a number in the event that is none", "", `{"repository":{"id":"4711"}}`, ""},
		{"a negative number", "", `{"repository":{"id":-4711}}`, ""},
		{"a number with a point", "", `{"repository":{"id":47.11}}`, ""},
	} {
		env := map[string]string{"GITHUB_REPOSITORY_ID": tt.env, "GITHUB_EVENT_PATH": "/e", "GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/x"}
		got := FindScopes(getenv(env), func(string) ([]byte, error) { return []byte(tt.payload), nil }, classPR)
		if got.Repository != tt.want || (got.Own == "") != (tt.want == "") {
			t.Errorf("%s: repository = %q, own %q, want repository %q", tt.what, got.Repository, got.Own, tt.want)
		}
	}
	// Of another repository nothing counts: not even its default branch.
	env := map[string]string{"GITHUB_REPOSITORY_ID": "1", "GITHUB_EVENT_PATH": "/e", "GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_REF": "refs/heads/main"}
	got := FindScopes(getenv(env), func(string) ([]byte, error) { return []byte(ownPull), nil }, classPR)
	if got.Own != "" || len(got.Read) != 0 || !got.ForkPR || len(got.Notes) == 0 {
		t.Errorf("with the event of another repository: %+v, want no scope and a note", got)
	}
}

func TestProfileName(t *testing.T) {
	platform := "." + runtime.GOOS + "-" + runtime.GOARCH
	job := map[string]string{"GITHUB_WORKFLOW_REF": "o/r/.github/workflows/ci.yml@refs/heads/a@b", "GITHUB_JOB": "build"}
	for _, tt := range []struct {
		profile, want string
	}{
		{"", "ci.yml.build" + platform},
		{" nightly ", "nightly" + platform},
		{"two\nlines", "ci.yml.build" + platform},
	} {
		job["COMPILE_CACHE_PROFILE"] = tt.profile
		if got := FindScopes(getenv(job), os.ReadFile, classPR).ProfileName; got != tt.want {
			t.Errorf("profile's name with %q = %q, want %q", tt.profile, got, tt.want)
		}
	}
	for matrix, want := range map[string]string{
		"": "ci.yml.build", "null": "ci.yml.build", " {}\n": "ci.yml.build",
		"{\n  \"os\": \"a\"\n}": "ci.yml.build.3cc34bf2", "{\n  \"os\": \"b\"\n}": "ci.yml.build.b446b753",
	} {
		if got := ProfileOf(getenv(job), matrix); got != want {
			t.Errorf("ProfileOf(%q) = %q, want %q", matrix, got, want)
		}
	}
}

func TestProvenance(t *testing.T) {
	env := map[string]string{
		"GITHUB_REPOSITORY": "o/r", "GITHUB_REF": "refs/heads/\x1b[31mx", "GITHUB_SHA": "abc", "GITHUB_RUN_ID": "5", "GITHUB_RUN_ATTEMPT": "2", "GITHUB_JOB": "build",
		"GITHUB_ACTOR": strings.Repeat("ä", 200), "GITHUB_EVENT_NAME": "push", "GITHUB_WORKFLOW_REF": "o/r/.github/workflows/ci.yml@refs/heads/main", "RUNNER_NAME": "r1",
	}
	got := FindScopes(getenv(env), os.ReadFile, classPR).Provenance
	want := Provenance{
		Repository: "o/r", Ref: "refs/heads/[31mx", Commit: "abc", Run: "5", Attempt: "2", Job: "build", Actor: strings.Repeat("ä", 128), Event: "push",
		Workflow: "o/r/.github/workflows/ci.yml@refs/heads/main", Runner: "r1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestReadEvent(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "event.json")
	if err := os.WriteFile(file, []byte(ownPull), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := ReadEvent(file); err != nil || string(b) != ownPull {
		t.Errorf("ReadEvent = %q, %v", b, err)
	}
	if _, err := ReadEvent(dir); err == nil {
		t.Error("ReadEvent of a directory = nil, want an error")
	}
}

func TestParseEvent(t *testing.T) {
	for _, bad := range []string{
		"", "x", "{", `{"repository":{"id":1}`, `{}{}`, `17`, `"x"`, `{"repository":{"id":1,"id":2}}`, `{"repository":{"id":1},"repository":{"id":2}}`,
		strings.Repeat("[", maxEventDepth+2) + strings.Repeat("]", maxEventDepth+2),
	} {
		if e, err := parseEvent([]byte(bad)); err == nil {
			t.Errorf("parseEvent(%.40q) = %v, want an error", bad, e)
		}
	}
	if _, err := parseEvent(make([]byte, maxEvent+1)); err == nil {
		t.Error("parseEvent of too much = nil, want an error")
	}
	// Values that lie elsewhere are not taken for those that count.
	e, err := parseEvent([]byte(`{"repository.id":1,"inputs":{"repository":{"id":2}},"a":[{"repository":{"id":3}}],"repository":{"id":4,"id.x":5}}`))
	if err != nil || e.number("repository.id") != "4" || len(e) != 1 {
		t.Errorf("parseEvent = %v, %v, want only the repository's id 4", e, err)
	}
}

func FuzzParseEvent(f *testing.F) {
	for _, seed := range []string{ownPull, forkPull, gonePull, anyEvent, `{"a":[1,2,{"b":null}]}`, `[[]]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		env := map[string]string{"GITHUB_REPOSITORY_ID": "4711", "GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_REF": "refs/heads/main", "GITHUB_EVENT_PATH": "/e"}
		for _, event := range []string{"pull_request_target", "workflow_run", "issue_comment", "merge_group", "push"} {
			env["GITHUB_EVENT_NAME"] = event
			s := FindScopes(getenv(env), func(string) ([]byte, error) { return b, nil }, classPR)
			if s.Class != classPR || s.Own != "" && !strings.HasPrefix(s.Own, "pr/") {
				t.Errorf("%s: own scope %q of class %s", event, s.Own, s.Class)
			}
			for _, scope := range append(s.Read, s.Own) {
				if len(scope) > 300 || strings.ContainsAny(scope, "\x00\n\r") {
					t.Errorf("%s: scope %q", event, scope)
				}
			}
		}
	})
}
