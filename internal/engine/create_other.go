//go:build !unix

package engine

import "os"

// createFile creates a file that must not be there, of which our umask takes all but the owner's rights.
func createFile(path string, mode uint32) (output, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, os.FileMode(mode&0o777))
}
