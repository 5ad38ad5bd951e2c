package cc

import (
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// place is a name in a directory.
type place struct{ dir, name string }

// absolute joins a path to dir where it is relative, and removes "." components and doubled slashes. ".." stays: with links
// on the way, a/../b is not b.
func absolute(dir, path string) string {
	if !strings.HasPrefix(path, "/") {
		path = dir + "/" + path
	}
	if !strings.Contains(path, "//") && !strings.Contains(path, "/.") && !strings.HasSuffix(path, "/") {
		return path
	}
	var b strings.Builder
	b.Grow(len(path))
	for part := range strings.SplitSeq(path, "/") {
		if part != "" && part != "." {
			b.WriteByte('/')
			b.WriteString(part)
		}
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}

// under joins a name of one component to a directory.
func under(dir, name string) string {
	if dir == "/" {
		return "/" + name
	}
	return dir + "/" + name
}

// directoryOf returns what stands before the last slash of an absolute path.
func directoryOf(path string) string {
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		return path[:i]
	}
	return "/"
}

func baseOf(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// firstMissing returns the first component of an absolute path that is not there; ok is false where all are.
func firstMissing(files frontend.Files, path string) (missing place, ok bool) {
	dir := "/"
	for part := range strings.SplitSeq(path, "/") {
		switch part {
		case "", ".":
			continue
		case "..":
		default:
			if !files.Exists(dir, part) {
				return place{dir, part}, true
			}
		}
		dir = under(dir, part)
	}
	return place{}, false
}

// Type bits of FileInfo.Mode, as in st_mode.
const (
	modeType      = 0o170000
	modeRegular   = 0o100000
	modeDirectory = 0o040000
)

func isRegular(fi frontend.FileInfo) bool   { return fi.Mode&modeType == modeRegular }
func isDirectory(fi frontend.FileInfo) bool { return fi.Mode&modeType == modeDirectory }
