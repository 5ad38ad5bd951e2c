package rustc

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

const (
	maxDepInfo  = 16 << 20
	maxArchives = 64 // native libraries in the directories of one call
	maxSource   = 64 << 20
)

// gathering is one call of Inputs.
type gathering struct {
	f     *Frontend
	c     *compile.Compilation
	d     *detail
	run   frontend.Run
	files frontend.Files
	in    frontend.Inputs
	known map[string]bool // of in.Paths
}

// Inputs implements frontend.Frontend.
func (f *Frontend) Inputs(_ context.Context, c *compile.Compilation, tc *compile.Toolchain, run frontend.Run, files frontend.Files, _ frontend.Prober) (*frontend.Inputs, error) {
	g := &gathering{f: f, c: c, d: c.Detail.(*detail), run: run, files: files, known: map[string]bool{}}
	if run.Status != 0 {
		if err := failure(run.Stderr); err != nil {
			return nil, err
		}
	}
	said, err := g.depInfo()
	if err != nil {
		return nil, compile.Refuse(compile.ReasonInput, err.Error())
	}
	if c.Source != "" {
		g.add(c.Source)
	}
	if c.Source != "" || g.d.metadata {
		// Metadata holds the working directory and, hashed, the names of sources.
		g.bindName(c.Dir)
	}
	for _, spelled := range said.paths {
		path := frontend.Absolute(c.Dir, spelled)
		if info, err := files.Stat(path); err != nil || !info.IsRegular() {
			return nil, compile.Refuse(compile.ReasonInput, path)
		}
		g.add(path)
		if strings.HasPrefix(spelled, "/") {
			g.bindName(path)
		}
	}
	sources := slices.Clone(g.in.Paths)
	for _, e := range said.env {
		value, set := c.Getenv(e.name)
		if set != e.set || value != e.value {
			return nil, compile.Refuse(compile.ReasonEnvironment, e.name)
		}
		g.in.Env = append(g.in.Env, e.name)
	}
	for _, path := range c.Inputs {
		g.add(path)
	}
	for _, step := range []func() error{
		func() error { return g.values(said.env, sources) }, func() error { return g.modules(sources) }, g.messages, g.messageWidth, g.plainDirs, func() error { return g.native(sources) },
		func() error { return g.assembly(sources) }, func() error { return g.named(sources) }, g.unbounded, func() error { return g.elsewhere(sources) },
		func() error { return g.cargoLints(sources) }, func() error { return g.linkAttributes(tc, sources) }, g.kept, func() error { return g.linked(tc) },
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	g.in.Dirs = c.Dirs
	return &g.in, nil
}

// depInfo reads what the compile says that it read. One that failed early says nothing, and leaves the dep-info of an earlier one.
func (g *gathering) depInfo() (depInfo, error) {
	if g.c.Source == "" {
		said, err := sourceAlone("", g.c.Input, g.c.Getenv) // Parse let pass what reads nothing further
		said.paths = nil
		return said, err
	}
	if g.d.depInfo != "" {
		info, err := g.files.Stat(g.d.depInfo)
		if g.run.Status == 0 || err == nil && info.Mtime >= g.run.Start.UnixNano() {
			text, _, err := g.files.Read(g.d.depInfo, maxDepInfo)
			if err != nil {
				return depInfo{}, err
			}
			return parseDepInfo(text)
		}
	}
	text, _, err := g.files.Read(g.c.Source, maxSource)
	if err != nil {
		return depInfo{}, err
	}
	return sourceAlone(g.d.source, text, g.c.Getenv)
}

func (g *gathering) add(path string) {
	if !g.known[path] {
		g.known[path] = true
		g.in.Paths = append(g.in.Paths, path)
	}
}

// absent notes that a name must stay absent; one that is there already is reported.
func (g *gathering) absent(dir string, names ...string) (present string) {
	var absent []string
	for _, name := range names {
		if g.files.Exists(dir, name) {
			present = name
		} else {
			absent = append(absent, name)
		}
	}
	if len(absent) > 0 {
		g.in.Absent = append(g.in.Absent, compile.AbsentNames{Dirs: []string{dir}, Names: absent})
	}
	return present
}

// modules notes, for each module's file, the other place where rustc looks for it: foo.rs and foo/mod.rs exclude each other. For a
// file that is no module, such as one that is included, the other may be there, and was there before.
func (g *gathering) modules(sources []string) error {
	for _, path := range sources {
		if path == g.c.Source || filepath.Ext(path) != ".rs" {
			continue
		}
		dir, base := filepath.Split(path)
		dir = strings.TrimSuffix(dir, "/")
		other, name := dir+"/"+strings.TrimSuffix(base, ".rs"), "mod.rs"
		if base == "mod.rs" {
			other, name = filepath.Split(dir)
			other, name = strings.TrimSuffix(other, "/"), name+".rs"
		}
		if other == "" || g.absent(other, name) == "" || g.known[other+"/"+name] {
			continue
		}
		if info, err := g.files.Stat(other + "/" + name); err != nil || info.Ctime >= g.run.Start.UnixNano() {
			return compile.Refuse(compile.ReasonInputChanged, other+"/"+name+" appeared")
		}
	}
	return nil
}

// callsDlltool reports whether rustc has a program of the PATH make import libraries for a target, which go into libraries like native
// ones. Of a target that a file describes it is not known.
func callsDlltool(target string) bool {
	return strings.Contains(target, "-windows-gnu") || strings.HasSuffix(target, ".json")
}

// staticLink is how a source asks for a static library, verbatim how for one of an uncommon name.
var (
	staticLink = regexp.MustCompile(`\bkind\s*=\s*r?#*"static`)
	verbatim   = []byte("verbatim")
)

// native adds the native libraries that were bundled, or may have been. Which these are rustc does not say; that there are some, its
// library shows. All archives in the search directories count then, and that none of them appears in an earlier directory.
func (g *gathering) native(sources []string) error {
	// A static library holds what it needs, and shows not whose it is.
	bundled := g.d.static || g.d.staticlib
	anyName := g.d.staticlib // perhaps asked for by a crate below
	if len(g.d.nativeDirs) > 0 {
		// Of an archive without members the library shows nothing, nor of one that is only looked for.
		for _, path := range sources {
			text, _, err := g.files.Read(path, maxSource)
			if err != nil {
				return compile.Refuse(compile.ReasonInput, err.Error())
			}
			bundled = bundled || staticLink.Match(text)
			anyName = anyName || bytes.Contains(text, verbatim)
		}
	}
	if g.d.rlib != "" {
		member, err := foreignMember(g.d.rlib, g.d.crate+g.d.extra)
		if err != nil {
			return compile.Refuse(compile.ReasonInput, fmt.Sprintf("%s: %v", g.d.rlib, err))
		}
		if member != "" {
			bundled = true
			if len(g.d.nativeDirs) == 0 || callsDlltool(g.d.target) {
				return compile.Refuse(compile.ReasonInput, member+" comes from nowhere")
			}
		}
	}
	if !bundled {
		return nil
	}
	var names []string
	for _, lib := range g.d.nativeLibs {
		names = append(names, "lib"+lib+".a", lib+".lib")
	}
	archives := 0
	for i, dir := range g.d.nativeDirs {
		all, err := g.files.Names(dir)
		if err != nil {
			return compile.Refuse(compile.ReasonInput, err.Error())
		}
		for _, name := range all {
			ext := filepath.Ext(name)
			path := dir + "/" + name
			info, err := g.files.Stat(path)
			if err != nil || !info.IsRegular() || ext != ".a" && ext != ".lib" && !(anyName && holdsMembers(path)) {
				continue
			}
			if archives++; archives > maxArchives {
				return compile.Refuse(compile.ReasonInput, fmt.Sprintf("%s has too many libraries", dir))
			}
			if thin, err := isThin(path); err != nil || thin {
				return compile.Refuse(compile.ReasonInput, path+" is a thin archive")
			}
			g.add(path)
			for _, earlier := range g.d.nativeDirs[:i] {
				g.absent(earlier, name)
			}
		}
		g.absent(dir, names...)
	}
	return nil
}

// packageRoot is how a manifest names the directory of its workspace, where that is not the nearest one above.
var packageRoot = regexp.MustCompile(`(?m)^\s*(?:package\s*\.\s*)?workspace\s*=\s*["']([^"'\n]+)["']`)

// rootNamed returns the workspace that the package's manifest names, and the directories above it. Macros ask cargo where it is.
func (g *gathering) rootNamed() []string {
	text, _, err := g.files.Read(g.d.pkg+"/Cargo.toml", maxSource)
	if err != nil {
		return nil // it is an absent name then, or declined as an input
	}
	var dirs []string
	for _, m := range packageRoot.FindAllSubmatch(text, -1) {
		dirs = append(dirs, parents(frontend.Absolute(g.d.pkg, string(m[1])))...)
	}
	return dirs
}

// unbounded adds what macros and lints are taken to read: files of the package or the workspace, the manifests and lock files in and above it, the
// variables' files that lie there where macros read far, and for clippy its settings.
func (g *gathering) unbounded() error {
	if g.d.pkg == "" {
		return nil
	}
	for _, t := range g.d.trees {
		now, declined := treeFiles(t.root, t.skip, g.files)
		if declined != nil {
			return declined
		}
		if !slices.Equal(now, t.files) {
			return compile.Refuse(compile.ReasonInputChanged, "files of "+t.root)
		}
		for _, path := range now {
			if !strings.HasSuffix(path, "/") {
				g.add(path)
			}
		}
	}
	names := []string{"Cargo.toml", "Cargo.lock"}
	if g.d.reach == reachWorkspace {
		names = append(names, ".env")
	}
	if g.d.clippy {
		names = append(names, "clippy.toml", ".clippy.toml")
	}
	dirs := append(parents(g.d.pkg), g.rootNamed()...)
	if conf, ok := g.c.Getenv("CLIPPY_CONF_DIR"); ok && g.d.clippy {
		dirs = append(dirs, parents(frontend.Absolute(g.c.Dir, conf))...)
	}
	done := map[string]bool{}
	for _, dir := range append(dirs, "/") {
		if done[dir] {
			continue
		}
		done[dir] = true
		for _, name := range names {
			if g.absent(dir, name) != "" {
				g.add(filepath.Join(dir, name))
			}
		}
	}
	return nil
}

// cargoLints are the names of clippy's lints that run cargo, and so read manifests anywhere in the workspace.
var cargoLints = regexp.MustCompile(`clippy::(cargo|cargo_common_metadata|multiple_crate_versions|negative_feature_names|redundant_feature_names|` +
	`wildcard_dependencies|lint_groups_priority)\b`)

// cargoLints refuses calls of clippy that may run cargo.
func (g *gathering) cargoLints(sources []string) error {
	if !g.d.clippy {
		return nil
	}
	args, _ := g.c.Getenv("CLIPPY_ARGS")
	texts := [][]byte{[]byte(strings.Join(g.c.Args, " ") + " " + args)}
	for _, path := range sources {
		text, _, err := g.files.Read(path, maxSource)
		if err != nil {
			return compile.Refuse(compile.ReasonInput, err.Error())
		}
		texts = append(texts, text)
	}
	for _, text := range texts {
		if lint := cargoLints.Find(text); lint != nil {
			return compile.Refuse(compile.ReasonOption, string(lint))
		}
	}
	return nil
}
