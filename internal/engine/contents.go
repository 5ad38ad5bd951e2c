package engine

import (
	"io"
	"os"
	"sync"
)

// contents are the outputs of one compile, held in memory between hashing and storing. The memory is used again for later compiles: the
// kernel would clear it, page by page, for each of them.
type contents struct{ held []*[]byte }

var contentBuffers = sync.Pool{New: func() any { return new([]byte) }}

// read returns the size bytes of a file, or as many as there are. They are valid until release.
func (c *contents) read(f *os.File, size int64) ([]byte, error) {
	buf := contentBuffers.Get().(*[]byte)
	c.held = append(c.held, buf)
	if int64(cap(*buf)) < size {
		*buf = make([]byte, size, size+size/4)
	}
	n, err := io.ReadFull(f, (*buf)[:size])
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return (*buf)[:n], err
}

// release gives all back.
func (c *contents) release() {
	for _, buf := range c.held {
		contentBuffers.Put(buf)
	}
	c.held = nil
}
