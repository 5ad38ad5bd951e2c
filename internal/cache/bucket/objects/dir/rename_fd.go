//go:build linux || darwin

package dir

import (
	"errors"
	"os"
	"syscall"
)

// inDirectory calls f with a descriptor of a directory. File systems say EINVAL of flags that they do not know.
func inDirectory(root *os.Root, dir string, f func(fd int) error) error {
	d, err := root.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer d.Close()
	raw, err := d.SyscallConn()
	if err != nil {
		return err
	}
	var renamed error
	if err := raw.Control(func(fd uintptr) { renamed = f(int(fd)) }); err != nil {
		return err
	}
	if errors.Is(renamed, syscall.EINVAL) {
		return errors.ErrUnsupported
	}
	return renamed
}
