//go:build linux

package rustc

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
)

// fakeSysroot answers as a compiler of that sysroot, whose program is the test's own.
type fakeSysroot struct {
	dir   string
	asked int
}

func (f *fakeSysroot) Probe(_ context.Context, argv []string, _ []string) (frontend.ProbeResult, error) {
	f.asked++
	said := "libx.so.1 => " + filepath.Join(f.dir, "lib", "libx.so.1") + " (0x1234)\n\tlinux-vdso.so.1 (0x1)\n"
	switch argv[len(argv)-1] {
	case "sysroot":
		said = f.dir + "\n"
	case "-vV":
		said = "rustc 1.0\nhost: h\n"
	}
	return frontend.ProbeResult{Stdout: []byte(said)}, nil
}

// makeSysroot makes one with a program that has an interpreter.
func makeSysroot(t *testing.T) string {
	t.Helper()
	program, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	return workDir(t, map[string]string{
		"a.rs": "", "bin/rustc": string(program), "lib/libx.so.1": "x", "lib/librustc_driver.so": "d",
		"lib/rustlib/h/lib/libstd.rlib": "s", "lib/rustlib/t/lib/libstd.rlib": "t", "lib/rustlib/components": "c",
	})
}

func identity(t *testing.T, f *Frontend, program, dir string, ask *fakeSysroot, args string, env ...string) string {
	t.Helper()
	inv := &compile.Invocation{Program: program, Dir: dir, Args: strings.Fields(cargoLine + " " + args), Env: env}
	c, d := f.Parse(inv, frontendtest.DiskFiles{})
	if d != nil {
		t.Fatal(d)
	}
	tc, err := f.Toolchain(t.Context(), c, frontendtest.DiskFiles{}, ask)
	if err != nil {
		t.Fatal(err)
	}
	id := tc.Kind + strings.Join(tc.Facts, "\n")
	for _, file := range tc.Files {
		id += "\n" + file.Role + " " + file.Digest.String()
	}
	return id
}

func TestToolchain(t *testing.T) {
	dir := makeSysroot(t)
	f, ask := New(), &fakeSysroot{dir: dir}
	program := filepath.Join(dir, "bin", "rustc")
	first := identity(t, f, program, dir, ask, "")
	if asked := ask.asked; identity(t, f, program, dir, ask, "") != first || ask.asked != asked {
		t.Errorf("an unchanged compiler was asked %d times more, or is another", ask.asked-asked)
	}
	for _, change := range []struct{ name, text string }{
		{"lib/librustc_driver.so", "changed"}, {"lib/rustlib/h/lib/libstd.rlib", "changed"}, {"lib/rustlib/h/lib/libnew.rlib", ""}, {"lib/rustlib/h/lib/self-contained/crt1.o", "changed"},
		{"lib/libx.so.1", "changed"}, {"lib/rustlib/src/rust/library/lib.rs", ""}, {"lib/rustlib/h/codegen-backends/x.so", ""},
	} {
		path := filepath.Join(dir, change.name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(change.text), 0o644); err != nil {
			t.Fatal(err)
		}
		now := identity(t, f, program, dir, ask, "")
		if now == first {
			t.Errorf("the compiler is the same after a change of %s", change.name)
		}
		first = now
	}
	if got := identity(t, f, program, dir, ask, "--target t"); got == first {
		t.Error("the compiler is the same for another target")
	}
	asked := ask.asked
	identity(t, f, program, dir, ask, "", "LD_LIBRARY_PATH="+dir)
	if ask.asked != asked {
		t.Errorf("LD_LIBRARY_PATH without one of its libraries makes us ask %d times more, want none", ask.asked-asked)
	}
	asked = ask.asked
	identity(t, f, program, dir, ask, "", "LD_PRELOAD=/x.so")
	if ask.asked != asked+3 {
		t.Errorf("LD_PRELOAD makes us ask %d times more, want the loader and the compiler", ask.asked-asked)
	}
	asked = ask.asked
	if err := os.WriteFile(filepath.Join(dir, "libx.so.1"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	identity(t, f, program, dir, ask, "", "LD_LIBRARY_PATH="+dir)
	if ask.asked == asked {
		t.Error("a library in LD_LIBRARY_PATH does not make us ask again")
	}
}

// TestToolchainProxy: rustup's proxy may choose another compiler at each call, whatever of its files or variables changed.
func TestToolchainProxy(t *testing.T) {
	one, two := makeSysroot(t), makeSysroot(t)
	if err := os.WriteFile(filepath.Join(two, "lib", "librustc_driver.so"), []byte("two"), 0o644); err != nil {
		t.Fatal(err)
	}
	dir := workDir(t, map[string]string{"a.rs": "", "bin/rustup": "proxy"})
	program := filepath.Join(dir, "bin", "rustc")
	if err := os.Symlink("rustup", program); err != nil {
		t.Fatal(err)
	}
	f := New()
	ask := &fakeSysroot{dir: one}
	behind := identity(t, f, program, dir, ask, "")
	if got := identity(t, New(), filepath.Join(one, "bin", "rustc"), one, &fakeSysroot{dir: one}, ""); got != behind {
		t.Errorf("behind its proxy the compiler is\n%s, want\n%s", behind, got)
	}
	ask.dir = two
	if identity(t, f, program, dir, ask, "") == behind {
		t.Error("the compiler is the same when the proxy chooses another")
	}

	// What is neither the compiler of its sysroot nor a proxy.
	if err := os.Remove(program); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, []byte("#!/bin/sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "bin", "rustup")); err != nil {
		t.Fatal(err)
	}
	inv := &compile.Invocation{Program: program, Dir: dir, Args: strings.Fields(cargoLine)}
	c, d := f.Parse(inv, frontendtest.DiskFiles{})
	if d != nil {
		t.Fatal(d)
	}
	if _, err := f.Toolchain(t.Context(), c, frontendtest.DiskFiles{}, ask); err == nil {
		t.Error("a script called rustc is taken for a compiler")
	}
}
