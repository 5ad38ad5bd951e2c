//go:build unix

package rustc

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
)

// Lines as autocfg and rustix write them, OUT standing for OUT_DIR.
const (
	autocfgLine = "--crate-name probe0 --crate-type=lib --out-dir OUT --emit=llvm-ir --target t -"
	rustixLine  = "--crate-type=rlib --emit=metadata --target t -o OUT/rustix_test_can_compile -Dwarnings -"
	rustixOld   = "--crate-type=rlib --emit=metadata --target t -o - -"
)

// asked is a build script's call with a source on standard input.
func asked(t *testing.T, args, source string) (inv *compile.Invocation, out string) {
	t.Helper()
	dir := workDir(t, map[string]string{"target/CACHEDIR.TAG": ""})
	out = filepath.Join(dir, "target/debug/build/p-1/out")
	if err := os.MkdirAll(out, 0o755); err != nil {
		t.Fatal(err)
	}
	return &compile.Invocation{
		Program: "/usr/bin/rustc", Dir: dir, Args: strings.Fields(strings.ReplaceAll(args, "OUT", out)), HasInput: true, Input: []byte(source),
		Env: []string{"OUT_DIR=" + out, "TARGET=t", "HOST=t", "RUSTC=rustc", "CARGO_MANIFEST_DIR=" + dir},
	}, out
}

func TestInputOutputs(t *testing.T) {
	for _, c := range []struct {
		args string
		want []compile.Output
	}{
		{autocfgLine, []compile.Output{{Role: "llvm-ir", Path: "OUT/probe0.ll"}}},
		{"-C extra-filename=-x -C codegen-units=1 " + autocfgLine, []compile.Output{{Role: "llvm-ir", Path: "OUT/probe0-x.ll"}}},
		{rustixLine, []compile.Output{{Role: "metadata", Path: "OUT/rustix_test_can_compile", Replaced: true, Empty: true}}},
		{rustixOld, nil},
		{strings.Replace(autocfgLine, "llvm-ir", "dep-info,metadata", 1), []compile.Output{
			{Role: "metadata", Path: "OUT/libprobe0.rmeta", Replaced: true, Empty: true}, {Role: "dependencies", Path: "OUT/probe0.d", Text: true},
		}},
	} {
		inv, out := asked(t, c.args, "pub fn f() {}")
		comp, d := New().Parse(inv, frontendtest.DiskFiles{})
		if d != nil {
			t.Errorf("%s: %v", c.args, d)
			continue
		}
		for i := range c.want {
			c.want[i].Path = strings.Replace(c.want[i].Path, "OUT", out, 1)
		}
		if diff := cmp.Diff(comp.Outputs, c.want); diff != "" {
			t.Errorf("%s: outputs (-got +want):\n%s", c.args, diff)
		}
		if comp.Source != "" || len(comp.Inputs) > 0 || !comp.PerSource || !comp.Failures {
			t.Errorf("%s: source %q, inputs %q, by source %t, failures %t; want none, none, both", c.args, comp.Source, comp.Inputs, comp.PerSource, comp.Failures)
		}
	}
}

func TestInputDeclined(t *testing.T) {
	const plain = "pub fn f() {}"
	for _, c := range []struct {
		args, source string
		reason       compile.ReasonID
	}{
		{autocfgLine, "mod a;", "stdin"},
		{autocfgLine, `include!("a.rs");`, "stdin"},
		{autocfgLine, `const A: &str = env!(concat!("A"));`, "stdin"},
		{autocfgLine, `core::arch::global_asm!(".inc", "bin \"x\"");`, "stdin"},
		{autocfgLine, `fn f() { unsafe { core::arch::asm!("nop") } }`, "stdin"},
		{strings.Replace(autocfgLine, "probe0", "autocfg_0123456789abcdef_0", 1), plain, "stdin"},
		{strings.Replace(autocfgLine, "--crate-name probe0", "", 1), plain, "stdin"},
		{strings.Replace(autocfgLine, "--crate-type=lib", "", 1), plain, "stdin"},
		{strings.Replace(autocfgLine, "llvm-ir", "llvm-ir,link", 1), plain, "stdin"},
		{strings.Replace(autocfgLine, "llvm-ir", "obj", 1), plain, "stdin"},
		{strings.Replace(autocfgLine, "--emit=llvm-ir", "", 1), plain, "stdin"},
		{strings.Replace(autocfgLine, "OUT", "OUT/..", 1), plain, "stdin"},
		{strings.Replace(rustixLine, "OUT", "OUT/..", 1), plain, "stdin"},
		{strings.Replace(rustixLine, "metadata", "metadata,dep-info", 1), plain, "stdin"},
		{"--out-dir OUT " + rustixLine, plain, "stdin"},
		{"-C codegen-units=4 " + autocfgLine, plain, "stdin"},
		{"-L dependency=OUT " + autocfgLine, plain, "stdin"},
		{"--test " + autocfgLine, plain, "stdin"},
		{"-C incremental=x " + autocfgLine, plain, "incremental"},
		{"a.rs " + autocfgLine, plain, "multiple-sources"},
	} {
		inv, _ := asked(t, c.args, c.source)
		if _, d := New().Parse(inv, frontendtest.DiskFiles{}); d == nil || d.Reason != c.reason {
			t.Errorf("%s < %s: %v, want %s", c.args, c.source, d, c.reason)
		}
	}
	inv, _ := asked(t, rustixLine, `fn f() { unsafe { core::arch::asm!("nop") } }`)
	if _, d := New().Parse(inv, frontendtest.DiskFiles{}); d != nil {
		t.Errorf("metadata of a source with assembly: %v", d)
	}
	inv.HasInput = false
	if _, d := New().Parse(inv, frontendtest.DiskFiles{}); d == nil || d.Reason != "stdin" {
		t.Errorf("a source that the wrapper did not tell: %v, want stdin", d)
	}
}

// Metadata holds the working directory, LLVM's code does not but in plain text.
func TestInputInputs(t *testing.T) {
	for args, bound := range map[string]bool{autocfgLine: false, rustixLine: true, rustixOld: true} {
		inv, _ := asked(t, args, `const A: Option<&str> = option_env!("ASKED");`)
		inv.Env = append(inv.Env, "ASKED=1")
		f := New()
		comp, d := f.Parse(inv, frontendtest.DiskFiles{})
		if d != nil {
			t.Fatalf("%s: %v", args, d)
		}
		in, err := f.Inputs(context.Background(), comp, &compile.Toolchain{}, frontend.Run{}, frontendtest.DiskFiles{}, nil)
		if err != nil {
			t.Fatalf("%s: %v", args, err)
		}
		if got := slices.Contains(in.BindPaths, inv.Dir); got != bound || len(in.Paths) > 0 || !slices.Equal(in.Env, []string{"ASKED"}) {
			t.Errorf("%s: bound to its directory %t, paths %q, variables %q; want %t, none, ASKED", args, got, in.Paths, in.Env, bound)
		}
	}
}
