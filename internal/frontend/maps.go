package frontend

import (
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// Mapper is a Frontend that can keep paths out of outputs.
type Mapper interface {
	// Map returns the compilation with these paths mapped, and the arguments of its run where it is not watched. What the user
	// maps stays as it is. Where the compiler cannot map paths, it returns c itself and nil.
	Map(c *compile.Compilation, tc *compile.Toolchain, maps []PathMap) (mapped *compile.Compilation, args []string)
}

// PathMap says what a path, and what lies below it, is called in outputs.
type PathMap struct{ From, To string }

// InnerLast orders maps so that what is a prefix of another stands before it, and otherwise in one order whatever the paths are, since
// the order is part of the recipe. alone leaves out what is a prefix of another.
func InnerLast(maps []PathMap, alone bool) []PathMap {
	rest := slices.Clone(maps)
	slices.SortFunc(rest, func(a, b PathMap) int { return strings.Compare(b.To, a.To) })
	var ordered []PathMap
	for len(rest) > 0 {
		// The shortest is nobody's inside, so there always is one.
		next := slices.IndexFunc(rest, func(m PathMap) bool {
			return !slices.ContainsFunc(rest, func(o PathMap) bool { return outside(o, m) })
		})
		m := rest[next]
		rest = slices.Delete(rest, next, next+1)
		if !alone || !slices.ContainsFunc(rest, func(o PathMap) bool { return outside(m, o) }) {
			ordered = append(ordered, m)
		}
	}
	return ordered
}

// outside reports whether a's path is a proper prefix of b's.
func outside(a, b PathMap) bool {
	return len(a.From) < len(b.From) && strings.HasPrefix(b.From, a.From)
}
