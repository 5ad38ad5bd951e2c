package key

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

func TestFindFurtherRoots(t *testing.T) {
	git := func(dir, name string) bool { return dir == "/home/u/proj" && name == ".git" }
	for _, c := range []struct {
		dir     string
		further []string
		want    Roots
	}{
		{"/srv/b/sub", []string{"/srv/b"}, Roots{{"home", "/home/u"}, {"root1", "/srv/b"}}},
		{"/home/u/proj", []string{"/srv/b", "/home/u/proj", "/home/u/x/y"},
			Roots{{"checkout", "/home/u/proj"}, {"root3", "/home/u/x/y"}, {"home", "/home/u"}, {"root1", "/srv/b"}}},
		{"/srv/b", []string{"/", "/srv", "/opt/c"}, Roots{{"home", "/home/u"}, {"directory", "/srv/b"}, {"root3", "/opt/c"}}},
	} {
		got := FindRoots(&compile.Invocation{Dir: c.dir, Env: []string{"HOME=/home/u"}}, git, Listed(c.further)...)
		if !slices.IsSortedFunc(got, func(a, b Root) int { return len(b.Path) - len(a.Path) }) {
			t.Errorf("FindRoots(%q, %q) = %v, want the longest path first", c.dir, c.further, got)
		}
		byName := func(a, b Root) int { return strings.Compare(a.Name, b.Name) }
		slices.SortFunc(got, byName)
		slices.SortFunc(c.want, byName)
		if d := cmp.Diff(got, c.want); d != "" {
			t.Errorf("FindRoots(%q, %q) (-got +want):\n%s", c.dir, c.further, d)
		}
	}
}

func TestMappable(t *testing.T) {
	roots := Roots{{"directory", "/tmp/my dir"}, {"checkout", "/home/u/proj"}, {"root1", "/srv/a=b"}, {"home", "/home/u"}}
	for _, c := range []struct {
		dirs []string
		want Roots
	}{
		{nil, Roots{{"checkout", "/home/u/proj"}, {"home", "/home/u"}}},
		{[]string{"/home/u", "/tmp/my dir", "/elsewhere"}, Roots{{"home", "/home/u"}}},
		{[]string{}, nil},
	} {
		if d := cmp.Diff(roots.Mappable(c.dirs), c.want); d != "" {
			t.Errorf("Mappable(%q) (-got +want):\n%s", c.dirs, d)
		}
	}
}

// A map that ends before a root does leaves the rest of the root's path in outputs.
func TestBoundByMaps(t *testing.T) {
	for _, c := range []struct {
		args string
		want []string
	}{
		{"-ffile-prefix-map=/home/u/proj=.", []string(nil)},
		{"-ffile-prefix-map=/home/u/proj/=./", []string{}},
		{"-ffile-prefix-map=/home/u/proj/src=.", nil},
		{"-fdebug-prefix-map=/home/u=.", []string{"checkout"}},
		{"-fdebug-prefix-map=/home/u/=.", []string{"checkout"}},
		{"-fdebug-prefix-map=/home/u/pr=.", []string{"checkout"}},
		{"-fmacro-prefix-map=/home=", []string{"checkout", "home"}},
		{"-ffile-prefix-map==x", []string{"checkout", "home"}},
		{"-ffile-prefix-map=/home/u=/h -ffile-prefix-map=/home/u/proj=/c", nil},
		{"-ffile-prefix-map=/home/u/proj=/c -ffile-prefix-map=/home/u=/h", []string{"checkout"}},
		{"-ffile-prefix-map=/home/u=/h -fdebug-prefix-map=/home/u/proj=/c", []string{"checkout"}},
		{"-fdebug-prefix-map=/home/u=/h -fdebug-prefix-map=/home/u/proj=/c", nil},
		{"-fdebug-prefix-map=/srv=/h -O2 a-prefix-map=/home", nil},
		{"--remap-path-prefix=/home/u=/h", []string{"checkout"}},
		{"--remap-path-prefix=/home/u=/h --remap-path-prefix=/home/u/proj=/c", nil},
		{"--remap-path-prefix=/home/u/proj=/c --remap-path-prefix=/home/u=/h", []string{"checkout"}},
		{"--remap-path-prefix=/home/u/proj/src=/c", nil},
	} {
		comp := &compile.Compilation{Invocation: &compile.Invocation{Program: "/usr/bin/gcc", Dir: "/srv/x"}, Source: "/srv/x/a.c", Args: strings.Fields(c.args)}
		got := Write(comp, &compile.Toolchain{}, digest.Key{}, digest.Digest{}, testRoots, Settings{}).Bound
		if !slices.Equal(got, c.want) {
			t.Errorf("recipe with %s is bound to %q, want %q", c.args, got, c.want)
		}
	}
}

// A root that is not mapped, in one that is, leaves its name in outputs.
func TestInsideMapped(t *testing.T) {
	for _, c := range []struct{ mapped, want []string }{
		{nil, nil},
		{[]string{"home"}, []string{"checkout"}},
		{[]string{"checkout"}, nil},
		{[]string{"home", "checkout"}, nil},
	} {
		comp := &compile.Compilation{Invocation: &compile.Invocation{Program: "/usr/bin/rustc", Dir: "/srv/x"}, Source: "/srv/x/a.rs"}
		got := Write(comp, &compile.Toolchain{}, digest.Key{}, digest.Digest{}, testRoots, Settings{Mapped: c.mapped})
		if !slices.Equal(got.Bound, c.want) || !slices.Equal(got.Mapped, c.mapped) {
			t.Errorf("with %q mapped the recipe is bound to %q, want %q", c.mapped, got.Bound, c.want)
		}
	}
}

// A variable's value below a mapped root is the same in all checkouts; one below another root, or of another form, is not.
func TestKeyOfMappedValues(t *testing.T) {
	s, _ := newState(t)
	checks := NewChecks()
	keyIn := func(checkout, value string, mapped, bound []string) digest.Key {
		roots := Roots{{"target", checkout + "/target"}, {"checkout", checkout}, {"home", "/home/u"}}
		inv := &compile.Invocation{Dir: checkout, Env: []string{"V=" + value}}
		set := &compile.InputSet{Env: []string{"V"}, Bound: bound}
		cur, m := NewLookup(s.NewView(), checks, Recipe{Mapped: mapped}, roots, inv, 1).Check(set)
		if m != nil {
			t.Fatal(m)
		}
		return cur.Key
	}
	all := []string{"checkout", "home", "target"}
	for _, c := range []struct {
		what          string
		one, two      string
		mapped, bound []string
		same          bool
	}{
		{"below a root", "/a/one/x", "/a/two/x", all, nil, true},
		{"the root", "/a/one", "/a/two", all, nil, true},
		{"below the inner root", "/a/one/target/x", "/a/two/target/x", all, nil, true},
		{"another place below it", "/a/one/x", "/a/two/y", all, nil, false},
		{"another root", "/a/one/x", "/home/u/x", all, nil, false},
		{"spelled as we do", "/a/one/x", "<checkout>/x", all, nil, false},
		{"within the value", "-L/a/one/x", "-L/a/two/x", all, nil, false},
		{"inner root not mapped", "/a/one/target/x", "/a/two/target/x", []string{"checkout"}, nil, false},
		{"bound", "/a/one/x", "/a/two/x", all, []string{"checkout"}, false},
		{"nothing mapped", "/a/one/x", "/a/two/x", nil, nil, false},
	} {
		if got := keyIn("/a/one", c.one, c.mapped, c.bound) == keyIn("/a/two", c.two, c.mapped, c.bound); got != c.same {
			t.Errorf("%s: %s in one and %s in two make the same key: %v, want %v", c.what, c.one, c.two, got, c.same)
		}
	}
}
