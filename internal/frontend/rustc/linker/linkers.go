package linker

import (
	"context"
	"slices"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/toolchain"
	"github.com/compile-cache/compile-cache-action/internal/recent"
)

// Flavor is lld's, of a link without a driver; "" of one with a driver.
type Flavor string

// The flavors of lld that rustc calls itself.
const (
	ELF  Flavor = "gnu"
	Wasm Flavor = "wasm"
)

// Call is how rustc calls a linker.
type Call struct {
	Driver string   // -C linker; "" for the target's
	Choice []string // arguments of the driver that decide which programs it starts, and where it searches
	LLD    bool     // options choose between rustc's own linker and the driver's
	Direct Flavor   // of a linker that rustc calls itself, "" where it calls a driver
}

// Compiler is the rustc that links.
type Compiler struct {
	Toolchain *compile.Toolchain // without linkers; an answer about linkers counts for this very one
	Key       toolchain.Key      // of that toolchain
	Sysroot   string
	Host      string
	Target    string // of --target, "" for the host's
	Proxy     bool   // each call chooses its compiler anew: nothing is remembered
}

// Tools is the Detail of a toolchain that links.
type Tools struct {
	Program string   // as rustc spells what it calls, of a linker that it calls itself
	Own     []string // directories of the compiler's own libraries, which are part of the toolchain
	LibDirs []string // where the driver has libraries and start files searched for, in order
}

// Linkers knows what links run.
type Linkers struct {
	loads  *toolchain.Loads
	chains *toolchain.Memory[*linked]
	said   *recent.Map[toolchain.Key, *answers] // the newest of each driver
}

// New returns Linkers that know nothing. What loaders say is kept in loads.
func New(loads *toolchain.Loads) *Linkers {
	return &Linkers{
		loads: loads, chains: toolchain.NewMemory[*linked](), said: recent.New[toolchain.Key, *answers](toolchain.MaxAnswers),
	}
}

// linked is the toolchain of a compiler that links.
type linked struct {
	toolchain.Answer // without what the compiler's own rests on
	compiler         *compile.Toolchain
}

// Toolchain returns the toolchain of a compile that links: that of its compiler, and what the link runs. Its Detail is a *Tools.
func (l *Linkers) Toolchain(ctx context.Context, c *compile.Compilation, by Compiler, call Call, files frontend.Files, ask frontend.Prober) (*compile.Toolchain, error) {
	find := func() (*linked, toolchain.Key, error) { return l.find(ctx, c, by, call, files, ask) }
	var known *linked
	var err error
	if by.Proxy {
		known, _, err = find()
	} else {
		keys := []toolchain.Key{by.Key.With(keyOf(c, call, true)), by.Key.With(keyOf(c, call, false))}
		known, err = l.chains.Find(ctx, keys, func(k *linked) bool { return k.compiler == by.Toolchain && k.Basis.Current(files) }, find)
	}
	if err != nil {
		return nil, err
	}
	return known.Toolchain, known.Refusal()
}

// find asks, and names the key of what it found. What the driver and the linker said to another call is put to the test first, without asking
// anybody but the loader.
func (l *Linkers) find(ctx context.Context, c *compile.Compilation, by Compiler, call Call, files frontend.Files, ask frontend.Prober) (*linked, toolchain.Key, error) {
	try := func(ask frontend.Prober) (known *linked, anywhere bool, err error) {
		p := &probe{
			Asking: toolchain.Asking{Ctx: ctx, C: c, Files: files, Prober: ask, Loads: l.loads, Reason: compile.ReasonLink, Found: *by.Toolchain},
			by:     by, call: call,
		}
		p.Found.Files = slices.Clip(p.Found.Files)
		err = p.run()
		p.Found.Detail = p.tools
		known = &linked{compiler: by.Toolchain}
		known.Answer, err = p.Answer(err)
		return known, p.anywhere && known.Refused == nil, err
	}
	key := func(anywhere bool) toolchain.Key { return by.Key.With(keyOf(c, call, anywhere)) }
	id := by.Key.Instead(keyOf(c, call, true))
	memory := !by.Proxy && !toolchain.LoadedOtherwise(c)
	if said, ok := l.said.Get(id); memory && ok && said.chain.Basis.Current(files) {
		known, anywhere, err := try(said.replay(ask))
		if err == nil && anywhere && known.Basis.SameFiles(&said.chain.Basis) {
			return known, key(true), nil
		}
	}
	heard := &answers{}
	known, anywhere, err := try(heard.record(ask))
	if err != nil {
		return nil, by.Key, err
	}
	if memory && anywhere {
		heard.chain = known
		l.said.Set(id, heard)
	}
	return known, key(anywhere), nil
}
