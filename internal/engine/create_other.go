//go:build !unix

package engine

import "os"

// createFile creates a file that must not be there.
func createFile(path string) (output, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}
