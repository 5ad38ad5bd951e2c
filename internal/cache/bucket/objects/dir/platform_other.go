//go:build !unix

package dir

import (
	"errors"
	"syscall"
)

// nonblock is nothing where no pipe lies among files.
const nonblock = 0

// invalidFunction is what Windows says of a hard link on FAT: ERROR_INVALID_FUNCTION.
const invalidFunction = syscall.Errno(1)

// noLinks reports whether an error of a hard link, other than that it is not known or not allowed, is for want of hard links.
func noLinks(err error) bool { return errors.Is(err, invalidFunction) }
