//go:build linux

package rustc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
)

// cargoAsks is what cargo asks before a build.
const cargoAsks = "- --crate-name ___ --print=file-names --crate-type bin --crate-type rlib --crate-type proc-macro --print=sysroot " +
	"--print=split-debuginfo --print=crate-name --print=cfg -Wwarnings"

// asker asks questions of one compiler.
type asker struct {
	t   *testing.T
	f   *Frontend
	dir string
	inv compile.Invocation
	ask *fakeSysroot
}

func newAsker(t *testing.T) *asker {
	dir := makeSysroot(t)
	return &asker{t, New(), dir, compile.Invocation{Program: filepath.Join(dir, "bin", "rustc"), Dir: dir}, &fakeSysroot{dir: dir}}
}

func (a *asker) name(args string, env ...string) string {
	inv := a.inv
	inv.Args, inv.Env = strings.Fields(args), env
	return a.f.Ask(a.t.Context(), &inv, frontendtest.DiskFiles{}, a.ask)
}

func TestAskTakes(t *testing.T) {
	a := newAsker(t)
	for _, args := range []string{
		"-vV", "-V", "--version", "--version --verbose", "--print sysroot", "--print=cfg --target t", "--print cfg -C target-feature=+sse2",
		"--print target-list", "--print file-names --crate-name x --crate-type lib",
	} {
		if a.name(args) == "" {
			t.Errorf("%s has no name, want one", args)
		}
	}
	for _, args := range []string{
		"", "a.rs", "--help", "--explain E0001", "--print=cfg a.rs", "--print=cfg=out.txt", "--print target-cpus", "--print native-static-libs", "--print link-args",
		"--print cfg -C target-cpu=native", "--print cfg --unknown", "--print cfg @args", "--print sysroot --sysroot /x", "--print cfg --target x.json",
		"--print cfg --out-dir .", "--print cfg --emit=metadata", "-vV -Zunknown", "--print cfg -L /x", cargoAsks,
	} {
		if got := a.name(args); got != "" {
			t.Errorf("%s has the name %s, want none", args, got)
		}
	}
	a.inv.NoInput = true
	if a.name(cargoAsks) == "" {
		t.Error("without input cargo's question has no name, want one")
	}
	for _, env := range []string{"RUSTC_LOG=debug"} {
		if got := a.name("-vV", env); got != "" {
			t.Errorf("with %s -vV has the name %s, want none", env, got)
		}
	}
}

// forgetful is a file system that knows the digests of some files.
type forgetful struct {
	frontendtest.DiskFiles
	known map[string]bool // by base name
}

func (f forgetful) IsKnown(path string) bool { return f.known[filepath.Base(path)] }

// TestAskWithoutHurry: nobody waits for a toolchain to be hashed where the compiler itself answers sooner.
func TestAskWithoutHurry(t *testing.T) {
	a := newAsker(t)
	a.inv.Args = []string{"-vV"}
	files := forgetful{known: map[string]bool{"libx.so.1": true}}
	if got := a.f.Ask(a.t.Context(), &a.inv, files, a.ask); got != "" || a.ask.asked > 0 {
		t.Errorf("while the compiler is hashed -vV has the name %q after %d questions, want none", got, a.ask.asked)
	}
	files.known["librustc_driver.so"] = true
	if got := a.f.Ask(a.t.Context(), &a.inv, files, a.ask); got == "" {
		t.Error("once the compiler is hashed -vV has no name, want one")
	}
}

func TestAskTells(t *testing.T) {
	a := newAsker(t)
	first := a.name("-vV")
	asked := a.ask.asked
	if again := a.name("-vV"); again != first || a.ask.asked != asked {
		t.Errorf("an unchanged compiler is asked %d times more, or named otherwise", a.ask.asked-asked)
	}
	if a.name("-vV", "HOME=/x") != first {
		t.Error("HOME changes the name")
	}
	for what, other := range map[string]string{
		"arguments": a.name("-V"), "RUSTC_BOOTSTRAP": a.name("-vV", "RUSTC_BOOTSTRAP=1"), "an empty variable": a.name("-vV", "RUSTC_OVERRIDE_VERSION_STRING="),
	} {
		if other == first {
			t.Errorf("%s: the name is the same", what)
		}
	}
	// The same compiler elsewhere has another sysroot.
	if err := os.Rename(filepath.Join(a.dir, "lib", "libx.so.1"), filepath.Join(a.dir, "libx.so.1")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../libx.so.1", filepath.Join(a.dir, "lib", "libx.so.1")); err != nil {
		t.Fatal(err)
	}
	if a.name("-vV") == first {
		t.Error("a library that lies elsewhere leaves the name the same")
	}
	if err := os.WriteFile(filepath.Join(a.dir, "lib", "librustc_driver.so"), []byte("changed"), 0o644); err != nil {
		t.Fatal(err)
	}
	if a.name("-vV") == first {
		t.Error("a changed compiler leaves the name the same")
	}
}

// TestAskProxy: who answers behind rustup's proxy is chosen by each call anew; a script is asked nothing.
func TestAskProxy(t *testing.T) {
	a := newAsker(t)
	dir := workDir(t, map[string]string{"bin/rustup": "proxy", "script/rustc": "#!/bin/sh\n"})
	if err := os.Symlink("rustup", filepath.Join(dir, "bin", "rustc")); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"bin/rustc", "script/rustc"} {
		a.inv.Program = filepath.Join(dir, program)
		if got := a.name("-vV"); got != "" || a.ask.asked != 0 {
			t.Errorf("%s: name %q after %d questions, want none", program, got, a.ask.asked)
		}
	}
}
