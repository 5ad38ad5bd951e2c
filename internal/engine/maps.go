package engine

import (
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// placeholders is the directory below which outputs name mapped roots.
const placeholders = "/compile-cache/"

// mapRoots has the paths below the roots mapped, where COMPILE_CACHE_ROOTS asks for it and the front-end can. What is bound
// is still decided by a scan of the outputs: a map that a compiler does not apply somewhere costs a hit, nothing else.
// It returns the names of the roots that are mapped, and sets how messages are mapped back where the compiler maps names in them.
func (c *call) mapRoots() (names []string) {
	m, ok := c.fe.(frontend.Mapper)
	if !ok || !c.set.roots.Auto && len(c.set.roots.Dirs) == 0 {
		return nil
	}
	var maps []frontend.PathMap
	for _, r := range c.roots.Mappable(c.set.roots.Dirs) {
		maps = append(maps, frontend.PathMap{From: r.Path, To: placeholders + r.Name})
		names = append(names, r.Name)
	}
	if len(maps) == 0 {
		return nil
	}
	mapped, args := m.Map(c.comp, c.tc, maps)
	if mapped == c.comp {
		return nil
	}
	c.comp, c.args = mapped, args
	if mapped.MappedMessages {
		for _, p := range maps {
			c.unmap = append(c.unmap, p.To, p.From)
		}
	}
	return names
}

// unstored is how a compile runs whose outputs are not stored. Messages pass through us only where they are mapped back.
func (c *call) unstored() Run {
	return Run{Args: c.args, Capture: len(c.unmap) > 0, Unmap: c.unmap}
}
