package rustc

import (
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

const withSource = "with the source of the standard library"

// placed returns the toolchain for a call. Where it lies counts if messages can name its source, or programs the way to its libraries. What a driver
// has libraries searched in counts for links: two drivers may be equal, and all that they start, and each have start files of its own.
func (k *knownChain) placed(c *compile.Compilation) *compile.Toolchain {
	var places []string
	if c.Detail.(*detail).rpath || slices.Contains(k.Toolchain.Facts, withSource) {
		places = append(places, "sysroot at "+k.sysroot)
	}
	if tools, ok := k.Toolchain.Detail.(*linkTools); ok && tools != nil {
		places = append(places, "libraries in "+strings.Join(tools.libDirs, ":"))
	}
	if places == nil {
		return k.Toolchain
	}
	if home, _ := c.Getenv("HOME"); len(home) > 1 && home[0] == '/' {
		for i, place := range places {
			places[i] = strings.ReplaceAll(place, home+"/", "~/")
		}
	}
	tc := *k.Toolchain
	tc.Facts = slices.Concat(tc.Facts, places)
	return &tc
}
