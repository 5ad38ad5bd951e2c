package rustc

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// answer is what a compiler says of itself.
type answer struct {
	sysroot string
	host    string
	version string // for people: the content says more
}

// answerMemory remembers answers by the program and all that it loads. cargo calls one compiler with several values of LD_LIBRARY_PATH,
// which mostly lead to the same libraries; then only the loader is asked anew. Beyond maxChains all are forgotten.
type answerMemory struct {
	mu    sync.Mutex // guards known
	known map[digest.Key]answer
}

func (m *answerMemory) get(k digest.Key) (answer, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.known[k]
	return a, ok
}

func (m *answerMemory) put(k digest.Key, a answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) >= maxChains {
		m.known = make(map[digest.Key]answer)
	}
	m.known[k] = a
}

// whereOnce is where for a program whose files are known. What is loaded by other ways is not: then it asks each time.
func (p *probe) whereOnce() error {
	for _, name := range []string{"LD_PRELOAD", "LD_AUDIT"} {
		if _, ok := p.c.Getenv(name); ok {
			return p.where()
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", p.c.Kind, p.c.Program)
	for _, f := range p.tc.Files {
		// A compiler finds its sysroot from where its libraries really lie.
		real, err := filepath.EvalSymlinks(f.Path)
		if err != nil {
			return p.refuse("%v", err)
		}
		fmt.Fprintf(&b, "%s %s %s\n", f.Role, real, f.Digest)
	}
	k := digest.KeyOf([]byte(b.String()))
	if known, ok := p.f.answers.get(k); ok {
		p.answer = known
		return nil
	}
	if err := p.where(); err != nil {
		return err
	}
	p.f.answers.put(k, p.answer)
	return nil
}
