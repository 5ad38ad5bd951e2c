package wrapper

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestSize(t *testing.T) {
	st, err := os.Stat(ccwrap)
	if err != nil {
		t.Fatal(err)
	}
	if limit := int64(2 << 20); st.Size() >= limit {
		t.Errorf("ccwrap has %d bytes, want less than %d", st.Size(), limit)
	}
}

// Every compile pays for the start of what ccwrap imports: nothing but these small packages. On Windows there is no cache, so
// nothing to be quick for.
func TestImports(t *testing.T) {
	const module = "github.com/compile-cache/compile-cache-action/internal/"
	allowed := []string{
		"encoding/binary", "errors", "io", "os", "os/signal", "runtime", "strconv", "syscall", "time", "unsafe",
		module + "protocol", module + "wrapper",
	}
	read := 0
	for _, dir := range []string{"../../cmd/ccwrap", ".", "../protocol"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, "_windows.go") {
				continue
			}
			read++
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, imp := range f.Imports {
				if path, _ := strconv.Unquote(imp.Path.Value); !slices.Contains(allowed, path) {
					t.Errorf("%s imports %s, want only %v", name, path, allowed)
				}
			}
		}
	}
	if read < 10 {
		t.Errorf("%d files read, want all of ccwrap", read)
	}
}
