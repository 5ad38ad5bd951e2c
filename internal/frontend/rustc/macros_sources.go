package rustc

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// What a macro was made of, cargo's dep-info beside its library names. Two things are looked for there.
//
// A library without names of functions (strip = true) shows by its imports what it could do; but each macro can open, read, write and stat files,
// since a panic reads some and prints. Whether it puts times of files into what it makes, or writes files, as macros do that export types to other
// languages, its sources tell. Those of the crates that it was made of are not known.
//
// And a macro may read what lies beside its own source, wherever it is used.

// beyondFiles is how sources do what no key covers and no import shows.
var beyondFiles = regexp.MustCompile(`\.(?:modified|accessed|created|permissions)\s*\(|\b(?:st_)?[acm]time(?:_nsec)?\s*\(|\b(?:SystemTime|FileTime|PermissionsExt|MetadataExt|OpenOptions)\b|` +
	`\benv\s*::\s*(?:args|args_os|current_exe)\b|\bstdin\s*\(|\bfs\s*::\s*write\b|\bFile\s*::\s*(?:create|create_new|options)\b|\basm\s*!`)

// beyond returns what the sources of a macro without names of functions do beyond reading files, "" for nothing.
func (p *parser) beyond(macro string) string {
	d, err := p.files.Digest(macro)
	if err != nil {
		return err.Error()
	}
	if known, ok := p.f.stripped.Get(d); ok {
		return strings.Join(known, "")
	}
	sources, err := p.sourcesOf(macro)
	if err != nil {
		return "without names of functions, and its sources are not known"
	}
	for _, path := range sources {
		text, _, err := p.files.Read(path, maxSource)
		if err != nil {
			return err.Error()
		}
		if word := beyondFiles.Find(text); word != nil {
			what := "without names of functions, and " + filepath.Base(path) + " has " + string(word)
			p.f.stripped.Set(d, []string{what})
			return what
		}
	}
	p.f.stripped.Set(d, nil)
	return ""
}

// sourcesOf returns what a macro was made of, as the dep-info beside it says.
func (p *parser) sourcesOf(macro string) ([]string, error) {
	base := filepath.Base(macro)
	list := strings.TrimPrefix(strings.TrimSuffix(base, filepath.Ext(base)), "lib") + ".d"
	text, _, err := p.files.Read(filepath.Join(filepath.Dir(macro), list), maxDepInfo)
	if err != nil {
		return nil, err
	}
	said, err := parseDepInfo(text)
	if err != nil {
		return nil, err
	}
	sources := make([]string, len(said.paths))
	for i, path := range said.paths {
		sources[i] = frontend.Absolute(p.inv.Dir, path)
	}
	return sources, nil
}

// ownTrees counts the packages of macros that read files and lie elsewhere than what they are used in. By env!("CARGO_MANIFEST_DIR") in its own source a
// macro finds its templates there.
func (p *parser) ownTrees() *compile.Decline {
	for _, r := range p.readers {
		if r.reach != reachWorkspace {
			continue
		}
		sources, err := p.sourcesOf(r.path)
		if err != nil {
			return compile.Refuse(compile.ReasonMacro, r.name+": reads files, and its package is not known: "+err.Error())
		}
		own := ""
		for _, dir := range parents(filepath.Dir(sources[0])) {
			if p.files.Exists(dir, "Cargo.toml") {
				own = dir
				break
			}
		}
		counted := func(t tree) bool { return isBelow(own, t.root) && (t.skip == "" || !isBelow(own, t.skip)) }
		if own == "" || fetched(own, p.cargoHome()) || slices.ContainsFunc(p.det.trees, counted) {
			continue
		}
		if d := p.tree("macro "+r.name, own); d != nil {
			return d
		}
	}
	return nil
}
