//go:build !linux

package engine

// hasACL reports whether a file has an ACL: a new one got it from its directory. Only Linux lets those take the umask's place.
func hasACL(uintptr) bool { return false }
