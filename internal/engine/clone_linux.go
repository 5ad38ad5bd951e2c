package engine

import (
	"io"

	"golang.org/x/sys/unix"

	"github.com/compile-cache/compile-cache-action/internal/cache"
)

// clone shares the blocks of a stored blob with a new file (btrfs, xfs); false where the file system cannot.
func clone(to output, from io.Reader) bool {
	f, ok := from.(cache.File)
	return ok && unix.IoctlFileClone(int(to.Fd()), int(f.Fd())) == nil
}
