//go:build unix

package rustc

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
)

func TestProbes(t *testing.T) {
	dir := workDir(t, map[string]string{"a.rs": "", "target/CACHEDIR.TAG": "", "target/debug/build/p-1/out/libb-1111111111111111.rmeta": metadataOf("1111111111111111")})
	const out = "target/debug/build/p-1/out"
	env := []string{"OUT_DIR=" + filepath.Join(dir, out), "TARGET=t", "HOST=t", "RUSTC=rustc", "CARGO_MANIFEST_DIR=" + dir}
	const line = "--crate-name=a --crate-type=lib --emit=dep-info,metadata a.rs --out-dir "
	for _, c := range []struct {
		args string
		env  []string
		want bool
	}{
		{line + out, env, true},
		{line + out + "/", env, true},
		{line + "target/debug", env, false},
		{line + out + "/../out", env, false},
		{line + out + " --test", env, false},
		{line + out + " --crate-type=bin", env, false},
		{line + out + " --error-format=json", env, false},
		{line + out + " -L dependency=" + out, env, false},
		{line + out + " --extern b=" + out + "/libb-1111111111111111.rmeta", env, false},
		{strings.Replace(line, "metadata", "metadata,link -C embed-bitcode=no", 1) + out, env, false},
		{line + out, env[1:], false},
		{line + out, env[:1], false},
		{line + out, append(slices.Clone(env), "CARGO_CRATE_NAME=a"), false},
		{line + out, append(slices.Clone(env), "CARGO_PRIMARY_PACKAGE=1"), false},
	} {
		if err := os.MkdirAll(filepath.Join(dir, out), 0o755); err != nil {
			t.Fatal(err)
		}
		inv := &compile.Invocation{Program: "/usr/bin/rustc", Dir: dir, Args: strings.Fields(c.args), Env: c.env}
		comp, d := New().Parse(inv, frontendtest.DiskFiles{})
		if d != nil {
			t.Errorf("%s: %v", c.args, d)
		} else if comp.Failures != c.want {
			t.Errorf("%s with %q: a failure is a result: %t, want %t", c.args, c.env, comp.Failures, c.want)
		} else if c.want && !slices.Contains(comp.Roots, compile.Root{Name: "target", Path: filepath.Join(dir, "target")}) {
			t.Errorf("%s: roots %v, want the target directory among them", c.args, comp.Roots)
		}
	}
}

func TestFailure(t *testing.T) {
	const placed = "error[E0554]: `#![feature]` may not be used\n --> a.rs:1:1\n  |\n\nerror: aborting due to 1 previous error\n"
	for _, c := range []struct {
		stderr string
		kept   bool
	}{
		{placed, true},
		{"warning: w\n --> a.rs:1:1\n\n" + placed, true},
		{"", false},
		{"error: aborting due to 1 previous error\n", false},
		{"error: could not write\n\n" + placed, false},
		{placed + "error: failed to write p.d: No space left on device\n", false},
		{"error: couldn't read `x`: Too many open files (os error 24)\n --> a.rs:1:1\n", false},
		// For want of memory.
		{"error[E0786]: found invalid metadata files for crate `core`\n --> a.rs:1:1\n", false},
		{"error: only metadata stub found for `rlib` dependency `alloc` please provide path\n --> a.rs:1:1\n", false},
		{"error[E0583]: file not found for module `x`\n --> a.rs:1:1\n", false},
		{"error: failed", false},
	} {
		if err := failure([]byte(c.stderr)); (err == nil) != c.kept {
			t.Errorf("failure(%q) = %v, want kept: %t", c.stderr, err, c.kept)
		}
	}
}

func TestSourceAlone(t *testing.T) {
	getenv := func(name string) (string, bool) {
		if name == "SET" {
			return "v", true
		}
		return "", false
	}
	for _, c := range []struct {
		text  string
		want  []envDep
		alone bool
	}{
		{"fn f() {}", nil, true},
		{`const A: &str = env!("SET"); const B: Option<&str> = option_env! ( "NOT" );`, []envDep{{"SET", "v", true}, {"NOT", "", false}}, true},
		{"mod m;", nil, false},
		{"mod\n/* */ m ;", nil, false},
		{`include!("x");`, nil, false},
		{`use std::include_bytes as b;`, nil, false},
		{`env!(concat!("S", "ET"))`, nil, false},
		{`env!(r"SET")`, nil, false},
		{`env!{"SET"}`, nil, false},
		{"fn model() -> Environment { including }", nil, true},
	} {
		got, err := sourceAlone("a.rs", []byte(c.text), getenv)
		if (err == nil) != c.alone {
			t.Errorf("sourceAlone(%q): %v, want alone: %t", c.text, err, c.alone)
		}
		if diff := cmp.Diff(c.want, got.env, cmp.AllowUnexported(envDep{})); diff != "" {
			t.Errorf("variables of %q (-want +got):\n%s", c.text, diff)
		}
	}
}
