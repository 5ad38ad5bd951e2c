package cc

import "strings"

// extension returns the last dot of a path's base name and what follows it, "" where there is no dot.
func extension(path string) string {
	name := baseOf(path)
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return name[i:]
	}
	return ""
}

// withExtension replaces the extension, or adds one where there is none. A name that starts with its only dot is all
// extension: .x becomes .d.
func withExtension(path, ext string) string {
	return strings.TrimSuffix(path, extension(path)) + ext
}
