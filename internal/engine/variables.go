package engine

import (
	"bytes"
	"slices"
)

// boundVariables returns the roots that the values of variables lie in. Dep-info repeats such values: as a template it would be restored with the root of
// another call, though the variable still has the value that it had. Where a root is mapped, the key has a value that begins with it as a
// template too.
func (c *call) boundVariables(names []string) (bound []string) {
	for _, name := range names {
		value, _ := c.inv.Getenv(name)
		if root := c.roots.Of(value); root != "" && slices.Contains(c.recipe.Mapped, root) {
			value = c.roots.SpellPath(value)
		}
		template := c.roots.Template([]byte(value))
		for _, root := range c.roots.Names() {
			if bytes.Contains(template, []byte("\x00"+root+"\x00")) {
				bound = union(bound, []string{root})
			}
		}
	}
	return bound
}
