//go:build unix

package rustc

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
	"github.com/compile-cache/compile-cache-action/internal/frontend/rustc/procmacro"
)

func TestReachOf(t *testing.T) {
	for _, c := range []struct {
		what           string
		traits         procmacro.Traits
		judged, listed bool
		want           reach
		refused        bool
	}{
		{"tokens alone", procmacro.Traits{Traced: true}, true, false, reachTokens, false},
		{"tokens alone, listed", procmacro.Traits{Traced: true}, true, true, reachTokens, false},
		{"variables", procmacro.Traits{Traced: true, Variables: true}, true, false, reachEnvironment, false},
		{"files", procmacro.Traits{Traced: true, Files: true}, true, false, reachWorkspace, false},
		{"manifests", procmacro.Traits{Traced: true, Manifests: true, Variables: true}, true, false, reachPackage, false},
		{"manifests and files", procmacro.Traits{Traced: true, Manifests: true, Files: true}, true, false, reachWorkspace, false},
		{"files, listed", procmacro.Traits{Traced: true, Files: true, Variables: true}, true, true, reachPackage, false},
		{"the clock", procmacro.Traits{Traced: true, Refused: "clock"}, true, false, 0, true},
		{"the clock, listed", procmacro.Traits{Traced: true, Refused: "clock"}, true, true, reachPackage, false},
		{"stripped", procmacro.Traits{Files: true}, true, false, reachWorkspace, false},
		{"stripped, listed", procmacro.Traits{Files: true}, true, true, reachPackage, false},
		{"stripped, the network", procmacro.Traits{Refused: "network"}, true, false, 0, true},
		{"no library that is understood", procmacro.Traits{}, false, false, 0, true},
		{"no library that is understood, listed", procmacro.Traits{}, false, true, reachPackage, false},
	} {
		got, why := reachOf(c.traits, c.judged, c.listed)
		if (why != "") != c.refused || !c.refused && got != c.want {
			t.Errorf("reachOf(%s) = %d, %q, want %d, refused %t", c.what, got, why, c.want, c.refused)
		}
	}
}

func TestEnvironmentFacts(t *testing.T) {
	names := func(text string) bool {
		return text == "GITHUB_" || text == "MY_TOKEN" || text == "_" || text == everyMacroNames
	}
	env := []string{"B=2", "A=1", "E=", "GITHUB_SHA=x", "RUNNER_OS=y", "MY_TOKEN=s", "YOUR_TOKEN=s", "API_KEY=k", "PWD=/", "RUST_BACKTRACE=1", "_=/bin/cargo"}
	var got []string
	for _, fact := range environmentFacts(env, names) {
		name, _, _ := strings.Cut(strings.TrimPrefix(fact, "macro-variable "), "=")
		got = append(got, name)
		if strings.Contains(fact, "=s") || len(fact) != len("macro-variable ="+name)+2*valueBytes {
			t.Errorf("fact %q does not hold a digest of %d bytes", fact, valueBytes)
		}
	}
	if diff := cmp.Diff([]string{"A", "B", "E", "GITHUB_SHA", "MY_TOKEN"}, got); diff != "" {
		t.Errorf("variables of facts (-want +got):\n%s", diff)
	}
	if variableFact("A", "1") == variableFact("A", "2") {
		t.Error("variableFact does not tell values apart")
	}
}

func TestWorkspaceOf(t *testing.T) {
	dir := workDir(t, map[string]string{
		"Cargo.lock": "", "repo/.git/HEAD": "", "repo/Cargo.lock": "", "repo/a/Cargo.lock": "", "repo/a/src/lib.rs": "",
		"bare/.git/HEAD": "", "bare/rust/a/src/lib.rs": "", "plain/a/lib.rs": "",
	})
	for pkg, want := range map[string]string{
		"repo/a": "repo", "repo/a/src": "repo", "bare/rust/a": "bare", "plain/a": "",
	} {
		if want != "" {
			want = "/" + want
		}
		if got := workspaceOf(dir+"/"+pkg, frontendtest.DiskFiles{}); got != dir+want {
			t.Errorf("workspaceOf(%s) = %s, want %s", pkg, got, dir+want)
		}
	}
	if got := workspaceOf("/nowhere/at/all", frontendtest.DiskFiles{}); got != "" {
		t.Errorf("workspaceOf a package outside of all = %q, want none", got)
	}
}

// TestDated: rust-embed takes one time for all files where it is told to, which is in the key as any variable.
func TestDated(t *testing.T) {
	times := procmacro.Traits{Traced: true, Refused: "times", TimesOnly: true}
	for _, c := range []struct {
		env    string
		traits procmacro.Traits
		asks   bool
		want   bool
	}{
		{"SOURCE_DATE_EPOCH=1700000000", times, true, true},
		{"SOURCE_DATE_EPOCH=1700000000", procmacro.Traits{}, true, true},
		{"SOURCE_DATE_EPOCH=", times, true, false},
		{"SOURCE_DATE_EPOCH=now", times, true, false},
		{"A=1", times, true, false},
		{"SOURCE_DATE_EPOCH=1700000000", times, false, false},
		{"SOURCE_DATE_EPOCH=1700000000", procmacro.Traits{Traced: true, Refused: "network"}, true, false},
	} {
		p := &parser{inv: &compile.Invocation{Env: []string{c.env}}}
		if got := p.dated(c.traits, c.asks); got != c.want {
			t.Errorf("dated with %s, asks %t, refused for %q = %t, want %t", c.env, c.asks, c.traits.Refused, got, c.want)
		}
	}
}

// TestConditions: sqlx asks a database unless it is told not to, and macros for Node.js write where they are told to.
func TestConditions(t *testing.T) {
	dir := workDir(t, map[string]string{"a/x.rs": "", "b/c/x.rs": "", "b/.env": ""})
	for _, c := range []struct {
		pkg      string
		env      []string
		declined bool
	}{
		{"a", nil, false},
		{"a", []string{"DATABASE_URL=postgres://x"}, true},
		{"a", []string{"DATABASE_URL=postgres://x", "SQLX_OFFLINE=false"}, true},
		{"a", []string{"DATABASE_URL=postgres://x", "SQLX_OFFLINE=true"}, false},
		{"b/c", nil, true},
		{"b/c", []string{"SQLX_OFFLINE=true"}, false},
	} {
		p := &parser{inv: &compile.Invocation{Env: c.env}, files: frontendtest.DiskFiles{}, det: &detail{pkg: dir + "/" + c.pkg}}
		p.readers = []reader{{name: "sqlx_macros", reach: reachWorkspace}}
		if d := p.conditions(); (d != nil) != c.declined {
			t.Errorf("conditions of %s with %v = %v, want declined %t", c.pkg, c.env, d, c.declined)
		}
	}
	for env, declined := range map[string]bool{"A=1": false, "NAPI_TYPE_DEF_TMP_FOLDER=/x": true, "TYPE_DEF_TMP_PATH=/x": true, "WASI_REGISTER_TMP_PATH=/x": true} {
		p := &parser{inv: &compile.Invocation{Env: []string{env}}, files: frontendtest.DiskFiles{}, det: &detail{pkg: dir + "/a"}}
		p.readers = []reader{{name: "napi_derive", reach: reachWorkspace}}
		if d := p.conditions(); (d != nil) != declined {
			t.Errorf("conditions of napi with %s = %v, want declined %t", env, d, declined)
		}
	}
}
