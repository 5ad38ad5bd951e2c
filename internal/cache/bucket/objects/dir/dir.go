// Package dir keeps objects as files of a directory, which many machines may share, over NFS too.
//
// # What it keeps true
//
// The object "v1/a/b" is the regular file v1/a/b below the root, with the object's bytes and nothing else; anybody may copy, list or
// remove it with the tools of every day. It is written to a file ~put-RANDOM in the directory where it will lie, and gets its name by
// link(2), which fails where the name is taken: so it is visible whole or not at all, and the first of two writers wins. No object's
// name has a "~", so what a killed writer leaves is no object; a later Put there removes it once it is a day old.
//
// Where there are no hard links (FAT, some network file systems) the name comes by a rename that replaces nothing, on Linux and
// macOS. Where there is neither, it is looked for and then renamed to: still whole or not at all, but of two writers at the very same
// moment both may believe that they won, and the last one's bytes stay. Nothing is locked, since locks over NFS come and go.
//
// A link, a pipe, a device or a directory under an object's name is an error, never followed and never waited for. Nothing outside of
// the root is reached (os.Root). Modes are 0666 and 0777 less the umask, since a team may share the directory. File systems that fold
// case cannot hold two names that differ only by it. Names that begin with ".nfs" are what NFS calls removed files that are in use;
// they may show in a List for a while.
//
// # Time
//
// The store's clock is that which dates files. A Put's time is the modification time of the file that it wrote. A List's is that of an
// empty file made and removed before it begins, in the directory that the prefix names, or in the root. Who may not write has that of
// the last change that was seen: the newest modification time of the directories from the root to the prefix. That is never after the
// beginning of the list, but may be much earlier.
//
// # What hangs
//
// A mount whose server is gone blocks in the kernel for as long as it likes. Each call waits in a goroutine of its own, so the caller
// goes when ctx ends; at most 16 such goroutines stay behind in one Store, and further calls then wait for one of them.
package dir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
)

// Options are how a directory is used.
type Options struct {
	// ReadOnly: nothing is ever written, not even to know the time. A Put is Denied.
	ReadOnly bool
}

// Store is a directory of objects. Its methods may be called from many goroutines.
type Store struct {
	path     string
	readOnly bool
	slots    chan struct{} // one for each call that is in the kernel
	link     func(root *os.Root, old, new string) error
	exclude  func(root *os.Root, dir, old, new string) error // a rename that replaces nothing

	mu   sync.Mutex
	root *os.Root // guarded by mu; nil until first used

	cleaned sync.Map // directories where this Store has looked for leftovers
}

var _ objects.Store = (*Store)(nil)

// Open returns the store in the directory at an absolute path. Nothing is asked of the file system before the first call: that makes
// the directory where only the last element of its path is missing.
func Open(path string, o Options) (*Store, error) {
	if !filepath.IsAbs(path) {
		return nil, &objects.Error{
			Kind: objects.Unexpected, Operation: "open", Place: path, Message: "the path is not absolute",
			Advice: "name the directory as file:///directory",
		}
	}
	return &Store{
		path: filepath.Clean(path), readOnly: o.ReadOnly, slots: make(chan struct{}, 16),
		link: (*os.Root).Link, exclude: renameExclusive,
	}, nil
}

func (s *Store) String() string { return "file://" + filepath.ToSlash(s.path) }

// Close lets go of the directory. A call after it opens it again.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	root := s.root
	s.root = nil
	if root == nil {
		return nil
	}
	return root.Close()
}

// errNoRoot says that the directory itself is missing, which is not that an object is.
var errNoRoot = errors.New("no such directory")

// opened returns the root, and makes it where it is missing. It may block.
func (s *Store) opened() (*os.Root, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.root != nil {
		return s.root, nil
	}
	info, err := os.Stat(s.path)
	if errors.Is(err, fs.ErrNotExist) && !s.readOnly {
		if err := os.Mkdir(s.path, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, rootError(err)
		}
		info, err = os.Stat(s.path)
	}
	if err != nil {
		return nil, rootError(err)
	}
	if !info.IsDir() { // opening a pipe would block
		return nil, &fs.PathError{Op: "open", Path: s.path, Err: syscall.ENOTDIR}
	}
	s.root, err = os.OpenRoot(s.path)
	return s.root, rootError(err)
}

func rootError(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errNoRoot
	}
	return err
}

// errNotRegular says that something else lies where an object should.
var errNotRegular = errors.New("not a regular file")

// failure is a call's error as package objects wants it.
func (s *Store) failure(operation, name string, err error) error {
	if already := (*objects.Error)(nil); errors.As(err, &already) {
		return err
	}
	if body := (bodyError{}); errors.As(err, &body) {
		return fmt.Errorf("%s %s/%s: read the body: %w", operation, s, name, body.error)
	}
	e := &objects.Error{Operation: operation, Place: s.String(), Name: name, Cause: err}
	verb := "read"
	if operation == "put" {
		verb = "write"
	}
	path := filepath.Join(s.path, filepath.FromSlash(name))
	is := func(errs ...error) bool {
		for _, other := range errs {
			if errors.Is(err, other) {
				return true
			}
		}
		return false
	}
	switch {
	case is(context.Canceled, context.DeadlineExceeded):
		return fmt.Errorf("%s %s/%s: %w", operation, s, name, err)
	case is(errNoRoot):
		e.Kind, e.Code = objects.Absent, "NoSuchDirectory"
		e.Advice = "make the directory " + s.path + ", or mount what should be there"
	case operation == "get" && is(fs.ErrNotExist, syscall.ENOTDIR):
		return fmt.Errorf("get %s/%s: %w", s, name, objects.ErrNotFound)
	case is(fs.ErrNotExist):
		e.Kind, e.Code = objects.Absent, "NoSuchDirectory"
		e.Advice = "something removes directories below " + s.path + " while they are written to"
	case is(errNotRegular):
		e.Kind, e.Code = objects.Unexpected, "NotRegular"
		e.Advice = "remove " + path + ": links, pipes and directories are no objects"
	case is(syscall.ENOSPC, syscall.EDQUOT):
		e.Kind = objects.Full
		e.Advice = "make room in " + s.path + " or raise the quota"
	case is(syscall.EROFS):
		e.Kind = objects.Denied
		e.Advice = s.path + " is mounted read-only: mount it for writing, or set COMPILE_CACHE_READONLY=1"
	case is(fs.ErrPermission):
		e.Kind = objects.Denied
		e.Advice = "let this user " + verb + " " + path + " and the directories on its way"
	case is(syscall.ESTALE):
		e.Kind = objects.Unreachable
		e.Advice = "the file server has forgotten the directory: mount " + s.path + " again"
		s.Close()
	case is(syscall.ETIMEDOUT, syscall.EHOSTDOWN, syscall.EHOSTUNREACH, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ENOTCONN):
		e.Kind = objects.Unreachable
		e.Advice = "see whether the server of " + s.path + " can be reached"
	case is(syscall.EIO):
		e.Kind = objects.Unavailable
		e.Advice = "see the kernel's log about the file system of " + s.path
	default:
		e.Kind = objects.Unexpected
	}
	return e
}

// refuse is the error of a call that is wrong whatever the directory holds.
func (s *Store) refuse(operation, name, code, format string, args ...any) error {
	return &objects.Error{
		Kind: objects.Unexpected, Operation: operation, Place: s.String(), Name: name, Code: code, Message: fmt.Sprintf(format, args...),
	}
}
