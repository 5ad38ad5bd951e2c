//go:build unix

package oracle

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/oracle/search"
)

// world is a directory with two checkouts of one project, two toolchains, and the way the compiler is called at present.
//
//	DIR/p0/co, DIR/p1/co   the checkouts: src inc0 inc1 inc2 sys quote after data build nested link
//	DIR/tc0, DIR/tc1       toolchains; DIR/cur links to one of them
//	DIR/bin, DIR/early     on PATH: as and objcopy are in bin, and may appear in early
//	DIR/home               HOME of most worlds
type world struct {
	dir string

	at       int    // which checkout
	cwd      string // below the checkout
	source   string // below the checkout
	absolute bool   // the source is spelled so
	output   string // as spelled after -o
	driver   string
	flags    [][]string // options with their values; {R} is the checkout, {r} the way to it from cwd, {W} is dir
	env      search.Variables
	umask    uint32
	columns  int
	clock    int // seconds
	restarts int

	contents map[string][]string // what files held before, by path below dir
}

func (w *world) root() string { return filepath.Join(w.dir, fmt.Sprintf("p%d/co", w.at)) }

// fill replaces the placeholders of an option or variable.
func (w *world) fill(s string) string {
	if !strings.Contains(s, "{") {
		return s
	}
	up := "."
	if w.cwd != "" {
		up = strings.TrimSuffix(strings.Repeat("../", strings.Count(w.cwd, "/")+1), "/")
	}
	s = strings.NewReplacer("{R}", w.root(), "{r}", up, "{W}", w.dir).Replace(s)
	if up == "." {
		s = strings.Replace(s, "./", "", 1)
	}
	return s
}

func (w *world) invocation() *compile.Invocation {
	inv := &compile.Invocation{Program: w.dir + "/cur/bin/" + w.driver, Dir: filepath.Join(w.root(), w.cwd), Umask: w.umask, Columns: w.columns}
	for _, group := range w.flags {
		for _, f := range group {
			inv.Args = append(inv.Args, w.fill(f))
		}
	}
	source := "{r}/" + w.source
	if w.absolute {
		source = "{R}/" + w.source
	}
	inv.Args = append(inv.Args, "-c", w.fill(source), "-o", w.fill(w.output))
	inv.Env = w.env.List(w.fill)
	return inv
}

func (w *world) now() time.Time { return time.Date(2026, 1, 2, 3, 0, w.clock, 0, time.UTC) }

// Names of the project.
var (
	headers     = []string{"a.h", "b.h", "c.h", "sub/d.h", "e.h"}
	headerDirs  = []string{"inc0", "inc1", "inc2", "src", "sys", "quote", "after"}
	sources     = []string{"src/s0.c", "src/s1.c", "src/s2.cc", "src/s3.S"}
	optional    = []string{"opt.h", "rare.h"}
	outputNames = []string{"{r}/build/out.o", "{r}/build/other.o", "{R}/build/out.o"}
)

// newWorld writes the world of a seed.
func newWorld(dir string, rng *rand.Rand) (*world, error) {
	w := &world{dir: dir, driver: "gcc", umask: 0o022, contents: map[string][]string{}}
	for i := range 2 {
		tc := fmt.Sprintf("%s/tc%d", dir, i)
		if err := WriteToolchain(tc, "1"); err != nil {
			return nil, err
		}
		// The same driver; another compiler proper.
		if err := os.WriteFile(tc+"/"+ProgramDir+"/cc1", Image(fmt.Sprintf("cc1 of %d", i)), 0o755); err != nil {
			return nil, err
		}
		if rng.IntN(4) == 0 {
			if err := os.WriteFile(tc+"/bin/gcc"+realSuffix, Image("real driver"), 0o755); err != nil {
				return nil, err
			}
		}
	}
	files := map[string]string{"bin/as": string(Image("as 1")), "bin/objcopy": string(Image("objcopy 1"))}
	project := map[string]string{
		"data/blob.bin": "blob 0\n", "data/p.y": "%%\n// one\n// two\n// three\n// four\n// five\n", "src/flags.rsp": "-DRSP=1\n",
		"src/m.h": "#define FROM_M 1\n", "inc0/blob.bin": "blob in inc0\n",
	}
	for i, name := range headers {
		for _, d := range headerDirs {
			if d == "inc0" || rng.IntN(100) < 35 {
				project[d+"/"+name] = headerText(rng, i)
			}
		}
	}
	for _, s := range sources {
		project[s] = sourceText(rng)
	}
	if _, ok := project["inc1/a.h"]; !ok || rng.IntN(2) == 0 {
		project["inc1/a.h"] = project["inc0/a.h"] // twins
	}
	for _, d := range []string{"early", "home", "scratch"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	git, nestedGit := rng.IntN(4) > 0, rng.IntN(3) == 0
	for i := range 2 {
		co := fmt.Sprintf("p%d/co", i)
		for name, text := range project {
			files[co+"/"+name] = text
		}
		dirs := []string{"build", "nested/deep", "inc2", "quote", "after", "sys", "inc1"}
		if git {
			dirs = append(dirs, ".git")
		}
		if nestedGit {
			dirs = append(dirs, "nested/.git")
		}
		for _, d := range dirs {
			if err := os.MkdirAll(filepath.Join(dir, co, d), 0o755); err != nil {
				return nil, err
			}
		}
		if err := os.Symlink("inc1", filepath.Join(dir, co, "link")); err != nil {
			return nil, err
		}
	}
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(p, []byte(text), 0o755); err != nil {
			return nil, err
		}
	}
	for _, link := range []struct{ from, to string }{{"tc0", "cur"}, {"p0", "here"}} {
		if err := os.Symlink(link.from, filepath.Join(dir, link.to)); err != nil {
			return nil, err
		}
	}

	w.source = sources[rng.IntN(2)]
	w.cwd = []string{"", "build", "nested", "nested/deep"}[rng.IntN(4)]
	w.absolute = rng.IntN(3) == 0
	w.output = outputNames[0]
	w.env.Set("PATH", "{W}/early:{W}/bin")
	home := []string{"{W}/home", "{W}", "{R}"}[rng.IntN(3)]
	w.env.Set("HOME", home)
	if rng.IntN(4) == 0 {
		w.env.Set("GITHUB_WORKSPACE", "{R}")
	}
	w.flags = [][]string{{"-I", "{r}/inc0"}}
	for range 4 + rng.IntN(5) {
		w.flags = insertFlag(rng, w.flags)
	}
	return w, nil
}
