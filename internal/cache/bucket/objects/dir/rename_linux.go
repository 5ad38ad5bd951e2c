package dir

import (
	"os"

	"golang.org/x/sys/unix"
)

// renameExclusive gives old the name new, both in dir, unless there is one. errors.ErrUnsupported where the file system cannot.
func renameExclusive(root *os.Root, dir, old, new string) error {
	return inDirectory(root, dir, func(fd int) error {
		return unix.Renameat2(fd, old, fd, new, unix.RENAME_NOREPLACE)
	})
}
