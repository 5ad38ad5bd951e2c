package engine

import "golang.org/x/sys/unix"

// hasACL reports whether a file has an ACL: a new one got it from its directory.
func hasACL(fd uintptr) bool {
	n, err := unix.Fgetxattr(int(fd), "system.posix_acl_access", nil)
	return err == nil && n > 0
}
