package rustc

import (
	"path/filepath"
	"regexp"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// A library without names of functions (strip = true) shows by its imports what it could do; but each macro can open, read, write and stat files,
// since a panic reads some and prints. Whether it puts times of files into what it makes, or writes files, as macros do that export types to other
// languages, is then looked for in its sources, which cargo's dep-info beside it names. Those of the crates that it was made of are not known.

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
	base := filepath.Base(macro)
	list := strings.TrimPrefix(strings.TrimSuffix(base, filepath.Ext(base)), "lib") + ".d"
	text, _, err := p.files.Read(filepath.Join(filepath.Dir(macro), list), maxDepInfo)
	if err != nil {
		return "without names of functions, and its sources are not known"
	}
	said, err := parseDepInfo(text)
	if err != nil {
		return err.Error()
	}
	for _, path := range said.paths {
		text, _, err := p.files.Read(frontend.Absolute(p.inv.Dir, path), maxSource)
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
