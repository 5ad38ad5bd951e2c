package rustc

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

var _ frontend.Mapper = (*Frontend)(nil)

const mapOption = "--remap-path-prefix="

// Map implements frontend.Mapper by --remap-path-prefix in front of the user's arguments. Of several maps that match, rustc takes the
// last, so the user's win, and of roots within each other the inner one comes last. It compares whole components. Maps
// reach debug information, metadata, file!(), messages and the hashes of names in metadata; dep-info and the notices of
// outputs keep the paths as they are. Tried with 1.95 and the nightly 1.97.
//
// Where the user narrows what maps reach, or wants coverage, nothing is mapped.
func (*Frontend) Map(c *compile.Compilation, _ *compile.Toolchain, maps []frontend.PathMap) (*compile.Compilation, []string) {
	d := *c.Detail.(*detail)
	if d.unmappable || len(maps) == 0 {
		return c, nil
	}
	d.maps = frontend.InnerLast(maps, false)
	mapped := *c
	mapped.Detail = &d
	// The order of the arguments is that of the roots' paths, which lie within each other in one checkout and not in another; what they
	// do together does not depend on it.
	mapped.Facts = slices.Clone(c.Facts)
	for _, m := range maps {
		mapped.Facts = append(mapped.Facts, "paths are called "+m.To)
	}
	slices.Sort(mapped.Facts[len(c.Facts):])
	mapped.MappedMessages = true
	return &mapped, runArgs(&mapped)
}

func mapArgs(maps []frontend.PathMap) []string {
	args := make([]string, len(maps))
	for i, m := range maps {
		args[i] = mapOption + m.From + "=" + m.To
	}
	return args
}

// runArgs returns the arguments of a run: those of the call, and in front of them our maps. clippy-driver as a wrapper wants the name of
// rustc first.
func runArgs(c *compile.Compilation) []string {
	d := c.Detail.(*detail)
	if len(d.maps) == 0 {
		return c.Invocation.Args
	}
	at := 0
	if args := c.Invocation.Args; d.clippy && len(args) > 0 && kindOf(filepath.Base(args[0])) == "rustc" {
		at = 1
	}
	return slices.Insert(slices.Clone(c.Invocation.Args), at, mapArgs(d.maps)...)
}

// mapped reports whether our maps, or the user's instead of ours, take the place of a path out of its name. What a user's map of
// a directory above a root leaves of the root's path binds by the recipe.
func (d *detail) mapped(path string) bool {
	return slices.ContainsFunc(d.maps, func(m frontend.PathMap) bool {
		return strings.HasPrefix(path, m.From) && (len(path) == len(m.From) || path[len(m.From)] == '/')
	})
}

// bindName notes that the name of a path is in the outputs, perhaps hashed.
func (g *gathering) bindName(path string) {
	if !g.d.mapped(path) {
		g.in.BindPaths = append(g.in.BindPaths, path)
	}
}
