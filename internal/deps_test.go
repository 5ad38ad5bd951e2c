package internal

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/compile-cache/compile-cache-action/"

// layers is the import policy: a package imports only packages of lower layers. A new package gets its line here first.
var layers = []struct {
	layer    int
	packages []string
}{
	{0, []string{"internal", "internal/ar", "internal/digest", "internal/protocol", "internal/recent", "internal/config"}},
	{1, []string{"internal/compile", "internal/wrapper"}},
	{2, []string{
		"internal/cache", "internal/cache/bucket/objects", "internal/cache/bucket/pack", "internal/credentials", "internal/frontend",
		"internal/frontend/rustc/procmacro", "internal/recheck", "internal/report",
	}},
	{3, []string{
		"internal/frontend/frontendtest", "internal/frontend/toolchain", "internal/key", "internal/github",
		"internal/cache/cachetest", "internal/cache/disk", "internal/cache/tiers", "internal/cache/bucket",
		"internal/cache/bucket/objects/objectstest", "internal/cache/bucket/objects/dir", "internal/cache/bucket/objects/s3", "internal/cache/bucket/objects/s3/s3test",
	}},
	{4, []string{"internal/engine", "internal/frontend/rustc/linker"}},
	{5, []string{"internal/frontend/cc", "internal/frontend/rustc"}},
	{6, []string{"internal/daemon", "internal/oracle", "internal/oracle/search", "internal/fakecc"}},
	{7, []string{"internal/bench", "internal/oracle/oraclecc", "internal/oracle/rustoracle"}},
	{8, []string{"cmd/ccwrap", "cmd/compile-cache", "cmd/compile-cache-bench"}},
}

// only lists, for packages whose imports from this module are fixed, the whole of them.
var only = map[string][]string{
	"cmd/ccwrap":                  {"internal/wrapper"},
	"internal/wrapper":            {"internal/protocol"},
	"internal/github":             {},
	"internal/credentials":        {},
	"internal/frontend/toolchain": {"internal/compile", "internal/digest", "internal/frontend", "internal/recent"},
	"internal/frontend/cc":        {"internal/compile", "internal/digest", "internal/frontend", "internal/frontend/toolchain", "internal/recent"},
	"internal/frontend/rustc": {
		"internal/ar", "internal/compile", "internal/digest", "internal/frontend", "internal/frontend/rustc/linker",
		"internal/frontend/rustc/procmacro", "internal/frontend/toolchain", "internal/recent",
	},
	"internal/frontend/rustc/linker": {"internal/compile", "internal/frontend", "internal/frontend/toolchain", "internal/recent"},

	"internal/frontend/rustc/procmacro": {},
}

// homes lists, for each module outside of this one, who may import it.
var homes = map[string][]string{
	"github.com/alecthomas/kong":            {"cmd/compile-cache", "cmd/compile-cache-bench"},
	"github.com/sethvargo/go-githubactions": {"internal/github"},
	"github.com/aws/aws-sdk-go-v2":          {"internal/cache/bucket/objects/s3", "internal/credentials"},
	"github.com/aws/smithy-go":              {"internal/cache/bucket/objects/s3", "internal/credentials"},
	"github.com/google/go-cmp":              {"internal/cache/bucket/objects/objectstest"},
	"github.com/hashicorp/go-retryablehttp": {"internal/credentials"},
	"github.com/klauspost/compress":         {"internal/cache/bucket/pack"},
	"github.com/dustin/go-humanize":         {"internal/report", "cmd/compile-cache"},
	"golang.org/x/sync":                     {"internal/key", "internal/engine", "internal/cache", "internal/daemon", "internal/bench"},
	"golang.org/x/sys":                      {"internal/key", "internal/engine", "internal/cache", "internal/daemon", "internal/oracle", "internal/bench"},
}

// mayReadTheWorld lists the packages that may read the clock and the environment, and exit. Beyond the programs and what is one
// with them it is bench, whose business is the clock.
var mayReadTheWorld = []string{"cmd", "internal/wrapper", "internal/daemon", "internal/bench", "internal/oracle/oraclecc"}

// TestImports holds every package to the policy above. It parses: what a child such as go list reads, the cache of go test would
// not notice.
func TestImports(t *testing.T) {
	layerOf := map[string]int{}
	for _, l := range layers {
		for _, p := range l.packages {
			layerOf[p] = l.layer
		}
	}
	seen := map[string]bool{}
	eachFile(t, func(pkg, name string, file *ast.File) {
		layer, ok := layerOf[pkg]
		if !ok && !seen[pkg] {
			t.Errorf("package %s is in no layer; add it to layers", pkg)
		}
		seen[pkg] = true
		if !ok {
			return
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if ours, ok := strings.CutPrefix(imported, module); ok {
				below, known := layerOf[ours]
				if known && below >= layer {
					t.Errorf("%s (layer %d) imports %s (layer %d), want only lower layers", name, layer, ours, below)
				}
				if list, fixed := only[pkg]; fixed && !slices.Contains(list, ours) {
					t.Errorf("%s imports %s, want only %v", name, ours, list)
				}
				continue
			}
			if host, _, _ := strings.Cut(imported, "/"); !strings.Contains(host, ".") {
				continue // the standard library
			}
			if pkg == "cmd/ccwrap" || pkg == "internal/wrapper" || pkg == "internal/protocol" {
				t.Errorf("%s imports %s, want only the standard library: every compile pays for it", name, imported)
			}
			if !within(pkg, homesOf(imported)) {
				t.Errorf("%s imports %s, want it only in %v", name, imported, homesOf(imported))
			}
		}
	})
	for _, l := range layers {
		for _, p := range l.packages {
			if _, err := os.Stat(path.Join("..", p)); err == nil && !seen[p] {
				t.Errorf("%s is in the policy, but no package is there", p)
			}
		}
	}
}

// TestTimeAndEnvironmentAreValues finds calls by which a package would read what its caller should give it.
func TestTimeAndEnvironmentAreValues(t *testing.T) {
	banned := map[string][]string{
		"time": {"Now", "Since", "Until"},
		"os":   {"Getenv", "LookupEnv", "Environ", "ExpandEnv", "Setenv", "Exit", "UserHomeDir", "UserCacheDir"},
		"log":  {"Fatal", "Fatalf", "Fatalln", "Print", "Printf", "Println"},
	}
	checked := 0
	eachFile(t, func(pkg, name string, file *ast.File) {
		if within(pkg, mayReadTheWorld) {
			return
		}
		checked++
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			calls := banned[imported]
			local := imported
			if spec.Name != nil {
				local = spec.Name.Name
			}
			ast.Inspect(file, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == local && slices.Contains(calls, sel.Sel.Name) {
					t.Errorf("%s uses %s.%s, want it given as a value", name, imported, sel.Sel.Name)
				}
				return true
			})
		}
	})
	if checked == 0 {
		t.Error("no file was checked")
	}
}

// eachFile calls f for every Go file of this module but tests, with the package's path and the file's name below the root.
func eachFile(t *testing.T, f func(pkg, name string, file *ast.File)) {
	t.Helper()
	root := os.DirFS("..")
	found := 0
	for _, top := range []string{"cmd", "internal"} {
		err := fs.WalkDir(root, top, func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir():
				if _, err := fs.Stat(root, path.Join(name, "go.mod")); err == nil || d.Name() == "testdata" {
					return fs.SkipDir // another module
				}
				return nil
			case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
				return nil
			}
			src, err := fs.ReadFile(root, name)
			if err != nil {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, src, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			found++
			f(path.Dir(name), name, file)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 50 {
		t.Fatalf("found %d files, want the whole module", found)
	}
}

// homesOf returns the packages that may import a module's package: none where the module is not listed.
func homesOf(imported string) []string {
	for m, list := range homes {
		if within(imported, []string{m}) {
			return list
		}
	}
	return nil
}

// within reports whether p is one of the paths or below one.
func within(p string, paths []string) bool {
	return slices.ContainsFunc(paths, func(at string) bool { return p == at || strings.HasPrefix(p, at+"/") })
}
