package engine

import (
	"io"
	"os"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// scanKey names a search for the text of roots in a content.
type scanKey struct {
	content digest.Digest
	roots   string
}

// maxScans bounds the scans that are remembered, of which a build has some for each output.
const maxScans = 50_000

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
	if found, ok := c.scans.Get(k); ok {
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
		c.scans.Set(k, found)
	}
	return found, nil
}
