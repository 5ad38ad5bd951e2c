package rustc

import (
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// native is what options call the processor of this machine. What LLVM makes of it rests on what the processor says of itself.
const native = "native"

// processor makes this machine's processor part of what the compile depends on: code is made for it. Elsewhere than on x86-64 it is not
// known what LLVM asks.
func (p *parser) processor(shown string) {
	if p.onProcessor {
		return
	}
	says := p.f.processor()
	if says == "" {
		p.refuse(compile.ReasonOption, shown)
		return
	}
	p.onProcessor = true
	p.c.Facts = append(p.c.Facts, "processor "+says)
}

// isNative reports whether an argument for the driver is for the processor of this machine. It may generate code.
func isNative(arg string) bool {
	return strings.HasPrefix(arg, "-m") && strings.HasSuffix(arg, "="+native)
}
