package report

import (
	"path"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// maxChain is how many crates a chain has at most.
const maxChain = 16

// crateName returns the name of the crate in a library's file, as in libNAME-HASH.rmeta.
func crateName(file string) string {
	name := strings.TrimSuffix(path.Base(file), path.Ext(file))
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		name = name[:i]
	}
	return strings.TrimPrefix(name, "lib")
}

// stem is what the files of one crate have in common: .rmeta is read where .rlib was told.
func stem(file string) string { return strings.TrimSuffix(file, path.Ext(file)) }

// chains finds out why the crates changed to which an event is due: their own misses, recorded before it, tell. Crates that changed
// because of one that is told anyway are told in its chain only.
func chains(instance string, e *compile.Event, causes []ExplainedCause) ([]ExplainedCause, error) {
	missed := map[string]*compile.Event{} // the newest by stem of the output
	wanted := false
	for _, c := range causes {
		wanted = wanted || c.Kind == "crate"
	}
	if !wanted {
		return causes, nil
	}
	err := eachKept(instance, func(o *compile.Event) {
		if o.Outcome == compile.Miss && o.Output != "" && !o.Time.After(e.Time) {
			missed[stem(o.Output)] = newer(missed[stem(o.Output)], o)
		}
	})
	if err != nil {
		return nil, err
	}
	told := map[string]bool{}
	for i, c := range causes {
		if c.Kind != "crate" {
			continue
		}
		seen := map[string]bool{stem(c.Name): true, stem(e.Output): true}
		for at := c.Cause; at.Kind == "crate" && len(causes[i].Because) < maxChain; {
			o := missed[stem(at.Name)]
			if o == nil || len(o.Causes) == 0 {
				break
			}
			next := root(o.Causes)
			if next.Kind == "crate" {
				if seen[stem(next.Name)] {
					break
				}
				seen[stem(next.Name)], told[stem(next.Name)] = true, true
			}
			causes[i].Because = append(causes[i].Because, next)
			causes[i].Text += ", because " + describe(&next).String()
			at = next
		}
	}
	var kept []ExplainedCause
	for _, c := range causes {
		if c.Kind != "crate" || !told[stem(c.Name)] {
			kept = append(kept, c)
		}
	}
	return kept, nil
}

// root returns the cause that explains most: what is not another crate's.
func root(causes []compile.Cause) compile.Cause {
	best := causes[0]
	for _, c := range causes[1:] {
		if weight(c.Kind) < weight(best.Kind) {
			best = c
		}
	}
	return best
}

func isRust(e *compile.Event) bool { return e.Compiler == "rustc" || e.Compiler == "clippy" }

// isCrate reports whether a crate of this name was compiled.
func isCrate(e *compile.Event, name string) bool {
	return isRust(e) && e.Output != "" && crateName(e.Output) == name
}

// isModule reports whether a file may be a module of the crate with this root.
func isModule(e *compile.Event, root, file string) bool {
	return isRust(e) && root != "" && path.Ext(file) == ".rs" && strings.HasPrefix(file, path.Dir(root)+"/")
}
