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
