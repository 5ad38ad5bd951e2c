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

func (m *answerMemory) any() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.known) > 0
}

func (m *answerMemory) put(k digest.Key, a answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) >= maxChains {
		m.known = make(map[digest.Key]answer)
	}
	m.known[k] = a
}

// whereFirst asks before the compiler's files are hashed, which takes long in a new daemon, where no answer is known that would do. It
// reports whether it did.
func (p *probe) whereFirst() (asked bool, err error) {
	if _, err := interpreterOf(p.c.Program); err != nil || p.f.answers.any() {
		return false, nil
	}
	return true, p.where()
}

// whereOnce is where for a program whose files are known. What is loaded by other ways is not: then it asks each time. asked says that it
// has been asked already.
func (p *probe) whereOnce(asked bool) error {
	for _, name := range []string{"LD_PRELOAD", "LD_AUDIT"} {
		if _, ok := p.c.Getenv(name); ok {
			if asked {
				return nil
			}
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
	if !asked {
		if known, ok := p.f.answers.get(k); ok {
			p.answer = known
			return nil
		}
		if err := p.where(); err != nil {
			return err
		}
	}
	p.f.answers.put(k, p.answer)
	return nil
}
