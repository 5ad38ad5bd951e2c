package rustc

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
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

// unclear is a variable whose name is not written out, or a macro that goes by the name of one in leads.
var unclear = regexp.MustCompile(`env\s*!\s*[(\[{]\s*[^"\s]|macro_rules\s*!\s*(?:include|include_str|include_bytes|concat|env)\b`)

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
// have a macro that does otherwise.
func (g *gathering) onlyLeads(name string, sources []string) (bool, error) {
	form, err := regexp.Compile(leads + regexp.QuoteMeta(name) + `"`)
	if err != nil {
		return false, err
	}
	word, found := []byte(name), false
	for _, path := range sources {
		text, _, err := g.files.Read(path, maxSource)
		if err != nil {
			return false, compile.Refuse(compile.ReasonInput, err.Error())
		}
		rest := form.ReplaceAll(text, nil)
		if bytes.Contains(rest, word) || unclear.Match(text) {
			return false, nil
		}
		found = found || len(rest) < len(text)
	}
	if !found {
		return false, nil // nobody knows who named it
	}
	for _, path := range g.d.crates {
		content, _, err := g.files.Read(path, maxCrate)
		if err != nil {
			return false, compile.Refuse(compile.ReasonInput, err.Error())
		}
		if bytes.Contains(content, word) {
			return false, nil
		}
	}
	return true, nil
}
