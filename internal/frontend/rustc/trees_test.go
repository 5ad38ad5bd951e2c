package rustc

import (
	"path/filepath"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
)

// A word of a grammar that is included looks like the directory above; in Rust it names that.
func TestElsewhere(t *testing.T) {
	dir := workDir(t, map[string]string{
		"p/src/a.rs": `pest!("a.pest"); mod b;`, "p/src/a.pest": `range = { a ~ ".." ~ a }`, "p/src/c.pest": `{% extends "../../q/base.html" %}`,
		"p/src/d.rs": `include_dir!("..")`, "q/base.html": "",
	})
	for name, refused := range map[string]bool{"a.rs": false, "a.pest": false, "c.pest": true, "d.rs": true} {
		g := &gathering{d: &detail{reach: reachWorkspace, pkg: dir + "/p", trees: []tree{{root: dir + "/p"}}}, c: &compile.Compilation{}, files: frontendtest.DiskFiles{}}
		if err := g.elsewhere([]string{filepath.Join(dir, "p/src", name)}); (err != nil) != refused {
			t.Errorf("%s: %v, want refused %t", name, err, refused)
		}
	}
}
