package rustc

import "slices"

// Cargo tells rustc how wide the terminal is, and only messages show it. Most compiles have none: their results are the same for windows of
// any width. So the width is no part of the recipe but, as if it were a variable, of the input set of a compile that said something: whether
// there is something to say does not depend on it. That cargo told a width is in the recipe.

// widthOption is the option, and the name of what stands for a variable.
const widthOption = "--diagnostic-width"

// messageWidth makes the width something that an input set can name. The environment that it is added to is a copy, which no program is
// given.
func (p *parser) messageWidth() {
	switch {
	case p.width == "":
	case p.det.humanText:
		p.c.Args = append(p.c.Args, widthOption, p.width)
	default:
		inv := *p.inv
		inv.Env = append(slices.Clip(inv.Env), widthOption+"="+p.width)
		p.c.Invocation = &inv
		p.c.Facts = append(p.c.Facts, "width of messages apart")
		p.det.width = true
	}
}

// messageWidth adds the width where the compile said more than that there are outputs; messages has looked at that.
func (g *gathering) messageWidth() error {
	if g.d.width && !g.in.OnlyNotices {
		g.in.Env = append(g.in.Env, widthOption)
	}
	return nil
}
