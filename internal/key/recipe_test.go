package key

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

var update = flag.Bool("update", false, "rewrite the goldens")

func sampleCompilation() *compile.Compilation {
	return &compile.Compilation{
		Invocation: &compile.Invocation{
			Program: "/usr/bin/gcc-12", Dir: "/home/u/proj/build",
			Env: []string{"LC_ALL=C", "CPATH=", "HOME=/home/u", "SECRET=x", "EXTRA=1"},
		},
		Kind: "gcc", Language: "c", Source: "/home/u/proj/src/a.c",
		Args:     []string{"-I../inc", "-I/home/u/proj/inc", "-DV=\"1 < 2\"", "-O2", "-c", "/home/u/proj/src/a.c", "-o", "a.o"},
		EnvNames: []string{"CPATH", "LANG", "LC_ALL"},
	}
}

var sampleToolchain = &compile.Toolchain{Kind: "gcc", Facts: []string{"native -march=znver3"}}

// A recipe that changes gives every user a cold cache, so it takes a bump of Schema: the golden's name holds it.
func TestRecipeGolden(t *testing.T) {
	id := digest.KeyOf([]byte("toolchain"))
	full := sampleCompilation()
	full.Columns, full.BindAll, full.PerSource = 80, "lto", true
	full.Facts = []string{"apparent directory /link/build"}
	for name, r := range map[string]Recipe{
		"plain": Write(sampleCompilation(), sampleToolchain, id, digest.Digest{}, testRoots, Settings{}),
		"full":  Write(full, sampleToolchain, id, digest.Of([]byte("source")), testRoots, Settings{Salt: "s a l t", Env: []string{"EXTRA", "LC_ALL"}}),
	} {
		path := filepath.Join("testdata", "recipe", name+"-schema"+strconv.Itoa(Schema)+".txt")
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, r.Text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(r.Text), string(want)); d != "" {
			t.Errorf("%s: the recipe changed; bump key.Schema and write new goldens with -update (-got +want):\n%s", name, d)
		}
		if regexp.MustCompile(`[^\x20-\x7e\n]`).Match(r.Text) {
			t.Errorf("%s: the recipe is not printable: %q", name, r.Text)
		}
	}
}

// Every ingredient must change the compilation digest, and what is none must not.
func TestRecipeIngredients(t *testing.T) {
	id := digest.KeyOf([]byte("toolchain"))
	write := func(c *compile.Compilation, tc *compile.Toolchain, id digest.Key, roots Roots, s Settings) digest.Key {
		return Write(c, tc, id, digest.Digest{}, roots, s).Key
	}
	base := write(sampleCompilation(), sampleToolchain, id, testRoots, Settings{})
	changed := func(f func(c *compile.Compilation)) digest.Key {
		c := sampleCompilation()
		f(c)
		return write(c, sampleToolchain, id, testRoots, Settings{})
	}
	for what, got := range map[string]digest.Key{
		"language":       changed(func(c *compile.Compilation) { c.Language = "c++" }),
		"program":        changed(func(c *compile.Compilation) { c.Program = "/usr/bin/cc" }),
		"directory":      changed(func(c *compile.Compilation) { c.Dir = "/home/u/proj/build2" }),
		"source":         changed(func(c *compile.Compilation) { c.Source = "/home/u/proj/src/b.c" }),
		"argument":       changed(func(c *compile.Compilation) { c.Args[3] = "-O3" }),
		"argument order": changed(func(c *compile.Compilation) { c.Args[0], c.Args[1] = c.Args[1], c.Args[0] }),
		"argument split": changed(func(c *compile.Compilation) { c.Args = append([]string{"-I", "../inc"}, c.Args[1:]...) }),
		"variable value": changed(func(c *compile.Compilation) { c.Env[0] = "LC_ALL=de" }),
		"variable unset": changed(func(c *compile.Compilation) { c.Env = c.Env[1:] }),
		"variable empty": changed(func(c *compile.Compilation) { c.Env = append(c.Env, "LANG=") }),
		"terminal":       changed(func(c *compile.Compilation) { c.Columns = 80 }),
		"bind all":       changed(func(c *compile.Compilation) { c.BindAll = "lto" }),
		"fact":           changed(func(c *compile.Compilation) { c.Facts = []string{"x"} }),
		"compiler":       write(sampleCompilation(), sampleToolchain, digest.KeyOf(nil), testRoots, Settings{}),
		"tool fact":      write(sampleCompilation(), &compile.Toolchain{Kind: "gcc"}, id, testRoots, Settings{}),
		"salt":           write(sampleCompilation(), sampleToolchain, id, testRoots, Settings{Salt: "x"}),
		"key env":        write(sampleCompilation(), sampleToolchain, id, testRoots, Settings{Env: []string{"EXTRA"}}),
	} {
		if got == base {
			t.Errorf("changing %s leaves the compilation digest as it is", what)
		}
	}
	for what, got := range map[string]digest.Key{
		"unlisted variable": changed(func(c *compile.Compilation) { c.Env[3] = "SECRET=y" }),
		"umask":             changed(func(c *compile.Compilation) { c.Umask = 0o77 }),
		"compiler's place":  changed(func(c *compile.Compilation) { c.Program = "/opt/bin/gcc-12" }),
	} {
		if got != base {
			t.Errorf("changing %s changes the compilation digest", what)
		}
	}
	// Another checkout is the same compilation.
	moved := sampleCompilation()
	moved.Dir, moved.Source = "/home/u/other/build", "/home/u/other/src/a.c"
	moved.Args[1], moved.Args[5] = "-I/home/u/other/inc", "/home/u/other/src/a.c"
	if got := write(moved, sampleToolchain, id, Roots{{"checkout", "/home/u/other"}, {"home", "/home/u"}}, Settings{}); got != base {
		t.Error("another checkout changes the compilation digest")
	}
}

// A dependency file that was stored in /src/app must not be restored in /src/an app, where compilers write "an\\ app".
func TestRecipeOfAwkwardRoot(t *testing.T) {
	in := func(root string) Recipe {
		c := sampleCompilation()
		c.Dir, c.Source, c.Args = root, root+"/a.c", []string{"-c", root + "/a.c", "-MD", "-o", "a.o"}
		return Write(c, sampleToolchain, digest.KeyOf([]byte("toolchain")), digest.Digest{}, Roots{{"checkout", root}}, Settings{})
	}
	plain := in("/src/app")
	if other := in("/src/elsewhere"); other.Key != plain.Key {
		t.Errorf("another plain checkout has another compilation digest:\n%s%s", plain.Text, other.Text)
	}
	for _, root := range []string{"/src/an app", "/src/a#b", "/src/a$b", "/src/a\tb"} {
		if r := in(root); r.Key == plain.Key || !slices.Equal(r.Bound, []string{"checkout"}) {
			t.Errorf("%q: bound to %v, and the compilation digest is another: %v; want checkout, true", root, r.Bound, r.Key != plain.Key)
		}
	}
}
