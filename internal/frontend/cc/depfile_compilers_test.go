//go:build unix

package cc

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// File names that make needs quoted are read back from what real compilers write, or refused, or read as names that do not
// exist (clang writes a slash for a backslash and does not quote a tab), which Inputs refuses; never read as other files.
func TestDepfileOfCompilers(t *testing.T) {
	headers := []string{
		"plain.h", "with blank.h", "two  blanks.h", "with\ttab.h", "hash#.h", "#first.h", "dollar$.h", "dollars$$.h", "percent%.h",
		"colon:.h", "colon: blank.h", "back\\slash.h", "back\\ blank.h", "back\\\\two.h", "back\\#hash.h", "back\\:colon.h", "back\\$.h", "last\\",
		"quote'.h", "umlaut-ü.h", "日本.h", "tilde~.h", "star*.h", "semi;.h", "amp&.h", "comma,.h", "paren(.h", "equal=.h",
		"bar|.h", "cr\r.h", " first.h", "last.h ", "brace{standard input}.h", "latin\xfc.h",
	}
	for _, program := range compilers(t, "gcc", "clang") {
		kind := filepath.Base(program)
		refused := 0
		for _, header := range headers {
			p := newProject(t, program, map[string]string{"m.c": "#include \"" + header + "\"\n", header: "int x;\n"})
			for _, deps := range []string{"-MD", "-MMD"} {
				argv := []string{program, "-c", deps, "-MP", "-MF", "x.d", "m.c"}
				said, err := p.ask.Probe(t.Context(), argv, nil)
				if err != nil {
					t.Fatal(err)
				}
				if said.Status != 0 {
					t.Logf("%s cannot include %q", kind, header)
					break
				}
				text, err := os.ReadFile(filepath.Join(p.dir, "x.d"))
				if err != nil {
					t.Fatal(err)
				}
				paths, err := parseDepfile(text)
				if err != nil {
					t.Logf("%s %s %q: %v", kind, deps, header, err)
					refused++
					continue
				}
				garbled := kind == "clang" && strings.ContainsAny(header, "\\\t")
				missing := false
				for _, path := range paths {
					if _, err := os.Stat(frontend.Absolute(p.dir, path)); err != nil {
						missing = true
					}
				}
				if garbled != missing || !garbled && !slices.Equal(projectPaths(paths), []string{"m.c", header}) {
					t.Errorf("parseDepfile of %s %s = %q, want m.c and %q; the file is %q", kind, deps, paths, header, text)
				}
			}
		}
		if refused > len(headers) {
			t.Errorf("%d dependency files of %s were refused, want few", refused, kind)
		}
	}
}

// projectPaths returns the relative ones of paths.
func projectPaths(paths []string) []string {
	return slices.DeleteFunc(slices.Clone(paths), func(path string) bool { return strings.HasPrefix(path, "/") })
}
