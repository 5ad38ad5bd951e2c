package rustc

import (
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// directive is how assembly (asm!, global_asm!) reads a file. rustc hands it to LLVM, and dep-info tells nothing of what that reads. The
// text may stand in a source, a file that is included, a macro of another crate or a generic function of it.
var directive = regexp.MustCompile(`\.(?:incbin\b|include\s*\\?["'])`)

// assembly refuses compiles that may read files by assembly.
func (g *gathering) assembly(f *Frontend, sources []string) error {
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
		found, err := f.assemblers.of(path, g.files.Digest, g.files.Read)
		if err != nil || found {
			return refuse(filepath.Base(path), err)
		}
	}
	return nil
}

// assemblerMemory remembers which crates hold a directive, by content. Beyond maxCrates all are forgotten.
type assemblerMemory struct {
	mu    sync.Mutex // guards known
	known map[digest.Digest]bool
}

// of reports whether the crate at path holds a directive.
func (m *assemblerMemory) of(path string, contentOf func(string) (digest.Digest, error), read func(string, int64) ([]byte, digest.Digest, error)) (bool, error) {
	d, err := contentOf(path)
	if err != nil {
		return false, err
	}
	m.mu.Lock()
	found, ok := m.known[d]
	m.mu.Unlock()
	if ok {
		return found, nil
	}
	content, d, err := read(path, maxCrate)
	if err != nil {
		return false, err
	}
	found = directive.Match(content)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) >= maxCrates {
		m.known = make(map[digest.Digest]bool)
	}
	m.known[d] = found
	return found, nil
}
