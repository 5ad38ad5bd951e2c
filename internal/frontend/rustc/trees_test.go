//go:build unix

package rustc

import (
	"path/filepath"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
)

// A directory that is named leads a macro out of the workspace where the macro is given it. Elsewhere it is a component of paths, or a word of a grammar.
func TestElsewhere(t *testing.T) {
	dir := workDir(t, map[string]string{
		"p/src/a.rs": `pest!("a.pest"); mod b;`, "p/src/a.pest": `range = { a ~ ".." ~ a }`, "p/src/c.pest": `{% extends "../../q/base.html" %}`,
		"p/src/d.rs": `static D: Dir = include_dir! ( "$CARGO_MANIFEST_DIR/.." );`, "q/base.html": "",
		"p/src/e.rs": `fn f(p: &str) -> bool { match p { ".." => g("a", ".."), _ => { assert_eq!(p, ".."); !["..", "."].contains(p) } } }`,
		"p/src/f.rs": "#[derive(RustEmbed)]\n#[folder = \"..\"]\nstruct A;", "p/src/g.rs": `fn f() { embed!(one(), { all: [".."] }) }`,
		"p/src/h.rs": `fn f() { let q = read("../../q/base.html"); }`, "p/src/i.rs": `#![doc(html = "../..")]`,
	})
	for name, refused := range map[string]bool{"a.rs": false, "a.pest": false, "c.pest": true, "d.rs": true, "e.rs": false, "f.rs": true, "g.rs": true, "h.rs": true, "i.rs": true} {
		g := &gathering{d: &detail{reach: reachWorkspace, pkg: dir + "/p", trees: []tree{{root: dir + "/p"}}}, c: &compile.Compilation{}, files: frontendtest.DiskFiles{}}
		if err := g.elsewhere([]string{filepath.Join(dir, "p/src", name)}); (err != nil) != refused {
			t.Errorf("%s: %v, want refused %t", name, err, refused)
		}
	}
}
