package rustc

import (
	"path/filepath"
	"regexp"
	"slices"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// Some questions of build scripts come with their source on standard input: autocfg asks for LLVM's code in OUT_DIR,
// rustix for metadata in a file that they name. Such a source has no path. Its content is in the recipe, and it must be one that reads
// nothing else: dep-info of it would not tell all.

// decideInput returns why a call whose source is standard input is not cached.
func (p *parser) decideInput() *compile.Decline {
	switch {
	case !p.inv.HasInput:
		return compile.Refuse(compile.ReasonStdin, "-")
	case len(p.sources) > 0:
		return compile.Refuse(compile.ReasonMultipleSources, p.sources[0])
	case p.declined != nil:
		return p.declined
	case !p.probes():
		return compile.Refuse(compile.ReasonStdin, "-")
	case randomName.MatchString(p.det.crate):
		return compile.Refuse(compile.ReasonStdin, "crate "+p.det.crate)
	}
	_, err := sourceAlone("", p.inv.Input, p.inv.Getenv)
	if err != nil || p.emits("llvm-ir") && assembles.Match(p.inv.Input) {
		return compile.Refuse(compile.ReasonStdin, "the source "+errReads.Error())
	}
	p.c.PerSource = true
	// Mapped names would be mapped back in what goes to standard output, though it is no text.
	p.det.unmappable = p.det.unmappable || p.toStdout()
	return nil
}

// randomName are the names of autocfg's crates of 1.4 and 1.5, with a number that is random in each build. Output and symbols have the name,
// and hashes of it, so that no result would ever be found again.
var randomName = regexp.MustCompile(`^autocfg_[0-9a-f]{16}_[0-9]+$`)

// toStdout reports whether the only output goes to standard output.
func (p *parser) toStdout() bool { return p.outFile == "-" }

// asksByInput reports whether the outputs of a call that reads standard input are those of a question, with names that are known.
func (p *parser) asksByInput() bool {
	named := p.outDir != "" && p.outFile == "" && p.det.crate != ""
	if p.outFile != "" {
		// Of several outputs each would have a name made of this one.
		named = p.outDir == "" && len(p.emit) == 1 && p.emit[0] != "dep-info"
	}
	return named && len(p.types) > 0 && (p.emits("metadata") || p.emits("llvm-ir") && (p.units == "" || p.units == "1")) &&
		!slices.ContainsFunc(p.emit, func(e string) bool { return e != "metadata" && e != "llvm-ir" && e != "dep-info" })
}

// outputDir returns the directory of the outputs, absolute.
func (p *parser) outputDir() string {
	if p.outFile != "" {
		return filepath.Dir(frontend.Absolute(p.inv.Dir, p.outFile))
	}
	return frontend.Absolute(p.inv.Dir, p.outDir)
}

// assembles is what may have LLVM read files by directives of an assembler.
var assembles = regexp.MustCompile(`\b(?:global_|naked_)?asm\b`)
