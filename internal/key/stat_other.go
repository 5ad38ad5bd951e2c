//go:build !linux && !darwin

package key

import (
	"errors"
	"os"

	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// Without device and inode numbers no digest can be remembered safely, so elsewhere nothing is answered: the daemon
// does not run there.

func stat(path string) (frontend.FileInfo, error) { return frontend.FileInfo{}, unsupported(path) }

func lstat(path string) (frontend.FileInfo, error) { return frontend.FileInfo{}, unsupported(path) }

func fstat(uintptr) (frontend.FileInfo, error) { return frontend.FileInfo{}, unsupported("") }

func fsClassOf(string) fsClass { return fsForeign }

func unsupported(path string) error {
	return &os.PathError{Op: "stat", Path: path, Err: errors.ErrUnsupported}
}

const (
	modeType    = 0o170000
	modeRegular = 0o100000
	modeDir     = 0o040000
	modeLink    = 0o120000
)

func missing(err error) bool { return errors.Is(err, os.ErrNotExist) }
