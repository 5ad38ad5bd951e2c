package rustc

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// chainKey names a question: which compiler, for which target, with which libraries.
type chainKey struct {
	program  digest.Digest
	dev, ino uint64
	rest     string
}

// with returns the key of what is asked besides.
func (k chainKey) with(more string) chainKey {
	k.rest += more
	return k
}

func chainKeyOf(c *compile.Compilation, files frontend.Files) (chainKey, error) {
	fi, err := files.Stat(c.Program)
	if err != nil {
		return chainKey{}, compile.Refuse(compile.ReasonCompiler, c.Program)
	}
	program, err := files.ToolDigest(c.Program)
	if err != nil {
		return chainKey{}, compile.Refuse(compile.ReasonCompiler, c.Program)
	}
	rest := c.Program + "\x00" + c.Detail.(*detail).target + whereLies(c.Program, files)
	for _, name := range []string{"LD_LIBRARY_PATH", "LD_PRELOAD", "LD_AUDIT"} {
		value, ok := c.Getenv(name)
		rest += fmt.Sprintf("\x00%t%s", ok, value)
		for element := range strings.SplitSeq(value, ":") {
			if ok && !strings.HasPrefix(element, "/") {
				rest += "\x00" + c.Dir
			}
		}
	}
	return chainKey{program, fi.Dev, fi.Ino, rest}, nil
}

// knownChain is an answer and what it rests on.
type knownChain struct {
	toolchain *compile.Toolchain
	answer
	files    []watched // those of the toolchain, and the loader's settings
	absent   []place
	listings []listing
	leads    []lead

	compiler *knownChain      // what a chain that links adds to
	refused  *compile.Decline // why such a one cannot be used
}

// refusal returns refused as an error that is nil where there is none.
func (k *knownChain) refusal() error {
	if k.refused != nil {
		return k.refused
	}
	return nil
}

type watched struct {
	path   string
	digest digest.Digest
}

type place struct{ dir, name string }

// listing is the part of a directory's names that have an ending.
type listing struct {
	dir, suffix string
	names       []string
}

func (l *listing) read(files frontend.Files) ([]string, error) {
	all, err := files.Names(l.dir)
	if err != nil || l.suffix == "" {
		return all, err
	}
	var names []string
	for _, name := range all {
		if strings.HasSuffix(name, l.suffix) {
			names = append(names, name)
		}
	}
	return names, nil
}

// current reports whether everything the answer rests on is as it was.
func (k *knownChain) current(files frontend.Files) bool {
	for _, w := range k.files {
		if d, err := files.ToolDigest(w.path); err != nil || d != w.digest {
			return false
		}
	}
	for _, p := range k.absent {
		if files.Exists(p.dir, p.name) {
			return false
		}
	}
	if !k.leadsAsBefore() {
		return false
	}
	for _, l := range k.listings {
		if names, err := l.read(files); err != nil || !slices.Equal(names, l.names) {
			return false
		}
	}
	return true
}

// chainMemory remembers answers. Beyond maxChains all are forgotten: a build has a handful, and one more for each directory of libraries
// that build scripts name.
type chainMemory struct {
	mu     sync.Mutex // guards what follows
	known  map[chainKey]*knownChain
	asking map[chainKey]chan struct{} // closed when who asks has the answer, or none
}

const maxChains = 256

// begin returns nil to the one who is to find out what key stands for, and must call end, and to the others what to wait for.
func (m *chainMemory) begin(key chainKey) <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if other := m.asking[key]; other != nil {
		return other
	}
	if m.asking == nil {
		m.asking = make(map[chainKey]chan struct{})
	}
	m.asking[key] = make(chan struct{})
	return nil
}

func (m *chainMemory) end(key chainKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.asking[key])
	delete(m.asking, key)
}

func (m *chainMemory) get(key chainKey) *knownChain {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.known[key]
}

func (m *chainMemory) put(key chainKey, known *knownChain) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) >= maxChains {
		m.known = make(map[chainKey]*knownChain)
	}
	m.known[key] = known
}
