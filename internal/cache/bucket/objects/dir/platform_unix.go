//go:build unix

package dir

import (
	"errors"
	"syscall"
)

// nonblock keeps the opening of a pipe from waiting for its other end.
const nonblock = syscall.O_NONBLOCK

// noLinks reports whether an error of link(2), other than that it is not known or not allowed, is for want of hard links.
func noLinks(err error) bool { return errors.Is(err, syscall.EMLINK) || errors.Is(err, syscall.EXDEV) }
