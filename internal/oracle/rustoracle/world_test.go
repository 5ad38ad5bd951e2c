//go:build unix

package rustoracle

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/oracle/search"
)

// world is a directory with two checkouts of one workspace, a registry, a compiler, and what cargo would call it with.
//
//	DIR/p0/co, DIR/p1/co   the checkouts: crates/NAME/src, shared.txt, target
//	DIR/cargo              CARGO_HOME, with the source of reg
//	DIR/tc, DIR/sys        the compiler; the linker's driver and the system's libraries
//	DIR/early, DIR/native  before DIR/sys/bin in PATH; a further directory of native libraries
type world struct {
	dir      string
	at       int // which checkout
	units    []*unit
	env      search.Variables
	umask    uint32
	restarts int
	mapped   bool // COMPILE_CACHE_ROOTS=auto
	check    bool // cargo check

	contents map[string][]string // what files held before, by name
}

// unit is a crate. The placeholders are those of fill.
type unit struct {
	name, kind string
	pkg        string // its directory below DIR, "{p}" for the checkout
	fetched    bool
	externs    []string
	native     bool // it has static libraries
	plain      bool // its library's name bears no hash, as that of a crate which is a shared library too
	libs       []string
	features   bool
	meta       int
	flags      []string
}

// fill replaces the placeholders of an option or variable.
func (w *world) fill(s string) string {
	if !strings.Contains(s, "{") {
		return s
	}
	return strings.NewReplacer("{R}", w.root(), "{p}", fmt.Sprintf("p%d/co", w.at), "{W}", w.dir).Replace(s)
}

func (w *world) root() string { return fmt.Sprintf("%s/p%d/co", w.dir, w.at) }

func (w *world) unit(name string) *unit {
	return w.units[slices.IndexFunc(w.units, func(u *unit) bool { return u.name == name })]
}

func (w *world) extra(u *unit) string {
	return "-" + sum(fmt.Append(nil, u.name, u.meta, w.check))[:16]
}

// outDir is where a build script of the unit puts what it makes, below the checkout.
func (u *unit) outDir() string { return "target/debug/build/" + u.name + "-0123456789abcdef/out" }

// root is the file that rustc is given, below the package.
func (u *unit) root() string {
	if u.name == "app" {
		return "src/main.rs"
	}
	return "src/lib.rs"
}

// invocation is how cargo compiles a unit.
func (w *world) invocation(u *unit) *compile.Invocation {
	deps := w.root() + "/target/debug/deps"
	inv := &compile.Invocation{Program: w.dir + "/tc/bin/rustc", Dir: w.root(), Umask: w.umask}
	pkg := w.dir + "/" + w.fill(u.pkg)
	source := strings.TrimPrefix(pkg, w.root()+"/") + "/" + u.root()
	if u.fetched {
		inv.Dir, source = pkg, pkg+"/"+u.root()
	}
	args := []string{"--crate-name", u.name, "--edition=2021", source, "--error-format=json", "--json=diagnostic-rendered-ansi,artifacts,future-incompat",
		"--crate-type", u.kind}
	linked := u.kind == "proc-macro" || u.kind != "lib" && !w.check
	switch {
	case linked || u.plain && !w.check:
		args = append(args, "--emit=dep-info,link")
	case w.check:
		args = append(args, "--emit=dep-info,metadata")
	default:
		args = append(args, "--emit=dep-info,metadata,link")
	}
	args = append(args, "-C", "embed-bitcode=no")
	if u.features {
		args = append(args, "--cfg", `feature="f"`)
	}
	args = append(args, "-C", fmt.Sprintf("metadata=%d", u.meta))
	if e := w.extra(u); e != "" {
		args = append(args, "-C", "extra-filename="+e)
	}
	args = append(args, "--out-dir", deps, "-L", "dependency="+deps)
	for _, name := range u.externs {
		e := w.unit(name)
		ext := ".rmeta"
		switch {
		case e.kind == "proc-macro":
			ext = ".so"
		case linked || e.plain && !w.check:
			ext = ".rlib"
		}
		args = append(args, "--extern", name+"="+deps+"/lib"+name+w.extra(e)+ext)
	}
	if u.fetched {
		args = append(args, "--cap-lints", "allow")
	}
	if u.native {
		args = append(args, "-L", "native="+w.dir+"/native", "-L", "native="+w.root()+"/"+u.outDir())
	}
	for _, l := range u.libs {
		args = append(args, "-l", l)
	}
	for _, f := range u.flags {
		args = append(args, w.fill(f))
	}
	inv.Args = args
	inv.Env = []string{
		"CARGO=" + w.dir + "/tc/bin/cargo", "CARGO_CRATE_NAME=" + u.name, "CARGO_MANIFEST_DIR=" + pkg, "CARGO_PKG_NAME=" + u.name, "CARGO_PKG_VERSION=1.0.0",
		"CARGO_HOME=" + w.dir + "/cargo", "HOME=" + w.dir + "/home", "OUT_DIR=" + w.root() + "/" + u.outDir(),
	}
	inv.Env = append(inv.Env, w.env.List(w.fill)...)
	if w.mapped {
		inv.Env = append(inv.Env, "COMPILE_CACHE_ROOTS=auto")
	}
	return inv
}

// maps are the roots of a call, and what they are called where they are mapped, inner ones last.
func (w *world) maps(u *unit) [][2]string {
	if !w.mapped {
		return nil
	}
	maps := [][2]string{{w.root() + "/target", "/compile-cache/target"}, {w.dir + "/cargo", "/compile-cache/cargo-home"}, {w.dir + "/home", "/compile-cache/home"}}
	if !u.fetched {
		maps = slices.Insert(maps, 0, [2]string{w.root(), "/compile-cache/checkout"})
	}
	return maps
}

// newWorld writes the world of a seed.
func newWorld(dir string, rng *rand.Rand) (*world, error) {
	w := &world{dir: dir, umask: 0o022, contents: map[string][]string{}}
	w.mapped, w.check = rng.IntN(3) == 0, rng.IntN(5) == 0
	macro := []string{"mac", "mac", "serde_derive"}[rng.IntN(3)]
	w.units = []*unit{
		{name: "reg", kind: "lib", pkg: "cargo/registry/src/index-1/reg-1.0.0", fetched: true, native: true},
		{name: macro, kind: "proc-macro", pkg: "{p}/crates/mac", externs: []string{"reg"}},
		{name: "base", kind: "lib", pkg: "{p}/crates/base", externs: []string{"reg", macro}, native: rng.IntN(2) == 0},
		{name: "mid", kind: "lib", pkg: "{p}/crates/mid", externs: []string{"base"}},
		{name: "top", kind: "lib", pkg: "{p}/crates/top", externs: []string{"mid"}},
		{name: "app", kind: "bin", pkg: "{p}/crates/app", externs: []string{"base", "top"}, native: true, libs: []string{"dylib=dyn"}},
	}
	w.unit("mid").plain = rng.IntN(4) == 0
	if rng.IntN(6) == 0 {
		w.unit("app").kind = "staticlib"
	}
	if w.check {
		w.unit(macro).externs = nil // cargo would compile reg twice
	}
	if rng.IntN(2) == 0 {
		w.units[0].libs = []string{"static=nat"}
	}
	if err := WriteToolchain(dir+"/tc", "1"); err != nil {
		return nil, err
	}
	if err := WriteDriver(dir + "/sys"); err != nil {
		return nil, err
	}
	if rng.IntN(2) == 0 {
		if err := writeAll(dir, map[string]string{"tc/" + gccLD + "/ld.lld": string(image("lld 1"))}); err != nil {
			return nil, err
		}
	}
	files := map[string]string{"sys/lib/libdyn.so": "dyn 1"}
	texts := map[string]string{}
	for _, u := range w.units {
		for _, name := range u.files() {
			if !optional(name) || rng.IntN(2) == 0 && name != "src/m0/mod.rs" {
				texts[u.name+name] = w.text(rng, u, name)
			}
		}
	}
	for at := range 2 {
		w.at = at
		files[w.fill("{p}/target/CACHEDIR.TAG")] = "Signature: 8a477f597d28d172789f06886806bc55\n"
		files[w.fill("{p}/Cargo.lock")] = "version = 4\n"
		files[w.fill("{p}/Cargo.toml")] = "[workspace]\n"
		files[w.fill("{p}/shared.txt")] = "shared 0\n"
		for _, u := range w.units {
			for _, name := range u.files() {
				if text, ok := texts[u.name+name]; ok {
					files[w.path(u, name)] = text
				}
			}
			if err := os.MkdirAll(filepath.Join(dir, w.fill("{p}"), u.outDir()), 0o755); err != nil {
				return nil, err
			}
		}
		for _, d := range []string{".git", "target/debug/deps"} {
			if err := os.MkdirAll(w.root()+"/"+d, 0o755); err != nil {
				return nil, err
			}
		}
	}
	w.at = 0
	for _, d := range []string{"early", "native", "home", "scratch"} {
		if err := os.MkdirAll(dir+"/"+d, 0o755); err != nil {
			return nil, err
		}
	}
	w.env.Set("PATH", "{W}/early:{W}/sys/bin")
	w.env.Set("FOO", "1")
	return w, writeAll(dir, files)
}

// path is the place of a unit's file below DIR. What its build script makes lies in the target directory.
func (w *world) path(u *unit, name string) string {
	if rest, ok := strings.CutPrefix(name, "out/"); ok {
		return w.fill("{p}/" + u.outDir() + "/" + rest)
	}
	return w.fill(u.pkg) + "/" + name
}

// files are the files that a unit has or may have.
func (u *unit) files() []string {
	files := []string{u.root(), "Cargo.toml", "src/m0.rs", "src/m0/mod.rs", "src/m1.rs", "src/m2.rs", "data a.txt", "notes.txt", "out/g.rs", "out/o.txt"}
	if u.native {
		files = append(files, "out/libnat.a", "out/libdyn.a")
	}
	return files
}

// optional reports whether a unit can do without a file.
func optional(name string) bool {
	switch name {
	case "src/m0/mod.rs", "src/m2.rs", "notes.txt", "out/o.txt", "out/libdyn.a":
		return true
	}
	return false
}
