//go:build unix

package rustoracle

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Actions of procedural macros, as sources and metadata say them: a verb and a name.
//
//	reads_env NAME      a variable
//	reads_package PATH  a file of the package that uses the macro
//	lists_package PATH  the names in a directory of it
//	reads_workspace PATH  a file of the workspace, two directories above the package
//	reads_output PATH   a file in OUT_DIR
//	starts PROGRAM
var actionImports = map[string]string{
	"reads_env": "getenv", "reads_package": "open", "lists_package": "opendir", "reads_workspace": "open", "reads_output": "open", "starts": "execvp",
}

// isAction reports whether a statement is what a macro does.
func isAction(statement string) bool {
	verb, _, _ := strings.Cut(statement, " ")
	return actionImports[verb] != ""
}

// imports are the functions of the C library that a macro of these actions calls.
func imports(actions []string) []string {
	var names []string
	for _, a := range actions {
		verb, _, _ := strings.Cut(a, " ")
		if name := actionImports[verb]; !slices.Contains(names, name) {
			names = append(names, name)
		}
		if verb == "reads_workspace" || verb == "reads_package" || verb == "lists_package" || verb == "reads_output" {
			if !slices.Contains(names, "getenv") { // CARGO_MANIFEST_DIR, OUT_DIR
				names = append(names, "getenv")
			}
		}
	}
	slices.Sort(names)
	return names
}

// expand runs a macro that was loaded: what comes out rests on its library and on what it reads.
func (s *session) expand(name, argument, file string) (string, error) {
	for _, l := range s.crates {
		if l.Name != name || !l.Macro {
			continue
		}
		library, err := os.ReadFile(l.code)
		if err != nil {
			return "", &failure{"E0463", "can't find crate for `" + name + "`", file}
		}
		out := argument + " by " + sum(library)
		for _, a := range l.Actions {
			out += "\n" + a + ": " + s.act(a)
		}
		return out, nil
	}
	return "", &failure{"", "cannot find macro `" + name + "`", file}
}

// act does one thing on behalf of a macro.
func (s *session) act(action string) string {
	verb, name, _ := strings.Cut(action, " ")
	pkg, _ := s.getenv("CARGO_MANIFEST_DIR")
	read := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			return "none"
		}
		return sum(text)
	}
	switch verb {
	case "reads_env":
		if v, ok := s.getenv(name); ok {
			return "Some " + v
		}
		return "None"
	case "reads_package":
		return read(pkg + "/" + name)
	case "lists_package":
		var names []string
		entries, _ := os.ReadDir(pkg + "/" + name)
		for _, e := range entries {
			if e.Type().IsRegular() {
				names = append(names, e.Name())
			}
		}
		return strings.Join(names, " ")
	case "reads_workspace":
		return read(filepath.Dir(filepath.Dir(pkg)) + "/" + name)
	case "reads_output":
		out, _ := s.getenv("OUT_DIR")
		return read(out + "/" + name)
	}
	return "ran"
}
