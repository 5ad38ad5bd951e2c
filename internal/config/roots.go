package config

import (
	"path/filepath"
	"strings"
)

// Roots is what COMPILE_CACHE_ROOTS says, which comes with each invocation: below which directories the paths in outputs are
// mapped, so that they name no checkout. The zero Roots is off.
type Roots struct {
	Auto bool     // those that are found
	Dirs []string // exactly these; absolute
}

// ParseRoots reads "off", "auto" or a list of absolute directories, separated like PATH. ignored are the elements of
// the list that are none.
func ParseRoots(text string) (r Roots, ignored []string) {
	switch strings.TrimSpace(text) {
	case "", "off", "0":
		return r, nil
	case "auto":
		return Roots{Auto: true}, nil
	}
	for _, dir := range filepath.SplitList(text) {
		switch {
		case dir == "":
		case filepath.IsAbs(dir):
			r.Dirs = append(r.Dirs, filepath.Clean(dir))
		default:
			ignored = append(ignored, dir)
		}
	}
	return r, ignored
}
