package dir

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
)

const (
	temporaryPrefix = "~put-"
	leftoverAge     = 24 * time.Hour // no upload of a living writer takes as long
)

// pending is an object that is being written, or the answer that it is there.
type pending struct {
	root    *os.Root
	file    *os.File
	name    string // of the temporary file
	existed bool
	time    time.Time // where it existed
}

// discard gives up the temporary file. Where even removing fails, a later Put removes it.
func (p *pending) discard() {
	if p.file != nil {
		p.file.Close()
		p.root.Remove(p.name)
	}
}

// Put implements objects.Store.
func (s *Store) Put(ctx context.Context, name string, body io.ReadSeeker, size int64, sum [32]byte) (objects.Stored, error) {
	if err := objects.CheckName(name); err != nil {
		return objects.Stored{}, s.refuse("put", "", "InvalidName", "%v", err)
	}
	if s.readOnly {
		return objects.Stored{}, &objects.Error{
			Kind: objects.Denied, Operation: "put", Place: s.String(), Name: name, Code: "ReadOnly", Message: "opened for reading only",
		}
	}
	p, err := await(ctx, s, func() (*pending, error) { return s.begin(name) }, (*pending).discard)
	if err != nil {
		return objects.Stored{}, s.failure("put", name, err)
	}
	if p.existed {
		return objects.Stored{Time: p.time, Existed: true}, nil
	}
	if err := s.fill(ctx, p, name, body, size, sum); err != nil {
		s.settle(ctx, p.discard)
		return objects.Stored{}, s.failure("put", name, err)
	}
	stored, err := await(ctx, s, func() (objects.Stored, error) { return s.finish(p, name, size) }, nil)
	if err != nil {
		return objects.Stored{}, s.failure("put", name, err)
	}
	return stored, nil
}

// begin makes the temporary file, unless the object is there.
func (s *Store) begin(name string) (*pending, error) {
	root, err := s.opened()
	if err != nil {
		return nil, err
	}
	dir := path.Dir(name)
	there, err := exists(root, name)
	if err != nil {
		return nil, err
	}
	if there {
		return &pending{existed: true, time: s.now(root, dir)}, nil
	}
	p := &pending{root: root, name: temporaryName(dir)}
	p.file, err = root.OpenFile(p.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrNotExist) {
		if err = root.MkdirAll(dir, 0o777); err == nil {
			p.file, err = root.OpenFile(p.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		}
	}
	return p, err
}

func temporaryName(dir string) string { return path.Join(dir, temporaryPrefix+rand.Text()) }

// exists reports whether there is an object of a name; errNotRegular where something else is.
func exists(root *os.Root, name string) (bool, error) {
	info, err := root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case !info.Mode().IsRegular():
		return false, errNotRegular
	}
	return true, nil
}

// fill writes the body to the temporary file. The body is read by the caller's goroutine, so never after Put has returned.
func (s *Store) fill(ctx context.Context, p *pending, name string, body io.ReadSeeker, size int64, sum [32]byte) error {
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return bodyError{err}
	}
	hash := sha256.New()
	buffer := make([]byte, min(max(size, 1), chunk))
	for left := size; ; {
		n, err := io.ReadFull(body, buffer)
		if err == io.EOF {
			if left != 0 || [32]byte(hash.Sum(nil)) != sum {
				return s.refuse("put", name, "BadDigest", "the body is not what its size and sum say")
			}
			return nil
		}
		if err != nil && (err != io.ErrUnexpectedEOF || n == 0) {
			return bodyError{err}
		}
		if left -= int64(n); left < 0 {
			return s.refuse("put", name, "BadDigest", "the body has more than the %d bytes that were said", size)
		}
		hash.Write(buffer[:n])
		if _, err := await(ctx, s, func() (int, error) { return p.file.Write(buffer[:n]) }, nil); err != nil {
			return err
		}
	}
}

// bodyError is a failure of what is put, not of where it is put.
type bodyError struct{ error }

func (e bodyError) Unwrap() error { return e.error }

// finish gives the object its name. The bytes must be on the disk before: a name that outlives a power failure without them would be
// wrong for ever.
func (s *Store) finish(p *pending, name string, size int64) (objects.Stored, error) {
	defer p.root.Remove(p.name)
	if err := errors.Join(p.file.Sync(), p.file.Close()); err != nil {
		return objects.Stored{}, err
	}
	info, err := p.root.Lstat(p.name)
	if err != nil {
		return objects.Stored{}, err
	}
	if info.Size() != size {
		return objects.Stored{}, fmt.Errorf("%d bytes were written and the file has %d: %w", size, info.Size(), io.ErrShortWrite)
	}
	existed, err := s.publish(p.root, p.name, name)
	if err != nil {
		return objects.Stored{}, err
	}
	s.clean(p.root, path.Dir(name), info.ModTime())
	return objects.Stored{Time: info.ModTime(), Existed: existed}, nil
}

// publish gives the file old the object's name, unless there is one.
func (s *Store) publish(root *os.Root, old, name string) (existed bool, err error) {
	linked := s.link(root, old, name)
	if linked == nil {
		return false, nil
	}
	// NFS repeats a request whose answer was lost, and then the name is taken: by this very file.
	a, errA := root.Lstat(old)
	b, errB := root.Lstat(name)
	if errA == nil && errB == nil && os.SameFile(a, b) {
		return false, nil
	}
	if errors.Is(linked, fs.ErrExist) {
		_, err := exists(root, name)
		return true, err
	}
	err = s.exclude(root, path.Dir(old), path.Base(old), path.Base(name))
	switch {
	case errors.Is(err, fs.ErrExist):
		_, err := exists(root, name)
		return true, err
	case !errors.Is(err, errors.ErrUnsupported):
		return false, err
	case !errors.Is(linked, errors.ErrUnsupported) && !errors.Is(linked, fs.ErrPermission) && !noLinks(linked):
		return false, linked // not for want of hard links
	}
	if there, err := exists(root, name); there || err != nil {
		return there, err
	}
	return false, root.Rename(old, name)
}

// clean removes what killed writers left in a directory, once in a Store's life: it reads the whole of it.
func (s *Store) clean(root *os.Root, dir string, now time.Time) {
	if _, done := s.cleaned.LoadOrStore(dir, true); done {
		return
	}
	d, err := root.Open(dir)
	if err != nil {
		return
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	for _, n := range names {
		if !strings.HasPrefix(n, temporaryPrefix) {
			continue
		}
		left := path.Join(dir, n)
		if info, err := root.Lstat(left); err == nil && info.Mode().IsRegular() && now.Sub(info.ModTime()) > leftoverAge {
			root.Remove(left)
		}
	}
}

// now is the time of the file system's clock, as the package's doc says, for what lies in dir.
func (s *Store) now(root *os.Root, dir string) time.Time {
	var newest time.Time // before the probe, which changes the directory
	for d := dir; ; d = path.Dir(d) {
		if info, err := root.Stat(d); err == nil && info.ModTime().After(newest) {
			newest = info.ModTime()
		}
		if d == "." {
			break
		}
	}
	if s.readOnly {
		return newest
	}
	for _, d := range []string{dir, "."} {
		name := temporaryName(d)
		f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err != nil {
			continue
		}
		f.Close()
		info, err := root.Lstat(name)
		root.Remove(name)
		if err == nil {
			return info.ModTime()
		}
	}
	return newest
}
