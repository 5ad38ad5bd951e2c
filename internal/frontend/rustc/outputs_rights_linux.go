package rustc

import "syscall"

// givesRights reports whether new files in a directory get rights from it (a default ACL) instead of from the umask. What rustc, its linkers and
// those that set modes themselves make of that differs from file to file.
func givesRights(dir string) bool {
	n, err := syscall.Getxattr(dir, "system.posix_acl_default", nil)
	return err == nil && n > 0
}
