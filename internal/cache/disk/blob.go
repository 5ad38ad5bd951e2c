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
	right, known := s.verified.Get(n.sum)
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
		s.verified.Set(n.sum, st)
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
		s.verified.Set(d.Sum(), st)
	}
	return nil
}

// copyVerified copies exactly the bytes that d names. A reader that knows the digest of what it gives is taken at its word.
func (s *Store) copyVerified(ctx context.Context, to *os.File, from io.Reader, d digest.Digest) error {
	out := &blobWriter{ctx: ctx, files: s.files, to: to, left: d.Size(), size: d.Size()}
	hashed, known := from.(cache.Hashed)
	if !known {
		out.hash = digest.NewHasher()
		from = struct{ io.Reader }{from} // without *os.File's WriteTo, whose own buffer is smaller
	}
	buf := buffers.Get().(*[128 << 10]byte)
	defer buffers.Put(buf)
	// What lies in memory has a WriteTo, and is written with one call.
	if _, err := io.CopyBuffer(out, from, buf[:]); err != nil {
		return err
	}
	var got digest.Digest
	if known {
		got, known = hashed.Digest()
		if !known {
			return errors.New("its reader does not know the digest of the content")
		}
	} else {
		got = out.hash.Digest()
	}
	if got != d || out.left != 0 {
		return fmt.Errorf("content is %v, %d bytes short", got, out.left)
	}
	return nil
}

// blobWriter writes at most size bytes to a file, and hashes them where hash is not nil.
type blobWriter struct {
	ctx   context.Context
	files files
	to    *os.File
	hash  *digest.Hasher
	left  int64
	size  int64
}

func (w *blobWriter) Write(b []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	if w.left -= int64(len(b)); w.left < 0 {
		return 0, fmt.Errorf("content is longer than %d bytes", w.size)
	}
	if w.hash != nil {
		_, _ = w.hash.Write(b)
	}
	if err := w.files.write(w.to, b); err != nil {
		return 0, err
	}
	return len(b), nil
}
