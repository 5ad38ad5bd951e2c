//go:build unix

package rustc

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
)

// A package may name a workspace that lies beside it: its manifest says by what names crates go.
func TestNamedWorkspace(t *testing.T) {
	const manifest = "[package]\nname = \"a\"\n"
	for text, want := range map[string]bool{
		manifest + "workspace = \"../w\"\n": true,
		"package.workspace = '../w'\n":      true,
		manifest:                            false,
		manifest + "[dependencies]\nb = { workspace = true }\n": false,
	} {
		dir := workDir(t, map[string]string{"a/Cargo.toml": text, "w/Cargo.toml": "[workspace]\nmembers = [\"../a\"]\n"})
		g := &gathering{
			c: &compile.Compilation{Invocation: &compile.Invocation{}}, d: &detail{pkg: filepath.Join(dir, "a")}, files: frontendtest.DiskFiles{}, known: map[string]bool{},
		}
		if err := g.unbounded(); err != nil {
			t.Fatal(err)
		}
		if got := slices.Contains(g.in.Paths, filepath.Join(dir, "w/Cargo.toml")); got != want {
			t.Errorf("the workspace's manifest is an input with %q: %t, want %t (%q)", text, got, want, g.in.Paths)
		}
		if !slices.Contains(g.in.Paths, filepath.Join(dir, "a/Cargo.toml")) {
			t.Errorf("inputs with %q are %q, want the package's manifest among them", text, g.in.Paths)
		}
	}
}
