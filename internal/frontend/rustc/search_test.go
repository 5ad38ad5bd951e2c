//go:build unix

package rustc

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
)

// A directory of -L without a kind is one of native libraries, unless rustc could find a crate in it.
func TestPlainDirs(t *testing.T) {
	program, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	dir := workDir(t, map[string]string{
		"a.rs": "", "scripts/memory.x": "MEMORY {}", "scripts/liba.a": "!<arch>\n", "shared/libz.so": string(program), "none/libz.so/x": "", "shared/libc.so": "GROUP ( libc.so.6 )",
		"crates/libb.rlib": "", "metadata/libb-1.rmeta": "", "a=b/x": "",
	})
	for i := range maxShared + 1 {
		name := filepath.Join(dir, "many", "lib"+strings.Repeat("x", i+1)+".so")
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		args string
		want string // the directory that counts as one of native libraries; "" where the call is declined
	}{
		{"-L scripts", "scripts"},
		{"-Lscripts", "scripts"},
		{"-L all=scripts", "scripts"},
		{"-L missing", "missing"},
		{"-L shared", "shared"},
		{"-L a=b", "a=b"},
		{"-L crates", ""},
		{"-L metadata", ""},
		{"-L many", ""},
		{"-L none", ""},
		{"-L all=", ""},
		{"-L crate=scripts", ""},
	} {
		inv := &compile.Invocation{Program: "/usr/bin/rustc", Dir: dir, Args: strings.Fields(cargoLine + " " + tt.args)}
		c, d := New().Parse(inv, frontendtest.DiskFiles{})
		if tt.want == "" {
			if d == nil || d.Reason != compile.ReasonOption {
				t.Errorf("Parse with %s = %v, want it declined as %s", tt.args, d, compile.ReasonOption)
			}
			continue
		}
		if d != nil {
			t.Errorf("Parse with %s = %v, want a compile", tt.args, d)
			continue
		}
		want := filepath.Join(dir, tt.want)
		if got := c.Detail.(*detail).nativeDirs; !slices.Equal(got, []string{want}) {
			t.Errorf("directories of native libraries with %s = %q, want %q", tt.args, got, want)
		}
		if !slices.Contains(c.Args, tt.want) {
			t.Errorf("arguments of the recipe with %s = %q, want %s among them", tt.args, c.Args, tt.want)
		}
	}
}

// What may be a crate must not appear while the compiler runs.
func TestPlainDirsChange(t *testing.T) {
	for name, want := range map[string]bool{"notes": true, "libx.a": true, "libx.rlib": false, "libx.so": false} {
		dir := workDir(t, map[string]string{"a.rs": "", "l/memory.x": ""})
		c, d := New().Parse(&compile.Invocation{Program: "/usr/bin/rustc", Dir: dir, Args: strings.Fields(cargoLine + " -L l")}, frontendtest.DiskFiles{})
		if d != nil {
			t.Fatal(d)
		}
		if err := os.WriteFile(filepath.Join(dir, "l", name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		g := &gathering{c: c, d: c.Detail.(*detail), files: frontendtest.DiskFiles{}}
		if err := g.plainDirs(); (err == nil) != want {
			t.Errorf("after %s appeared = %v, want an error: %t", name, err, !want)
		}
	}
}
