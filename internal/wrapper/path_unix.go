//go:build unix

package wrapper

import "syscall"

// base returns the last component of a path.
func base(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[i+1:]
		}
	}
	return path
}

// parent returns the path of the directory that holds path, "." where none is named.
func parent(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[:max(i, 1)]
		}
	}
	return "."
}

func hasSlash(path string) bool { return base(path) != path }

// within returns path as seen from dir.
func within(dir, path string) string {
	if dir == "" || path[0] == '/' {
		return path
	}
	return dir + "/" + path
}

// cutPath splits what PATH holds behind its first directory; more is false where there is no other.
func cutPath(path string) (dir, rest string, more bool) {
	for i := range len(path) {
		if path[i] == ':' {
			return path[:i], path[i+1:], true
		}
	}
	return path, "", false
}

// linkText is where links are read to. On the stack so much would have the stack grow, by copies, at every start.
var linkText [4096]byte

// readLink returns the text of a link, "" where there is none.
func readLink(path string) string {
	n, err := syscall.Readlink(path, linkText[:])
	if err != nil || n <= 0 || n == len(linkText) {
		return ""
	}
	return string(linkText[:n])
}

// maxLinks is how many links in a row are followed, as in the kernel.
const maxLinks = 40

// followLinks resolves the links that path itself is, not those in its directories. A link that cannot be read
// ends the walk.
func followLinks(path string) string {
	for range maxLinks {
		text := readLink(path)
		if text == "" {
			break
		}
		path = within(parent(path), text)
	}
	return path
}
