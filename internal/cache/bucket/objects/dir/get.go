package dir

import (
	"context"
	"io"
	"os"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
)

// chunk is how much is read or written at once: large enough that a goroutine for each does not count.
const chunk = 256 << 10

// Get implements objects.Store.
func (s *Store) Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if err := objects.CheckName(name); err != nil {
		return nil, s.refuse("get", "", "InvalidName", "%v", err)
	}
	type found struct {
		file *os.File
		size int64
	}
	f, err := await(ctx, s, func() (found, error) {
		file, size, err := s.open(name)
		return found{file, size}, err
	}, func(f found) { f.file.Close() })
	if err != nil {
		return nil, s.failure("get", name, err)
	}
	if offset < 0 || offset > f.size || length > f.size-offset {
		s.settle(ctx, func() { f.file.Close() })
		return nil, s.refuse("get", name, "InvalidRange", "%d bytes from %d on are asked of %d", length, offset, f.size)
	}
	if length < 0 {
		length = f.size - offset
	}
	return &body{ctx: ctx, store: s, name: name, file: f.file, at: offset, left: length}, nil
}

// open opens an object for reading. Never through a link, and a pipe in its place does not block: what is there is looked at first,
// and what was opened must be that.
func (s *Store) open(name string) (*os.File, int64, error) {
	root, err := s.opened()
	if err != nil {
		return nil, 0, err
	}
	seen, err := root.Lstat(name)
	if err != nil {
		return nil, 0, err
	}
	if !seen.Mode().IsRegular() {
		return nil, 0, errNotRegular
	}
	file, err := root.OpenFile(name, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err == nil && !os.SameFile(seen, info) {
		err = errNotRegular
	}
	if err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, info.Size(), nil
}

// body reads a range of a file.
type body struct {
	ctx   context.Context
	store *Store
	name  string
	file  *os.File // nil when closed, or left to the goroutine that is still in the kernel
	at    int64    // of what comes after ready
	left  int64    // bytes to come after ready
	ready []byte
	err   error // sticky
}

func (b *body) Read(p []byte) (int, error) {
	switch {
	case b.err != nil:
		return 0, b.err
	case len(p) == 0:
		return 0, nil
	case len(b.ready) == 0 && b.left == 0:
		return 0, io.EOF
	case b.file == nil:
		return 0, os.ErrClosed
	case len(b.ready) == 0:
		if b.err = b.fill(); b.err != nil {
			return 0, b.err
		}
	}
	n := copy(p, b.ready)
	b.ready = b.ready[n:]
	return n, nil
}

// fill reads the next chunk. Its memory is not used again: whoever gives up leaves it to the kernel.
func (b *body) fill() error {
	file, at, next := b.file, b.at, make([]byte, min(b.left, chunk))
	n, err := await(b.ctx, b.store, func() (int, error) {
		n, err := file.ReadAt(next, at)
		if n == len(next) || err == io.EOF {
			err = nil
		}
		return n, err
	}, nil)
	switch {
	case b.ctx.Err() != nil && err != nil:
		b.file = nil
		go file.Close() // waits for the read where it must
		return b.store.failure("get", b.name, err)
	case err != nil:
		return b.store.failure("get", b.name, err)
	case n < len(next):
		return b.store.refuse("get", b.name, "Shortened", "the file became shorter: it ends at %d", at+int64(n))
	}
	b.ready, b.at, b.left = next, at+int64(n), b.left-int64(n)
	return nil
}

func (b *body) Close() error {
	file := b.file
	b.file = nil
	if file == nil {
		return nil
	}
	return file.Close()
}
