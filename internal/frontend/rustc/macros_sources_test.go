//go:build unix

package rustc

import (
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
)

// Of a library without names of functions the sources tell what no import does.
func TestBeyond(t *testing.T) {
	dir := workDir(t, map[string]string{
		"out/libread-0000000000000001.so": "1", "out/read-0000000000000001.d": "x: src/read.rs src/more.rs\n",
		"out/libtimes-0000000000000002.so": "2", "out/times-0000000000000002.d": "x: src/read.rs src/times.rs\n",
		"out/libwrites-0000000000000003.so": "3", "out/writes-0000000000000003.d": "x: src/writes.rs\n",
		"out/libgone-0000000000000004.so": "4", "out/gone-0000000000000004.d": "x: src/gone.rs\n",
		"out/libnone-0000000000000005.so": "5",
		"src/read.rs":                     `fs::read_to_string(env!("A")); let created = env::var("mtime"); args(created)`,
		"src/more.rs":                     `write!(f, "{}", path.exists())`,
		"src/times.rs":                    `fs::metadata(path)?.modified()?`,
		"src/writes.rs":                   `let f = fs::File::create(path);`,
	})
	p := &parser{f: New(), inv: &compile.Invocation{Dir: dir}, files: frontendtest.DiskFiles{}}
	for name, refused := range map[string]bool{"read-0000000000000001": false, "times-0000000000000002": true, "writes-0000000000000003": true, "gone-0000000000000004": true, "none-0000000000000005": true} {
		for range 2 { // the second time from memory
			if why := p.beyond(dir + "/out/lib" + name + ".so"); (why != "") != refused {
				t.Errorf("beyond(%s) = %q, want refused %t", name, why, refused)
			}
		}
	}
}

// A macro may read what lies beside its own source.
func TestOwnTrees(t *testing.T) {
	dir := workDir(t, map[string]string{
		"w/Cargo.toml": "", "w/m/Cargo.toml": "", "w/m/src/lib.rs": "", "w/out/libm-0000000000000001.so": "", "w/out/m-0000000000000001.d": "x: m/src/lib.rs\n",
		"other/Cargo.toml": "", "other/src/lib.rs": "", "other/a.txt": "", "w/out/libo-0000000000000002.so": "", "w/out/o-0000000000000002.d": "x: ../other/src/lib.rs\n",
		"home/registry/src/r/Cargo.toml": "", "home/registry/src/r/lib.rs": "", "w/out/libr-0000000000000003.so": "", "w/out/r-0000000000000003.d": "x: ../home/registry/src/r/lib.rs\n",
	})
	for name, want := range map[string]string{"m-0000000000000001": "", "o-0000000000000002": dir + "/other", "r-0000000000000003": ""} {
		p := &parser{f: New(), c: &compile.Compilation{}, inv: &compile.Invocation{Dir: dir + "/w", Env: []string{"CARGO_HOME=" + dir + "/w/../home"}}, files: frontendtest.DiskFiles{}, det: &detail{trees: []tree{{root: dir + "/w"}}}}
		p.readers = []reader{{name: name[:1], path: dir + "/w/out/lib" + name + ".so", reach: reachWorkspace}}
		d := p.ownTrees()
		got := ""
		if len(p.det.trees) > 1 {
			got = p.det.trees[1].root
		}
		if d != nil || got != want {
			t.Errorf("ownTrees of %s = %q, %v, want %q", name, got, d, want)
		}
	}
	p := &parser{f: New(), inv: &compile.Invocation{Dir: dir}, files: frontendtest.DiskFiles{}, det: &detail{}, readers: []reader{{path: dir + "/w/out/libx.so", reach: reachWorkspace}}}
	if d := p.ownTrees(); d == nil {
		t.Error("ownTrees of a macro whose sources are not known is not refused")
	}
}
