package rustc

import (
	"bytes"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// Variables such as OUT_DIR hold paths that no map reaches. env!("OUT_DIR") as a value is in the crate's code, and in the hash that
// metadata holds of it where the text itself is not (cargo check), so a search of the outputs does not find all: the outputs
// belong to that place. Nearly always, though, the value only leads to a file:
//
//	include!(concat!(env!("OUT_DIR"), "/generated.rs"));
//
// There nothing is left of it but the file, whose name is mapped. This is what is looked for in the sources.

// leads is what a variable stands in that only leads to a file; its name follows.
const leads = `\b(?:include|include_str|include_bytes)\s*!\s*[(\[{]\s*(?:concat\s*!\s*[(\[{]\s*)?env\s*!\s*[(\[{]\s*"`

// unclear is a variable whose name is not written out, or with escapes, or a macro that goes by the name of one in leads.
var unclear = regexp.MustCompile(`env\s*!\s*[(\[{]\s*(?:[^"\s]|"[^"]*\\)|macro_rules\s*!\s*(?:include|include_str|include_bytes|concat|env)\b`)

// values binds what depends on paths in the variables that the crate names, where paths are mapped; otherwise their values count
// as they are.
func (g *gathering) values(env []envDep, sources []string) error {
	if len(g.d.maps) == 0 {
		return nil
	}
	for _, e := range env {
		if !strings.HasPrefix(e.value, "/") {
			continue
		}
		only, err := g.onlyLeads(e.name, sources)
		if err != nil {
			return err
		}
		if !only {
			g.in.BindPaths = append(g.in.BindPaths, e.value)
		}
	}
	return nil
}

// onlyLeads reports whether the sources name a variable only where it leads to a file. A crate that is loaded and holds the name may
// have a macro that does otherwise, so its sources are looked at too.
func (g *gathering) onlyLeads(name string, sources []string) (bool, error) {
	form, err := regexp.Compile(leads + regexp.QuoteMeta(name) + `"`)
	if err != nil {
		return false, err
	}
	only, found, err := g.leadsIn(form, name, sources)
	if err != nil || !only {
		return false, err
	}
	for _, path := range g.d.crates {
		content, _, err := g.files.Read(path, maxCrate)
		if err != nil {
			return false, compile.Refuse(compile.ReasonInput, err.Error())
		}
		if !bytes.Contains(content, []byte(name)) {
			continue
		}
		if only, _, err = g.leadsIn(form, name, g.sourcesOf(path)); err != nil || !only {
			return false, nil
		}
		found = true
	}
	return found, nil // otherwise nobody knows who named it
}

// leadsIn reports whether sources name a variable nowhere but in a form, and whether they do so at all. No sources are no answer.
func (g *gathering) leadsIn(form *regexp.Regexp, name string, sources []string) (only, found bool, err error) {
	for _, path := range sources {
		text, _, err := g.files.Read(path, maxSource)
		if err != nil {
			return false, false, compile.Refuse(compile.ReasonInput, err.Error())
		}
		rest := form.ReplaceAll(text, nil)
		if bytes.Contains(rest, []byte(name)) || unclear.Match(text) {
			return false, false, nil
		}
		found = found || len(rest) < len(text)
	}
	return len(sources) > 0, found, nil
}

// sourcesOf returns what a crate was made of, as the dep-info beside it says; nil where none is there. Cargo makes a crate again before it
// compiles what depends on it, so the sources are those of the crate.
func (g *gathering) sourcesOf(path string) []string {
	base := filepath.Base(path)
	stem := strings.TrimPrefix(strings.TrimSuffix(base, filepath.Ext(base)), "lib")
	text, _, err := g.files.Read(filepath.Join(filepath.Dir(path), stem+".d"), maxDepInfo)
	if err != nil {
		return nil
	}
	said, err := parseDepInfo(text)
	if err != nil {
		return nil
	}
	var sources []string
	for _, p := range said.paths {
		sources = append(sources, frontend.Absolute(g.c.Dir, p))
	}
	return sources
}
