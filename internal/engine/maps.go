package engine

import "github.com/compile-cache/compile-cache-action/internal/frontend"

// placeholders is the directory below which outputs name mapped roots.
const placeholders = "/compile-cache/"

// mapRoots has the paths below the roots mapped, where COMPILE_CACHE_ROOTS asks for it and the front-end can. What is bound
// is still decided by a scan of the outputs: a map that a compiler does not apply somewhere costs a hit, nothing else.
func (c *call) mapRoots() {
	m, ok := c.fe.(frontend.Mapper)
	if !ok || !c.set.roots.Auto && len(c.set.roots.Dirs) == 0 {
		return
	}
	var maps []frontend.PathMap
	for _, r := range c.roots.Mappable(c.set.roots.Dirs) {
		maps = append(maps, frontend.PathMap{From: r.Path, To: placeholders + r.Name})
	}
	if len(maps) > 0 {
		c.comp, c.args = m.Map(c.comp, c.tc, maps)
	}
}
