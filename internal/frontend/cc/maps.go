package cc

import (
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

var _ frontend.Mapper = (*Frontend)(nil)

// prefixMap is one option that maps a path prefix in outputs. Compilers compare bytes: /a/b is a prefix of /a/bc too.
type prefixMap struct {
	kind mapKind
	from string
}

// mapKind is in what a map replaces.
type mapKind uint8

const (
	mapsFile  mapKind = iota // in everything
	mapsDebug                // in debug information
	mapsMacro                // in __FILE__ and the like
	mapsOther                // in what binds to all roots anyway: coverage, profiles
)

var mapOptions = map[string]mapKind{
	"-ffile-prefix-map=": mapsFile, "-fdebug-prefix-map=": mapsDebug, "-fmacro-prefix-map=": mapsMacro,
}

// pathNames notes what an option says about names of paths in outputs.
func (p *parser) pathNames(arg, value string) {
	option := strings.TrimSuffix(arg, value)
	if !strings.HasSuffix(option, "-prefix-map=") {
		if strings.HasPrefix(value, "/") {
			p.det.compDirs = append(p.det.compDirs, value)
		}
		return
	}
	kind, ok := mapOptions[option]
	from, to, _ := strings.Cut(value, "=")
	if !ok || strings.Contains(to, "=") {
		// Of several "=", which one separates is not the same for all compilers.
		kind = mapsOther
	}
	p.det.maps = append(p.det.maps, prefixMap{kind, from})
}

// Map implements frontend.Mapper by -ffile-prefix-map in front of the user's arguments. gcc knows the option since version 8, clang
// since 10; an older one compiles as if nobody asked.
//
// Of several maps that match, gcc and clang since 17 take the last, clang 14 the longest; of roots within each other the
// inner one comes last, so all take that one. What clang before 14 takes was not tried: there the outer root is left out.
func (*Frontend) Map(c *compile.Compilation, tc *compile.Toolchain, maps []frontend.PathMap) (*compile.Compilation, []string) {
	ch := tc.Detail.(*chain)
	if !ch.takesMaps() {
		return c, nil
	}
	d := *c.Detail.(*detail)
	var ours []prefixMap
	for _, m := range frontend.InnerLast(maps, ch.clang && ch.major < 14) {
		ours = append(ours, prefixMap{mapsFile, m.From})
		d.mapArgs = append(d.mapArgs, "-ffile-prefix-map="+m.From+"="+m.To)
	}
	d.maps = slices.Concat(ours, d.maps)
	mapped := *c
	mapped.Args = slices.Concat(d.mapArgs, c.Args)
	mapped.Detail = &d
	return &mapped, slices.Concat(d.mapArgs, c.Invocation.Args)
}

// takesMaps reports whether the compiler has -ffile-prefix-map. Apple's clang 12 was made of clang 10.
func (ch *chain) takesMaps() bool {
	switch {
	case !ch.clang:
		return ch.major >= 8
	case ch.apple:
		return ch.major >= 12
	}
	return ch.major >= 10
}

// mapsNames reports whether maps are known to reach all that a file asks for its name by: __FILE__ wherever there are maps,
// __builtin_FILE and source_location only in what was tried. No clang with source_location was.
func (ch *chain) mapsNames(f *facts) bool {
	if ch.clang {
		return !f.location && (!f.callerFile || ch.major >= 14)
	}
	return ch.major >= 12 || !f.location && !f.callerFile
}

// mapping tells what maps of the given kinds make of a path: whether one applies, and whether it cuts a name in two, so
// that what is left tells how the mapped directory is called.
func (d *detail) mapping(path string, kinds ...mapKind) (applies, cuts bool) {
	var last, longest *prefixMap
	for i := range d.maps {
		m := &d.maps[i]
		if !slices.Contains(kinds, m.kind) || !strings.HasPrefix(path, m.from) {
			continue
		}
		last = m
		if longest == nil || len(m.from) >= len(longest.from) {
			longest = m
		}
	}
	if last == nil {
		return false, false
	}
	// Which of the two is taken depends on the compiler.
	return true, last.cuts(path) || longest.cuts(path)
}

func (m *prefixMap) cuts(path string) bool {
	return len(path) > len(m.from) && path[len(m.from)] != '/' && !strings.HasSuffix(m.from, "/")
}

// inMacros reports whether macros hold a mapped name instead of this path.
func (d *detail) inMacros(path string) bool {
	applies, cuts := d.mapping(path, mapsFile, mapsMacro)
	return applies && !cuts
}

// bindMaps returns why the outputs depend on the roots because of maps, though no scan shows it: a name in a text is
// the same in all checkouts, but only in one it is mapped; and a map of /a/b makes of /a/bc a name that ends in c.
func (g *gathering) bindMaps(sources int) string {
	if len(g.d.maps) == 0 {
		return ""
	}
	for _, input := range g.inputs[:sources] {
		if input.facts == nil {
			continue
		}
		if input.facts.lineComputed || slices.ContainsFunc(input.facts.lines, g.d.mapsSome) {
			return "line-directive"
		}
	}
	paths := append([]string{g.c.Dir}, g.d.compDirs...)
	for _, input := range g.inputs {
		paths = append(paths, input.path)
	}
	for _, output := range g.c.Outputs {
		paths = append(paths, output.Path)
	}
	for _, path := range paths {
		if isAssembly(g.c.Language) && slices.ContainsFunc(g.d.maps, func(m prefixMap) bool { return strings.HasPrefix(path, m.from) && m.cuts(path) }) {
			return "prefix-map" // gcc gives its assembler the maps in another order
		}
		for _, kind := range []mapKind{mapsDebug, mapsMacro, mapsOther} {
			if _, cuts := g.d.mapping(path, mapsFile, kind); cuts {
				return "prefix-map"
			}
		}
	}
	return ""
}

// mapsSome reports whether any map applies to a path.
func (d *detail) mapsSome(path string) bool {
	return slices.ContainsFunc(d.maps, func(m prefixMap) bool { return strings.HasPrefix(path, m.from) })
}
