package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// restore puts a result's outputs where the invocation wants them. All blobs are opened before the first file is
// touched; an error leaves no half-written output behind, so that the compiler can be run instead.
func (c *call) restore(ctx context.Context, r *compile.Result) (*Replay, error) {
	replay := &Replay{Status: r.Status}
	var err error
	if replay.Stdout, err = c.roots.Expand(r.Stdout); err != nil {
		return nil, err
	}
	if replay.Stderr, err = c.roots.Expand(r.Stderr); err != nil {
		return nil, err
	}
	sources := make([]io.ReadCloser, len(r.Outputs))
	targets := make([]compile.Output, len(r.Outputs))
	defer func() {
		for _, s := range sources {
			if s != nil {
				s.Close()
			}
		}
	}()
	for i, stored := range r.Outputs {
		if targets[i], err = c.target(stored.Role); err != nil {
			return nil, err
		}
	}
	var missing error
	for i, stored := range r.Outputs {
		// After a failure the others are tried all the same: what is corrupt is put aside now, not one blob at each compile.
		if sources[i], err = c.open(ctx, stored); err != nil && missing == nil {
			missing = err
		}
	}
	if missing != nil {
		return nil, missing
	}
	flight := c.inFlight.enter(c.view, c.comp.Outputs)
	defer flight.leave()
	if err := c.placeAll(r, targets, sources, replay); err != nil {
		return nil, err
	}
	return replay, nil
}

func (c *call) target(role string) (compile.Output, error) {
	for _, o := range c.comp.Outputs {
		if o.Role == role {
			return o, nil
		}
	}
	return compile.Output{}, fmt.Errorf("the compilation has no output %q", role)
}

// open returns a blob: a local file, which its store has verified, or, where it has no file of it, a stream that is verified while
// it is read.
func (c *call) open(ctx context.Context, stored compile.StoredOutput) (io.ReadCloser, error) {
	if fo, ok := c.Store.(cache.FileOpener); ok {
		f, err := fo.OpenFile(ctx, stored.Blob)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, cache.ErrNotFound) {
			return nil, err
		}
	}
	r, err := c.Store.Open(ctx, stored.Blob)
	if err != nil {
		return nil, err
	}
	return cache.Verify(r, stored.Blob), nil
}

var copyBuffers = sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}

// place writes one output as its compiler would: into a file that is there already it keeps the mode, where the compiler
// does. The old file is removed first, so that no other link to it sees the new bytes, and a reader of the old one
// is not disturbed. There is no temporary file: renaming over an old object costs ext4 a flush (0.25 ms), and a compiler
// that is killed leaves half a file as well.
func (c *call) place(o compile.Output, stored compile.StoredOutput, from io.Reader) error {
	mode, kept := permissions(stored.Mode, c.inv.Umask), false
	if old, err := os.Lstat(o.Path); err == nil {
		if !old.Mode().IsRegular() {
			return fmt.Errorf("%s is not a regular file", o.Path)
		}
		if old.Mode().Perm()&0o222 == 0 {
			return fmt.Errorf("%s is read-only", o.Path) // rustc refuses to replace it, also for root; gcc does not
		}
		if !o.Replaced {
			mode, kept = old.Mode().Perm(), true
		}
		if err := os.Remove(o.Path); err != nil {
			return err
		}
	}
	f, err := createFile(o.Path, stored.Mode)
	if err != nil {
		return err
	}
	// The mode comes first: should this process be killed here, the compiler that then runs may keep the file, and with it the mode.
	// Where the directory has a default ACL no umask counts, and the file has got from it what the compiler's would.
	if kept || !hasACL(f.Fd()) {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = c.fill(f, stored, from)
	}
	if err == nil && !stored.Text {
		c.State.Learn(f.Fd(), o.Path, stored.Blob)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		_ = os.Remove(o.Path)
	}
	return err
}

func (c *call) fill(f output, stored compile.StoredOutput, from io.Reader) error {
	if stored.Text {
		template, err := io.ReadAll(io.LimitReader(from, maxTemplate+1))
		if err != nil {
			return err
		}
		if len(template) > maxTemplate {
			return fmt.Errorf("%s is larger than %d bytes", stored.Role, maxTemplate)
		}
		text, err := c.roots.Expand(template)
		if err != nil {
			return err
		}
		_, err = f.Write(text)
		return err
	}
	if stored.Blob.Size() >= cloneFrom && clone(f, from) {
		return nil
	}
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	n, err := io.CopyBuffer(onlyWriter{f}, onlyReader{from}, *buf)
	if err == nil && n != stored.Blob.Size() {
		err = fmt.Errorf("%s: %d bytes instead of %d", stored.Role, n, stored.Blob.Size())
	}
	return err
}

// output is a new file. os.File would do, but asks the kernel four more questions per file.
type output interface {
	io.Writer
	Fd() uintptr
	Chmod(os.FileMode) error
	Close() error
}

// maxTemplate bounds a text output.
const maxTemplate = 64 << 20

// cloneFrom is the size from which sharing the store's blocks is tried: below, a read and a write are cheaper.
const cloneFrom = 128 << 10

// onlyWriter and onlyReader hide that files can copy between each other in the kernel: for the usual sizes one read and
// one write of our own cost less than the two system calls that find out whether the kernel can.
type onlyWriter struct{ io.Writer }
type onlyReader struct{ io.Reader }
