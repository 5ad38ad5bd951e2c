package engine

import (
	"io"
	"os"
	"strings"
	"sync"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// scanKey names a search for the text of roots in a content.
type scanKey struct {
	content digest.Digest
	roots   string
}

// scanMemory remembers which roots were found in which contents: in a build of Rust each library is an input of all that depends
// on it. Beyond maxScans all are forgotten.
type scanMemory struct {
	mu    sync.Mutex // guards known
	known map[scanKey][]string
}

const maxScans = 50_000

func (m *scanMemory) get(k scanKey) ([]string, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found, ok := m.known[k]
	return found, ok
}

func (m *scanMemory) put(k scanKey, found []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) >= maxScans {
		m.known = make(map[scanKey][]string)
	}
	m.known[k] = found
}

func (c *call) scanOf(content digest.Digest) scanKey {
	var b strings.Builder
	for _, r := range c.roots {
		b.WriteString(r.Name)
		b.WriteByte(0)
		b.WriteString(r.Path)
		b.WriteByte(0)
	}
	return scanKey{content, b.String()}
}

// held returns the roots whose text a file holds.
func (c *call) held(path string) ([]string, error) {
	d, err := c.State.Digest(path)
	if err != nil {
		return nil, err
	}
	k := c.scanOf(d)
	if found, ok := c.scans.get(k); ok {
		return found, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	scan := c.roots.NewScanner()
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	if _, err := io.CopyBuffer(scan, onlyReader{f}, *buf); err != nil {
		return nil, err
	}
	found := scan.Found()
	if after, err := c.State.Digest(path); err == nil && after == d {
		c.scans.put(k, found)
	}
	return found, nil
}
