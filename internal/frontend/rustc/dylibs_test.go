//go:build unix

package rustc

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
)

// A shared library without metadata is no crate's, and nobody can tell what one that is not understood was made of.
func TestDylibMetadata(t *testing.T) {
	program, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dylibMetadata(program); !errors.Is(err, errNoDylib) {
		t.Errorf("dylibMetadata of a program = %v, want %v", err, errNoDylib)
	}
	if _, err := dylibMetadata([]byte("GROUP ( libc.so.6 )")); !errors.Is(err, errNoDylib) {
		t.Errorf("dylibMetadata of a linker script = %v, want %v", err, errNoDylib)
	}
	for _, unknown := range [][]byte{program[:100], []byte("MZ\x90\x00\x03")} {
		if _, err := dylibMetadata(unknown); err == nil || errors.Is(err, errNoDylib) {
			t.Errorf("dylibMetadata of %.4q = %v, want that nobody can tell", unknown, err)
		}
	}
	dir := workDir(t, map[string]string{"a.rs": "", "target/debug/deps/libd.so": string(program), "target/debug/deps/libd-0123456789abcde1.so": string(program)})
	for _, name := range []string{"libd.so", "libd-0123456789abcde1.so"} {
		args := cargoLine + " --extern d=" + filepath.Join(dir, "target/debug/deps", name)
		_, d := New().Parse(&compile.Invocation{Program: "/x/rustc", Dir: dir, Args: strings.Fields(args)}, frontendtest.DiskFiles{})
		if d == nil || !strings.Contains(d.Detail, errNoDylib.Error()) {
			t.Errorf("Parse with --extern %s = %v, want it declined", name, d)
		}
	}
}

// What a crate is made into for other languages, beside its library, is not what crates above it load.
func TestForeignLibrary(t *testing.T) {
	program, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	const deps = "target/debug/deps/"
	dir := workDir(t, map[string]string{
		"a.rs": "", deps + "libd-0123456789abcde1.so": string(program), deps + "libd-0123456789abcde1.rlib": "", deps + "libd-0123456789abcde1.rmeta": metadataOf("0123456789abcde1"),
	})
	args := cargoLine + " --extern d=" + filepath.Join(dir, deps, "libd-0123456789abcde1.rmeta")
	parse := func() (*compile.Compilation, *compile.Decline) {
		return New().Parse(&compile.Invocation{Program: "/x/rustc", Dir: dir, Args: strings.Fields(args)}, frontendtest.DiskFiles{})
	}
	c, d := parse()
	if d != nil {
		t.Fatal(d)
	}
	if got := strings.Join(c.Detail.(*detail).crates, " "); strings.Contains(got, ".so") {
		t.Errorf("crates = %s, want no shared library", got)
	}
	if err := os.Remove(filepath.Join(dir, deps, "libd-0123456789abcde1.rlib")); err != nil {
		t.Fatal(err)
	}
	if c, d := parse(); d == nil {
		t.Errorf("without the library: crates = %q, want it declined", c.Detail.(*detail).crates)
	}
}

func FuzzDylibMetadata(f *testing.F) {
	f.Add([]byte("\x7fELF\x02\x01\x01"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if metadata, err := dylibMetadata(content); err != nil && metadata != nil {
			t.Errorf("dylibMetadata = %q, %v, want nothing beside an error", metadata, err)
		}
	})
}
