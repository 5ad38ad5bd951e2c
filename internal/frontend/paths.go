package frontend

import "strings"

// Absolute joins a path to dir where it is relative, and removes "." components and doubled slashes. ".." stays: with links
// on the way, a/../b is not b.
func Absolute(dir, path string) string {
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

// Under joins a name of one component to a directory, and changes nothing else.
func Under(dir, name string) string {
	if dir == "/" {
		return "/" + name
	}
	return dir + "/" + name
}

// Split returns what stands before and after the last slash of an absolute path: Under joins them again.
func Split(path string) (dir, name string) {
	i := strings.LastIndexByte(path, '/')
	if i <= 0 {
		return "/", path[i+1:]
	}
	return path[:i], path[i+1:]
}

// FirstMissing returns the first component of an absolute path that is not there, as a name in a directory that is; ok is false where
// all are.
func FirstMissing(files Files, path string) (dir, name string, ok bool) {
	dir = "/"
	for part := range strings.SplitSeq(path, "/") {
		switch part {
		case "", ".":
			continue
		case "..":
		default:
			if !files.Exists(dir, part) {
				return dir, part, true
			}
		}
		dir = Under(dir, part)
	}
	return "", "", false
}

// Bits of FileInfo.Mode.
const (
	modeType      = 0o170000
	modeRegular   = 0o100000
	modeDirectory = 0o040000
)

// IsRegular reports whether it is a plain file.
func (fi FileInfo) IsRegular() bool { return fi.Mode&modeType == modeRegular }

// IsDirectory reports whether it is a directory.
func (fi FileInfo) IsDirectory() bool { return fi.Mode&modeType == modeDirectory }

// IsProgram reports whether it is a plain file that somebody may execute.
func (fi FileInfo) IsProgram() bool { return fi.IsRegular() && fi.Mode&0o111 != 0 }
