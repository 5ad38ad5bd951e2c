package rustc

import (
	"bytes"
	"path/filepath"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// linkFeature lets a source give the linker any arguments: #[link(kind = "link-arg", name = "-Wl,-Map=a.map")]. They go with the crate, and
// metadata shows no more of them than a text. No stable compiler takes it.
var linkFeature = []byte("link_arg_attribute")

// linkAttributes refuses links for which sources, of this crate or of one below, may give such arguments.
func (g *gathering) linkAttributes(tc *compile.Toolchain, sources []string) error {
	if g.d.link == nil || !g.unstable(tc.Version) {
		return nil
	}
	refuse := func(path string) error {
		return compile.Refuse(compile.ReasonLink, path+" may give arguments to the linker")
	}
	for _, path := range sources {
		if found, err := g.givesArguments(path); err != nil || found {
			return refuse(path)
		}
	}
	for _, path := range g.d.crates {
		if !strings.HasSuffix(path, ".rlib") {
			continue
		}
		d, err := g.files.Digest(path)
		if err != nil {
			return compile.Refuse(compile.ReasonInput, err.Error())
		}
		known, ok := g.f.linking.Get(d)
		if !ok {
			known = g.argumentsBelow(path)
			g.f.linking.Set(d, known)
		}
		if len(known) > 0 {
			return refuse(known[0])
		}
	}
	return nil
}

// unstable reports whether a compiler takes features.
func (g *gathering) unstable(version string) bool {
	_, told := g.c.Getenv("RUSTC_BOOTSTRAP")
	return told || strings.Contains(version, "nightly") || strings.Contains(version, "-dev")
}

// argumentsBelow returns the sources of a crate that may give arguments to the linker. Without sources it is the crate.
func (g *gathering) argumentsBelow(crate string) []string {
	sources := g.sourcesOf(crate)
	if len(sources) == 0 {
		return []string{filepath.Base(crate)}
	}
	var found []string
	for _, path := range sources {
		if gives, err := g.givesArguments(path); err != nil || gives {
			found = append(found, path)
		}
	}
	return found
}

func (g *gathering) givesArguments(path string) (bool, error) {
	text, _, err := g.files.Read(path, maxSource)
	return bytes.Contains(text, linkFeature), err
}
