package bucket

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/e2e/workplace"
)

// result is what a build left.
type result struct {
	status         int
	stdout, stderr string
	outputs        map[string]string // of the directory build: name -> mode and SHA-256
	took           time.Duration
}

// recipe builds examples/jot: make keeps each target's messages together and goes on after mistakes, so that builds are comparable,
// and gcc has something to say.
var recipe = []string{"make", "-j2", "--keep-going", "--output-sync=target", "BUILD=build", "CFLAGS=-O1 -Wall -Wextra -Wpadded"}

// checkout puts examples/jot into dir, as a fresh clone would. What is in dir goes.
func checkout(t *testing.T, dir string) {
	t.Helper()
	old, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range old {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	from := filepath.Join(work.Repository, "examples", "jot")
	files := []string{"Makefile"}
	for _, part := range []string{"src", "tests"} {
		found, err := os.ReadDir(filepath.Join(from, part))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range found {
			files = append(files, filepath.Join(part, e.Name()))
		}
	}
	for _, name := range files {
		if err := workplace.Copy(filepath.Join(from, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// units is how many files of examples/jot are compiled: all, and those of the program without its tests.
func units(t *testing.T) (all, program int) {
	t.Helper()
	src, err := filepath.Glob(filepath.Join(work.Repository, "examples", "jot", "src", "*.c"))
	if err != nil {
		t.Fatal(err)
	}
	tests, err := filepath.Glob(filepath.Join(work.Repository, "examples", "jot", "tests", "*.c"))
	if err != nil {
		t.Fatal(err)
	}
	if len(src) < 15 || len(tests) < 5 {
		t.Fatalf("examples/jot has %d and %d files, want a real project", len(src), len(tests))
	}
	return len(src) + len(tests), len(src)
}

// execute runs a build in dir.
func execute(t *testing.T, dir string, env []string, argv ...string) *result {
	t.Helper()
	r, err := workplace.Start(t.Context(), dir, env, argv...)()
	if err != nil {
		t.Fatal(err)
	}
	return &result{status: r.Status, stdout: r.Stdout, stderr: r.Stderr, took: r.Took}
}

// tree returns the files under dir: mode and contents of each.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		all[name] = fmt.Sprintf("%v %x", fi.Mode(), sha256.Sum256(b))
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return all
}

// plain is the build without a cache; edit is what was done to the checkout before.
var plain = struct {
	mu      sync.Mutex
	results map[string]*result
}{results: map[string]*result{}}

// edit changes a checkout; its name tells it from others.
type edit struct {
	name  string
	apply func(t *testing.T, dir string)
}

var (
	noEdit  = edit{"none", func(*testing.T, string) {}}
	newMain = edit{"main.c", func(t *testing.T, dir string) {
		t.Helper()
		appendTo(t, filepath.Join(dir, "src", "main.c"), "\nint jot_edited(void);\nint jot_edited(void) { return 42; }\n")
	}}
	// mistake makes the build fail: gcc says so, and make ends with 2.
	mistake = edit{"mistake", func(t *testing.T, dir string) {
		t.Helper()
		appendTo(t, filepath.Join(dir, "tests", "main.c"), "\nint broken(void) { return no_such_thing; }\n")
	}}
)

func appendTo(t *testing.T, name, text string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// plainly returns how the edited project is built without a cache. The build is done twice, in different directories: were
// the outcomes different, comparing would prove nothing.
func plainly(t *testing.T, e edit) *result {
	t.Helper()
	plain.mu.Lock()
	defer plain.mu.Unlock()
	if r := plain.results[e.name]; r != nil {
		return r
	}
	var both [2]*result
	for i := range both {
		dir := filepath.Join(directory(t), strings.Repeat("deep/", i), "jot")
		checkout(t, dir)
		e.apply(t, dir)
		both[i] = execute(t, dir, []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}, recipe...)
		both[i].outputs = tree(t, filepath.Join(dir, "build"))
	}
	if d := difference(both[0], both[1]); d != "" {
		t.Fatalf("two plain builds differ: %s", d)
	}
	if !strings.Contains(both[0].stderr, "-Wpadded") {
		t.Fatalf("gcc warns of nothing, so messages are not tested: %s", both[0].stderr)
	}
	plain.results[e.name] = both[1] // not the first: it read the disk
	return both[1]
}

// difference tells how a build differs from the plain one in status, outputs and messages; "" if it does not. On stderr there may
// be lines of ours in addition.
func difference(want, got *result) string {
	if got.status != want.status {
		return fmt.Sprintf("status %d, want %d; stderr: %s", got.status, want.status, got.stderr)
	}
	for _, name := range slices.Sorted(maps.Keys(want.outputs)) {
		if got.outputs[name] != want.outputs[name] {
			return fmt.Sprintf("%s is %q, want %q", name, got.outputs[name], want.outputs[name])
		}
	}
	if len(got.outputs) != len(want.outputs) {
		return fmt.Sprintf("outputs %v, want %v", slices.Sorted(maps.Keys(got.outputs)), slices.Sorted(maps.Keys(want.outputs)))
	}
	if more, less := lines(got.stdout, want.stdout); len(more)+len(less) > 0 {
		return fmt.Sprintf("stdout has %q more and %q less", more, less)
	}
	more, less := lines(got.stderr, want.stderr)
	more = slices.DeleteFunc(more, func(line string) bool {
		return strings.HasPrefix(line, "compile-cache: ") || strings.HasPrefix(line, "::") || strings.HasPrefix(line, "  ")
	})
	if len(more)+len(less) > 0 {
		return fmt.Sprintf("stderr has %q more and %q less", more, less)
	}
	return ""
}

// makeLine is where make says which line of its file failed; with --output-sync make 4.3 does not always say the same.
var makeLine = regexp.MustCompile(`\[Makefile:[0-9]+: `)

// lines compares texts as bags of lines, since parallel builds end in any order.
func lines(got, want string) (more, less []string) {
	got, want = makeLine.ReplaceAllString(got, "["), makeLine.ReplaceAllString(want, "[")
	count := map[string]int{}
	for line := range strings.Lines(want) {
		count[line]++
	}
	for line := range strings.Lines(got) {
		if count[line]--; count[line] < 0 {
			more = append(more, line)
		}
	}
	for line, n := range count {
		for ; n > 0; n-- {
			less = append(less, line)
		}
	}
	return more, less
}
