package cc

import (
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// place is a name in a directory.
type place struct{ dir, name string }

// directoryOf returns what stands before the last slash of an absolute path.
func directoryOf(path string) string {
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		return path[:i]
	}
	return "/"
}

func baseOf(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// firstMissing is frontend.FirstMissing as a place.
func firstMissing(files frontend.Files, path string) (missing place, ok bool) {
	missing.dir, missing.name, ok = frontend.FirstMissing(files, path)
	return missing, ok
}
