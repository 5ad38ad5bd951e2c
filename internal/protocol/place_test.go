package protocol

import (
	"strings"
	"testing"
)

func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestFindPlaceDir(t *testing.T) {
	for _, tt := range []struct {
		name string
		env  []string
		shim string
		want string
	}{
		{"set", []string{"COMPILE_CACHE_DIR", "/i", "XDG_CACHE_HOME", "/x", "HOME", "/h"}, "/shim", "/i"},
		{"shim", []string{"XDG_CACHE_HOME", "/x", "HOME", "/h"}, "/shim", "/shim"},
		{"cache home", []string{"XDG_CACHE_HOME", "/x", "HOME", "/h"}, "", "/x/compile-cache"},
		{"relative cache home", []string{"XDG_CACHE_HOME", "x", "HOME", "/h"}, "", "/h/.cache/compile-cache"},
		{"home", []string{"HOME", "/h"}, "", "/h/.cache/compile-cache"},
		{"no home", []string{"TMPDIR", "/t"}, "", "/t/compile-cache-1000"},
		{"relative home", []string{"HOME", "h", "TMPDIR", "t"}, "", "/tmp/compile-cache-1000"},
		{"nothing", nil, "", "/tmp/compile-cache-1000"},
	} {
		if got := FindPlace(environment(tt.env...), tt.shim, 1000, "0").Dir; got != tt.want {
			t.Errorf("FindPlace(%s).Dir = %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestFindPlaceClass(t *testing.T) {
	for _, tt := range []struct {
		name string
		env  []string
		want string
	}{
		{"no CI", nil, ClassLocal},
		{"protected push", []string{"GITHUB_EVENT_NAME", "push", "GITHUB_REF_PROTECTED", "true"}, ClassTrusted},
		{"protected schedule", []string{"GITHUB_EVENT_NAME", "schedule", "GITHUB_REF_PROTECTED", "true"}, ClassTrusted},
		{"push to another branch", []string{"GITHUB_EVENT_NAME", "push", "GITHUB_REF_PROTECTED", "false"}, ClassPR},
		{"push, not told", []string{"GITHUB_EVENT_NAME", "push"}, ClassPR},
		{"pull request", []string{"GITHUB_EVENT_NAME", "pull_request", "GITHUB_REF_PROTECTED", "true"}, ClassPR},
		{"target", []string{"GITHUB_EVENT_NAME", "pull_request_target", "GITHUB_REF_PROTECTED", "true"}, ClassPR},
		{"workflow_run", []string{"GITHUB_EVENT_NAME", "workflow_run", "GITHUB_REF_PROTECTED", "true"}, ClassPR},
	} {
		env := tt.env
		if tt.want != ClassLocal {
			env = append(env, "GITHUB_ACTIONS", "true")
		}
		if got := FindPlace(environment(env...), "", 1, "0").Class; got != tt.want {
			t.Errorf("FindPlace(%s).Class = %q, want %q", tt.name, got, tt.want)
		}
	}
}

// Two wrappers share a daemon only if instance, version, namespace, job and class agree.
func TestSocketsDiffer(t *testing.T) {
	socket := func(namespace string, env ...string) string {
		return FindPlace(environment(append(env, "COMPILE_CACHE_DIR", "/i")...), "", 1, namespace).Socket()
	}
	sockets := map[string]string{}
	for name, path := range map[string]string{
		"plain":             socket("1"),
		"another namespace": socket("2"),
		"a job":             socket("1", "GITHUB_RUN_ID", "7"),
		"another job":       socket("1", "GITHUB_RUN_ID", "8"),
		"another attempt":   socket("1", "GITHUB_RUN_ID", "7", "GITHUB_RUN_ATTEMPT", "2"),
		"another runner":    socket("1", "GITHUB_RUN_ID", "7", "RUNNER_NAME", "b"),
		"a pull request":    socket("1", "GITHUB_RUN_ID", "7", "GITHUB_ACTIONS", "true"),
		"another CI":        socket("1", "BUILD_TAG", "7"),
	} {
		if other, taken := sockets[path]; taken {
			t.Errorf("%s and %s share %s", name, other, path)
		}
		sockets[path] = name
		if !strings.HasPrefix(path, "/i/run/p2-") || !strings.HasSuffix(path, ".sock") {
			t.Errorf("Socket() of %s = %q, want /i/run/p2-*.sock", name, path)
		}
	}
}

// A socket's path has a limit, which a deep instance directory would exceed.
func TestLongPlace(t *testing.T) {
	deep := "/" + strings.Repeat("deep/", 20) + "cache"
	for _, tt := range []struct{ runtime, want string }{
		{"/run/user/1000", "/run/user/1000/compile-cache/"},
		{"", "/tmp/compile-cache-1000/"},
		{"relative", "/tmp/compile-cache-1000/"},
		{deep, "/tmp/compile-cache-1000/"},
	} {
		p := FindPlace(environment("COMPILE_CACHE_DIR", deep, "XDG_RUNTIME_DIR", tt.runtime), "", 1000, "4026531841")
		if !strings.HasPrefix(p.Run, tt.want) || len(p.Socket()) > maxSocketPath {
			t.Errorf("with XDG_RUNTIME_DIR=%q Run = %q, want %s*", tt.runtime, p.Run, tt.want)
		}
		if want := deep + "/spool/unrecorded"; p.Unrecorded() != want {
			t.Errorf("Unrecorded() = %q, want %q", p.Unrecorded(), want)
		}
		other := FindPlace(environment("COMPILE_CACHE_DIR", deep+"2", "XDG_RUNTIME_DIR", tt.runtime), "", 1000, "4026531841")
		if p.Run == other.Run {
			t.Errorf("two instances share %s", p.Run)
		}
	}
}

func TestPathsOfAPlace(t *testing.T) {
	p := FindPlace(environment("COMPILE_CACHE_DIR", "/i"), "", 1, "1")
	if got, want := p.SocketIn("1"), p.Socket(); got != want {
		t.Errorf("SocketIn(own namespace) = %q, want %q", got, want)
	}
	if got, want := p.LockIn("1"), p.Lock(); got != want {
		t.Errorf("LockIn(own namespace) = %q, want %q", got, want)
	}
	if got, want := p.Home(), "/i/run/namespace"; got != want {
		t.Errorf("Home() = %q, want %q", got, want)
	}
	seen := map[string]bool{}
	for _, path := range []string{p.Socket(), p.SocketIn("2"), p.Lock(), p.LockIn("2"), p.StartLock(), p.Home()} {
		if seen[path] {
			t.Errorf("two files of a place are %s", path)
		}
		seen[path] = true
	}
}

func TestNamespaceID(t *testing.T) {
	for link, want := range map[string]string{
		"mnt:[4026531841]": "4026531841",
		"":                 "0",
		"mnt:[]":           "0",
		"mnt:[../../x]":    "0",
		"mnt:[12":          "0",
		"net:[4026531841]": "0",
	} {
		if got := NamespaceID(link); got != want {
			t.Errorf("NamespaceID(%q) = %q, want %q", link, got, want)
		}
	}
}

func TestBool(t *testing.T) {
	for s, want := range map[string]struct{ value, ok bool }{
		"1": {true, true}, "true": {true, true}, "yes": {true, true}, "YES": {true, true},
		"": {false, true}, "0": {false, true}, "false": {false, true}, "no": {false, true},
		"on": {false, false}, "2": {false, false}, " 1": {false, false},
	} {
		if value, ok := Bool(s); value != want.value || ok != want.ok {
			t.Errorf("Bool(%q) = %v, %v, want %v, %v", s, value, ok, want.value, want.ok)
		}
	}
}

// AppendSocket returns what FindPlace does, or nothing.
func TestAppendSocket(t *testing.T) {
	job := []string{"GITHUB_RUN_ID", "7", "GITHUB_JOB", "a", "CI_JOB_ID", "x"}
	for _, tt := range []struct {
		env      []string
		shim     string
		room     int
		declined bool
	}{
		{env: []string{"COMPILE_CACHE_DIR", "/i", "HOME", "/h"}, shim: "/shim"},
		{env: []string{"HOME", "/h"}, shim: "/shim"},
		{env: []string{"XDG_CACHE_HOME", "/x", "HOME", "/h"}},
		{env: []string{"XDG_CACHE_HOME", "x", "HOME", "/h"}},
		{env: append([]string{"HOME", "/h"}, job...)},
		{env: append([]string{"HOME", "/h", "GITHUB_ACTIONS", "true"}, job...)},
		{env: append([]string{"HOME", "/h", "GITHUB_ACTIONS", "true", "GITHUB_EVENT_NAME", "push", "GITHUB_REF_PROTECTED", "true"}, job...)},
		{env: []string{"HOME", "/" + strings.Repeat("h", 30)}},
		{env: []string{"HOME", "/" + strings.Repeat("h", 60), "XDG_RUNTIME_DIR", "/r"}, declined: true},
		{env: []string{"HOME", "/" + strings.Repeat("h", 100)}, declined: true},
		{env: []string{"COMPILE_CACHE_DIR", "i"}, declined: true},
		{env: []string{"TMPDIR", "/t"}, declined: true},
		{declined: true},
		{env: []string{"HOME", "/h"}, room: 99, declined: true},
	} {
		if tt.room == 0 {
			tt.room = 100
		}
		for _, namespace := range []string{"0", "4026531841"} {
			got, run, ok := AppendSocket(append(make([]byte, 0, 1+tt.room), '!'), environment(tt.env...), tt.shim, namespace)
			if ok == tt.declined {
				t.Errorf("AppendSocket(%q) = %q, %v, want %v", tt.env, got, ok, !tt.declined)
			}
			place := FindPlace(environment(tt.env...), tt.shim, 1000, namespace)
			if want := "!" + place.Socket(); ok && (string(got) != want || string(got[1:1+run]) != place.Run) {
				t.Errorf("AppendSocket(%q) = %q, of which %d are the directory, want %q", tt.env, got, run, want)
			}
		}
	}
}
