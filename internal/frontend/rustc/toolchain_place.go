package rustc

import (
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend/rustc/linker"
)

const withSource = "with the source of the standard library"

// placed returns the toolchain for a call. Where it lies counts if messages can name its source, or programs the way to its libraries. What a driver
// has libraries searched in counts for links: two drivers may be equal, and all that they start, and each have start files of its own.
func placed(c *compile.Compilation, tc *compile.Toolchain, sysroot string) *compile.Toolchain {
	var places []string
	if c.Detail.(*detail).rpath || slices.Contains(tc.Facts, withSource) {
		places = append(places, "sysroot at "+sysroot)
	}
	if tools, ok := tc.Detail.(*linker.Tools); ok {
		places = append(places, "libraries in "+strings.Join(tools.LibDirs, ":"))
	}
	if places == nil {
		return tc
	}
	if home, _ := c.Getenv("HOME"); len(home) > 1 && home[0] == '/' {
		for i, place := range places {
			places[i] = strings.ReplaceAll(place, home+"/", "~/")
		}
	}
	here := *tc
	here.Facts = slices.Concat(tc.Facts, places)
	return &here
}
