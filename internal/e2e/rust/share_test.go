package rust

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Another machine finds everything in a bucket, though it has nothing but the same paths.
func TestAnotherMachine(t *testing.T) {
	bucket := "file://" + directory(t)
	dir := directory(t)
	checkout(t, "testdata/small", dir)
	argv := []string{"cargo", "build", "--locked"}
	first := newMachine(t).with("COMPILE_CACHE_BUCKET", bucket)
	one := first.again(dir, argv...)
	if one.status != 0 {
		t.Fatal(one.stderr)
	}
	if r := first.command("stop"); r.status != 0 {
		t.Errorf("stop: %s", r.stderr)
	}
	second := newMachine(t).with("COMPILE_CACHE_BUCKET", bucket)
	two := second.again(dir, argv...)
	two.like(t, one)
	two.stats.everything(t, one.stats.compiles())
	if hits := two.stats.HitsByTier["bucket"]; hits == 0 {
		t.Errorf("hits by tier %v, want the bucket's", two.stats.HitsByTier)
	}
	second.rested(dir, argv...)
	second.prints(filepath.Join(dir, "target/debug/app"), smallPrints)
}

// With COMPILE_CACHE_ROOTS another checkout, with another CARGO_HOME, finds everything but the static library, into which the standard
// library's bitcode was copied: there no scan would find a path. What it gets is what it would have compiled.
func TestAnotherPath(t *testing.T) {
	argv := []string{"cargo", "build", "--locked"}
	m := newMachine(t).with("COMPILE_CACHE_ROOTS", "auto")
	a, b := filepath.Join(m.root, "a"), filepath.Join(m.root, "deep", "er", "b")
	checkout(t, "testdata/small", a)
	checkout(t, "testdata/small", b)
	home := filepath.Join(m.root, "cargo")
	if err := os.CopyFS(home, os.DirFS(crates)); err != nil {
		t.Fatal(err)
	}
	at := m.again(a, argv...)
	if at.status != 0 {
		t.Fatal(at.stderr)
	}
	want := newMachine(t).with("COMPILE_CACHE_ROOTS", "auto", "CARGO_HOME", home).again(b, argv...)
	elsewhere := m.with("CARGO_HOME", home)
	got := elsewhere.again(b, argv...)
	got.like(t, want)
	if hits := got.stats.Outcomes["hit"]; hits != at.stats.compiles()-1 || got.stats.compiles() != at.stats.compiles() {
		t.Errorf("%d hits, want all of %d but one: %v, because %v", hits, at.stats.compiles(), got.stats.Outcomes, got.stats.Reasons)
	}
	elsewhere.rested(b, argv...)
	m.prints(filepath.Join(b, "target/debug/app"), smallPrints)

	// Whoever debugs wants to know where the sources are: nothing names the other checkout.
	err := filepath.WalkDir(filepath.Join(b, "target"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), a+"/") || strings.Contains(string(text), crates+"/") {
			t.Errorf("%s names the other checkout or its CARGO_HOME", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Two builds at once, of one target directory (cargo has them wait for each other) and of two.
func TestTwoAtOnce(t *testing.T) {
	for _, v := range []struct {
		name string
		dirs int
	}{{"one target directory", 1}, {"two target directories", 2}} {
		t.Run(v.name, func(t *testing.T) {
			m := newMachine(t)
			f := many(12)
			var dirs []string
			var want []*built
			for i := range v.dirs {
				dirs = append(dirs, filepath.Join(m.root, fmt.Sprint("w", i)))
				f.checkout(t, dirs[i])
				want = append(want, m.plain(dirs[i], "cargo", "build"))
			}
			for _, state := range []string{"cold", "warm"} {
				for _, dir := range dirs {
					clean(t, dir)
				}
				var ends []func() (*result, error)
				for i := range 2 {
					ends = append(ends, m.start(dirs[i%v.dirs], m.cached("cargo", "build")...))
				}
				for _, end := range ends {
					if r, err := end(); err != nil || r.status != 0 {
						t.Errorf("%s: %v: %+v", state, err, r)
					}
				}
				for i, dir := range dirs {
					if d := want[i].target.difference(snapshot(t, dir)); d != "" {
						t.Errorf("%s: the target directory is not as without us:\n\t%s", state, d)
					}
					m.rested(dir, "cargo", "build")
				}
			}
		})
	}
}

// many is a program and n libraries.
func many(n int) files {
	f := files{}
	var dependencies, uses strings.Builder
	for i := range n {
		name := fmt.Sprint("low", i)
		fmt.Fprintf(&dependencies, "%s = { path = %q }\n", name, name)
		fmt.Fprintf(&uses, "    n += %s::n();\n", name)
		maps.Copy(f, files{
			name + "/Cargo.toml": manifest(name, ""),
			name + "/src/lib.rs": fmt.Sprintf("pub fn n() -> usize {\n    let unused = 0;\n    %d\n}\n", i),
		})
	}
	f["Cargo.toml"] = manifest("app", "[dependencies]\n"+dependencies.String()+"[workspace]\n")
	f["src/main.rs"] = "fn main() {\n    let mut n = 0;\n" + uses.String() + "    println!(\"{n}\");\n}\n"
	return f
}
