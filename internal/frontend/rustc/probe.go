package rustc

import (
	"bytes"
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// Build scripts ask rustc what it can do by compiling a few lines: thiserror, anyhow, proc-macro2 and others do so in every
// build, and on a stable compiler most of these compiles fail. Their failure is the answer, and is a result like any other.

// probes reports whether the call is such a question. cargo gives a build script OUT_DIR, TARGET, HOST and RUSTC together, and its
// own compiles neither these nor a call without CARGO_CRATE_NAME; what comes out lies in the script's own directory, links
// nothing and loads nothing but what comes with the compiler. A user's own compile error looks different in each of these.
func (p *parser) probes() bool {
	for _, name := range []string{"TARGET", "HOST", "RUSTC", "CARGO_MANIFEST_DIR"} {
		if _, ok := p.inv.Getenv(name); !ok {
			return false
		}
	}
	for _, name := range []string{"CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE"} {
		if _, ok := p.inv.Getenv(name); ok {
			return false
		}
	}
	own, ok := p.inv.Getenv("OUT_DIR")
	asks := p.outDir != "" && p.outFile == "" && p.emits("metadata") && !p.emits("link")
	if p.stdin {
		asks = p.asksByInput()
	}
	inside := p.toStdout() || isBelow(p.outputDir(), filepath.Clean(own))
	return ok && strings.HasPrefix(own, "/") && inside && asks && !p.det.clippy && !p.test && p.det.humanText &&
		!slices.ContainsFunc(p.types, func(t string) bool { return t != "lib" && t != "rlib" }) &&
		len(p.externs)+len(p.named)+len(p.det.crateDirs)+len(p.det.nativeDirs)+len(p.det.nativeLibs) == 0
}

// failure judges a failing run: only errors at a place in a source are an answer. A full disk, a missing right or a lack of memory
// fails a compile too, and says nothing of the compiler. Of modules that are found nowhere dep-info does not tell where they
// were looked for.
func failure(stderr []byte) error {
	refuse := func(why string) error { return compile.Refuse(compile.ReasonInput, why) }
	for _, text := range []string{"(os error ", "error[E0786]", "only metadata stub found", "error[E0583]", "error[E0584]", "error[E0761]"} {
		if bytes.Contains(stderr, []byte(text)) {
			return refuse("a failure that names " + strings.Trim(text, "( "))
		}
	}
	lines := strings.Split(string(stderr), "\n")
	placed := false
	for i, line := range lines {
		if !strings.HasPrefix(line, "error") || strings.HasPrefix(line, "error: aborting due to ") {
			continue
		}
		if i+1 == len(lines) || !strings.HasPrefix(strings.TrimLeft(lines[i+1], " "), "--> ") {
			return refuse("a failure without a place: " + line)
		}
		placed = true
	}
	if !placed {
		return refuse("a failure without a message")
	}
	return nil
}

// Variables that a source names plainly, and words without which a source makes rustc read nothing further: neither files
// nor other variables.
var (
	plainEnv = regexp.MustCompile(`\b(?:option_)?env\s*!\s*\(\s*"([A-Za-z0-9_]+)"\s*[,)]`)
	reads    = regexp.MustCompile(`\b(?:mod|include\w*|(?:option_)?env|debugger_visualizer)\b`)
)

// errReads says that the source may read what is not known.
var errReads = errors.New("reads further files or variables")

// sourceAlone returns the dep-info of a source that rustc wrote none of, because it failed before, or because none was asked for: it
// reads nothing but itself and the variables that it names.
func sourceAlone(spelled string, text []byte, getenv func(string) (string, bool)) (depInfo, error) {
	d := depInfo{paths: []string{spelled}}
	for _, m := range plainEnv.FindAllSubmatch(text, -1) {
		e := envDep{name: string(m[1])}
		e.value, e.set = getenv(e.name)
		d.env = append(d.env, e)
	}
	if reads.Match(plainEnv.ReplaceAll(text, []byte(" "))) {
		return d, errReads
	}
	return d, nil
}
