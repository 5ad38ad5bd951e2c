package rustc

import (
	"path/filepath"
	"regexp"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// directive is how assembly (asm!, global_asm!) reads a file. rustc hands it to LLVM, and dep-info tells nothing of what that reads. The
// text may stand in a source, a file that is included, a macro of another crate or a generic function of it. LLVM takes directives in
// upper case too, and what stands before the name may be written as an escape: ".include\t\"a.s\"".
var directive = regexp.MustCompile(`(?i)\.(?:incbin\b|include\s*[\\"'/])`)

// assembly refuses compiles that may read files by assembly.
func (g *gathering) assembly(sources []string) error {
	refuse := func(path string, err error) error {
		if err != nil {
			return compile.Refuse(compile.ReasonInput, err.Error())
		}
		return compile.Refuse(compile.ReasonDirective, path+" may hold assembly that reads files")
	}
	for _, path := range sources {
		text, _, err := g.files.Read(path, maxSource)
		if err != nil || directive.Match(text) {
			return refuse(path, err)
		}
	}
	metadata := map[string]bool{}
	for _, path := range g.d.crates {
		if stem, ok := strings.CutSuffix(path, ".rmeta"); ok {
			metadata[stem] = true
		}
	}
	for _, path := range g.d.crates {
		if stem, ok := strings.CutSuffix(path, ".rlib"); ok && metadata[stem] {
			continue // the same, and machine code besides
		}
		found, err := g.directives(path)
		if err != nil || len(found) > 0 {
			return refuse(filepath.Base(path), err)
		}
	}
	return nil
}

// directives returns a directive that a crate holds, or none.
func (g *gathering) directives(path string) ([]string, error) {
	d, err := g.files.Digest(path)
	if err != nil {
		return nil, err
	}
	if known, ok := g.f.holding.Get(d); ok {
		return known, nil
	}
	content, d, err := g.files.Read(path, maxCrate)
	if err != nil {
		return nil, err
	}
	var found []string
	if m := directive.Find(content); m != nil {
		found = []string{string(m)}
	}
	g.f.holding.Set(d, found)
	return found, nil
}
