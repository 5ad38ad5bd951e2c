package bucket

import (
	"io"
	"os"
)

// takeLock takes a lock by creating the file; a killed process keeps it. No daemon runs on Windows yet.
func takeLock(path string) (io.Closer, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}
