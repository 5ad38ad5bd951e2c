package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// buffers hold what is copied or hashed.
var buffers = sync.Pool{New: func() any { return new([128 << 10]byte) }}

// Open implements cache.Store. The blob is verified before it is returned.
func (s *Store) Open(ctx context.Context, d digest.Digest) (io.ReadCloser, error) {
	f, err := s.OpenFile(ctx, d)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// OpenFile implements cache.FileOpener. A blob is hashed when this process first opens it, and again only when its
// file's state has changed since; what this process put was hashed while it was written.
func (s *Store) OpenFile(ctx context.Context, d digest.Digest) (cache.File, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n := blobName(d)
	path := s.path(n)
	right, known := s.verified.get(n.sum)
	f, st, err := s.files.open(path)
	if err != nil {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, cache.ErrNotFound
		case errors.Is(err, errNotRegular):
			return nil, s.corrupt(path, n.label(), state{}, err)
		}
		return nil, fmt.Errorf("open %s: %w", n.label(), err)
	}
	if !known || st != right || st.size != d.Size() {
		if err := s.verify(ctx, f, st, d, path); err != nil {
			f.Close()
			return nil, err
		}
		s.verified.put(n.sum, st)
	}
	s.uses.mark(n, s.now())
	return f, nil
}

// Missing implements cache.Missing. It goes by name and size; what lies there is verified when it is opened.
func (s *Store) Missing(d digest.Digest) bool {
	fi, err := os.Lstat(s.path(blobName(d)))
	return err != nil || !fi.Mode().IsRegular() || fi.Size() != d.Size()
}

// verify hashes an open blob and leaves it positioned at its start.
func (s *Store) verify(ctx context.Context, f *os.File, st state, d digest.Digest, path string) error {
	buf := buffers.Get().(*[128 << 10]byte)
	defer buffers.Put(buf)
	h := digest.NewHasher()
	for offset := int64(0); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		k, err := f.ReadAt(buf[:], offset)
		h.Write(buf[:k])
		offset += int64(k)
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", blobName(d).label(), err)
		}
	}
	switch got := h.Digest(); {
	case got == d:
		return nil
	case got.Sum() == d.Sum():
		// The file is right; it is the digest that pairs a hash with another content's size, and nothing has that name.
		return cache.ErrNotFound
	default:
		return s.corrupt(path, blobName(d).label(), st, fmt.Errorf("content is %v", got))
	}
}

// Put implements cache.Store.
func (s *Store) Put(ctx context.Context, d digest.Digest, open func() (io.ReadCloser, error)) error {
	n := blobName(d)
	if err := s.refusePut(ctx); err != nil {
		return fmt.Errorf("put %s: %w", n.label(), err)
	}
	path := s.path(n)
	if st, err := stateAt(path, false); err == nil && st.size == d.Size() {
		// What is there may be corrupt: opening it verifies it, at most once, and puts it aside.
		if f, err := s.OpenFile(ctx, d); err == nil {
			return f.Close()
		}
	}
	if s.opts.MaxBytes > 0 && d.Size() > s.opts.MaxBytes {
		return fmt.Errorf("put %s: %d bytes are more than the store may hold", n.label(), d.Size())
	}
	if err := s.writeBlob(ctx, d, path, open); err != nil {
		return s.putFailed(fmt.Errorf("put %s: %w", n.label(), err))
	}
	var change counts
	change.add(kindBlob, 1, footprint(d.Size()))
	s.grown(change)
	return nil
}

func (s *Store) writeBlob(ctx context.Context, d digest.Digest, path string, open func() (io.ReadCloser, error)) (err error) {
	from, err := open()
	if err != nil {
		return err
	}
	defer from.Close()
	t, err := s.files.temporary(s.tmpPath())
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			s.files.discard(t)
		}
	}()
	if err := s.copyVerified(ctx, t, from, d); err != nil {
		return err
	}
	if err := t.Chmod(0o400); err != nil {
		return err
	}
	if err := s.files.close(t); err != nil {
		return err
	}
	written, err := stateAt(t.Name(), false)
	if err != nil {
		return err
	}
	if err := s.files.rename(t.Name(), path); err != nil {
		return err
	}
	// Renaming moved the change time. If the file is another by now, a later open hashes it.
	if st, err := stateAt(path, false); err == nil && st.sameFile(written) {
		s.verified.put(d.Sum(), st)
	}
	return nil
}

// copyVerified copies exactly the bytes that d names.
func (s *Store) copyVerified(ctx context.Context, to *os.File, from io.Reader, d digest.Digest) error {
	if c, ok := from.(*digest.Content); ok && c.Digest() == d {
		return s.files.write(to, c.Bytes())
	}
	buf := buffers.Get().(*[128 << 10]byte)
	defer buffers.Put(buf)
	h := digest.NewHasher()
	left := d.Size()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		k, err := from.Read(buf[:])
		if left -= int64(k); left < 0 {
			return fmt.Errorf("content is longer than %d bytes", d.Size())
		}
		h.Write(buf[:k])
		if k > 0 {
			if err := s.files.write(to, buf[:k]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if got := h.Digest(); got != d {
		return fmt.Errorf("content is %v", got)
	}
	return nil
}
