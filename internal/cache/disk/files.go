package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Op is a kind of file operation, for Options.Before.
type Op string

// The operations that Options.Before sees.
const (
	OpOpen    Op = "open"   // an existing file, for reading
	OpCreate  Op = "create" // a temporary file
	OpWrite   Op = "write"
	OpClose   Op = "close" // a temporary file
	OpRename  Op = "rename"
	OpMkdir   Op = "mkdir"
	OpRemove  Op = "remove"
	OpTouch   Op = "touch"
	OpReadDir Op = "readdir"
)

// errNotRegular says that something else lies where a file of ours should.
var errNotRegular = errors.New("not of the right type")

// files are the file operations of a store. A directory that a write needs is made when the write finds it missing,
// not looked for before each one: it is there all but 256 times.
type files struct {
	before func(op Op, path string) error
}

func (f files) check(op Op, path string) error {
	if f.before == nil {
		return nil
	}
	return f.before(op, path)
}

// temporary makes a new file in dir, 0600.
func (f files) temporary(dir string) (*os.File, error) {
	if err := f.check(OpCreate, dir); err != nil {
		return nil, err
	}
	t, err := os.CreateTemp(dir, "put-*")
	if errors.Is(err, fs.ErrNotExist) {
		if err = f.mkdirAll(dir); err == nil {
			t, err = os.CreateTemp(dir, "put-*")
		}
	}
	return t, err
}

func (f files) write(t *os.File, b []byte) error {
	if err := f.check(OpWrite, t.Name()); err != nil {
		return err
	}
	_, err := t.Write(b)
	return err
}

func (f files) close(t *os.File) error {
	err := f.check(OpClose, t.Name())
	return errors.Join(err, t.Close())
}

// rename puts old in the place of path.
func (f files) rename(old, path string) error {
	if err := f.check(OpRename, path); err != nil {
		return err
	}
	// A directory that was just made is empty, and whoever trims may remove it before the file is there.
	err := os.Rename(old, path)
	for range renames {
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err = f.mkdirAll(filepath.Dir(path)); err == nil {
			err = os.Rename(old, path)
		}
	}
	return err
}

// renames is how often a rename makes its directory.
const renames = 10

func (f files) mkdirAll(dir string) error {
	if err := f.check(OpMkdir, dir); err != nil {
		return err
	}
	return os.MkdirAll(dir, 0o700)
}

func (f files) remove(path string) error {
	if err := f.check(OpRemove, path); err != nil {
		return err
	}
	return os.Remove(path)
}

// touch sets the modification time.
func (f files) touch(path string, t time.Time) error {
	if err := f.check(OpTouch, path); err != nil {
		return err
	}
	return os.Chtimes(path, time.Time{}, t)
}

func (f files) readDir(dir string) ([]fs.DirEntry, error) {
	if err := f.check(OpReadDir, dir); err != nil {
		return nil, err
	}
	return os.ReadDir(dir)
}

// open opens a regular file for reading, never through a link, and returns its state.
func (f files) open(path string) (*os.File, state, error) {
	if err := f.check(OpOpen, path); err != nil {
		return nil, state{}, err
	}
	return openRegular(path)
}

// replace writes a whole small file and renames it into place; mode 0600. Where modified is not zero it becomes the
// file's modification time, once it is in place: a temporary file that seems old is taken for one that was left behind. Where it
// cannot, the time of the write has to do. On failure nothing is left.
func (f files) replace(tmp, path string, b []byte, modified time.Time) (err error) {
	t, err := f.temporary(tmp)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.discard(t)
		}
	}()
	if err := f.write(t, b); err != nil {
		return err
	}
	if err := f.close(t); err != nil {
		return err
	}
	if err := f.rename(t.Name(), path); err != nil {
		return err
	}
	if !modified.IsZero() {
		_ = f.touch(path, modified)
	}
	return nil
}

// discard gives up a temporary file. Where even removing fails, trimming removes it later.
func (f files) discard(t *os.File) {
	t.Close()
	os.Remove(t.Name())
}
