package rust

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
	"syscall"
	"testing"
)

// target are the files of a target directory: name -> mode and SHA-256.
type target map[string]string

// mayDiffer are the files that a build through a wrapper may leave otherwise than a plain one.
var mayDiffer = regexp.MustCompile(strings.Join([]string{
	`^\.rustc_info\.json$`, // cargo's memory of what rustc answered, under a hash that the wrapper's path and time are in
	`(^|/)incremental/`,    // sessions with names by chance
	// cargo's copy of a .d, with the files in an order by chance: two plain builds differ in it as well. The .d itself is compared.
	`(^|/)\.?fingerprint/(.*/)?dep-[^/]+$`,
	// cargo's own list for a crate of three types: which of the three stands in it follows from that order.
	`(^|/)(debug|release)/libffi\.d$`,
}, "|"))

// snapshot reads a target directory.
func snapshot(t *testing.T, dir string) target {
	t.Helper()
	all := target{}
	err := filepath.WalkDir(filepath.Join(dir, "target"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(filepath.Join(dir, "target"), path)
		if err != nil || mayDiffer.MatchString(name) {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		all[name] = fmt.Sprintf("%v %x", fi.Mode(), sha256.Sum256(b))
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return all
}

// difference names the files that are not as wanted; "" if there are none.
func (want target) difference(got target) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			all = append(all, fmt.Sprintf("%s is %q, want %q", name, got[name], want[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok {
			all = append(all, name+" is new")
		}
	}
	return strings.Join(all, "\n\t")
}

// says is what a build said that has no times in it, as a bag of lines: parallel compiles end in any order.
func says(r *result) map[string]int {
	bag := map[string]int{}
	for line := range strings.Lines(r.stderr) {
		if !finished.MatchString(line) {
			bag[warned.ReplaceAllString(line, "generated")]++
		}
	}
	return bag
}

// finished are cargo's lines that no two builds have in common: the time it took, and that another cargo was waited for.
var finished = regexp.MustCompile(`^ +(Finished|Blocking) `)

// warned is what cargo counts of two compiles of a crate that warn of the same: to the one that ends later they are duplicates.
var warned = regexp.MustCompile("generated [0-9]+ warnings? [(](?:[0-9]+ duplicates?|run `cargo fix[^)]*)[)]")

// built is a build and what it left.
type built struct {
	*result
	target target
	stats  *stats // of a cached one: what it was counted for
}

// plain builds in dir without the cache, from nothing.
func (m *machine) plain(dir string, argv ...string) *built {
	m.t.Helper()
	clean(m.t, dir)
	r := m.execute(dir, argv...)
	return &built{result: r, target: snapshot(m.t, dir)}
}

// build builds in dir through the cache, with the target directory as it is.
func (m *machine) build(dir string, argv ...string) *built {
	m.t.Helper()
	before := m.stats()
	r := m.execute(dir, m.cached(argv...)...)
	b := &built{result: r, target: snapshot(m.t, dir), stats: m.stats().minus(before)}
	m.t.Logf("%s: %s, %v, reasons %v", strings.Join(argv, " "), r.took.Round(1e6), b.stats.Outcomes, b.stats.Reasons)
	return b
}

// again is build from nothing.
func (m *machine) again(dir string, argv ...string) *built {
	m.t.Helper()
	clean(m.t, dir)
	return m.build(dir, argv...)
}

// like checks that a build ended as another did, with the same files and messages.
func (got *built) like(t *testing.T, want *built) {
	t.Helper()
	if got.status != want.status {
		t.Fatalf("status %d, want %d: %s", got.status, want.status, got.stderr)
	}
	if d := want.target.difference(got.target); d != "" {
		t.Errorf("the target directory is not as without us:\n\t%s", d)
	}
	if g, w := says(got.result), says(want.result); !maps.Equal(g, w) {
		t.Errorf("stderr is\n%s\nwant\n%s", got.stderr, want.stderr)
	}
}

// same checks that a cached build from nothing is like a plain one, and returns it.
func (m *machine) same(dir string, argv ...string) *built {
	m.t.Helper()
	want := m.plain(dir, argv...)
	got := m.again(dir, argv...)
	got.like(m.t, want)
	return got
}

// twice checks that a cached build from nothing succeeds like a plain one, that the next has it from the cache whole, and that cargo then
// finds nothing to do.
func (m *machine) twice(dir string, argv ...string) {
	m.t.Helper()
	first := m.same(dir, argv...)
	if first.status != 0 {
		m.t.Fatalf("status %d: %s", first.status, first.stderr)
	}
	warm := m.again(dir, argv...)
	warm.like(m.t, first)
	warm.stats.everything(m.t, first.stats.compiles())
	m.rested(dir, argv...)
}

// rested checks that cargo finds nothing to do.
func (m *machine) rested(dir string, argv ...string) {
	m.t.Helper()
	r := m.execute(dir, m.cached(append(argv[:len(argv):len(argv)], "-v")...)...)
	for line := range strings.Lines(r.stderr) {
		word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if slices.Contains([]string{"Running", "Compiling", "Checking", "Dirty"}, word) {
			m.t.Errorf("the next %s has to do: %s", strings.Join(argv, " "), line)
		}
	}
	if r.status != 0 {
		m.t.Errorf("the next %s: status %d: %s", strings.Join(argv, " "), r.status, r.stderr)
	}
}

// prints checks what a program says.
func (m *machine) prints(program, want string) {
	m.t.Helper()
	if r := m.execute(m.root, program); r.status != 0 || strings.TrimSpace(r.stdout) != want {
		m.t.Errorf("%s prints %q (status %d), want %q %s", program, strings.TrimSpace(r.stdout), r.status, want, r.stderr)
	}
}

// apart checks that no file of a target directory is a file of the cache or of another target directory: whoever changes one in
// place must not change the other.
func apart(t *testing.T, dirs ...string) {
	t.Helper()
	seen := map[uint64]string{}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			fi, err := d.Info()
			if err != nil {
				return err
			}
			inode := fi.Sys().(*syscall.Stat_t).Ino
			if other, ok := seen[inode]; ok && other != dir {
				t.Errorf("%s is the same file as one in %s", path, other)
			}
			seen[inode] = dir
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
