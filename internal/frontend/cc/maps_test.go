//go:build unix

package cc

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

func TestMap(t *testing.T) {
	checkout, home := frontend.PathMap{From: "/home/u/proj", To: "/m/checkout"}, frontend.PathMap{From: "/home/u", To: "/m/home"}
	apart := frontend.PathMap{From: "/srv/p", To: "/m/checkout"}
	sibling := frontend.PathMap{From: "/home/u/proj-build", To: "/m/root1"}
	const mapHome, mapCheckout = "-ffile-prefix-map=/home/u=/m/home", "-ffile-prefix-map=/home/u/proj=/m/checkout"
	for _, tt := range []struct {
		what  string
		chain chain
		maps  []frontend.PathMap
		want  []string // before the user's arguments; nil: not mapped
	}{
		{"old gcc", chain{major: 7}, []frontend.PathMap{home}, nil},
		{"gcc", chain{major: 8}, []frontend.PathMap{checkout, home}, []string{mapHome, mapCheckout}},
		{"old clang", chain{clang: true, major: 9}, []frontend.PathMap{home}, nil},
		{"clang of unknown order", chain{clang: true, major: 10}, []frontend.PathMap{checkout, home}, []string{mapCheckout}},
		{"clang", chain{clang: true, major: 14}, []frontend.PathMap{home, checkout}, []string{mapHome, mapCheckout}},
		{"old clang of Apple's", chain{clang: true, apple: true, major: 11}, []frontend.PathMap{home}, nil},
		{"clang of Apple's", chain{clang: true, apple: true, major: 14}, []frontend.PathMap{home}, []string{mapHome}},
		{"not within each other", chain{major: 12}, []frontend.PathMap{apart, home}, []string{mapHome, "-ffile-prefix-map=/srv/p=/m/checkout"}},
		// Compilers compare bytes, so the shorter would take what lies in the other.
		{"beginning of a name", chain{major: 12}, []frontend.PathMap{sibling, checkout},
			[]string{mapCheckout, "-ffile-prefix-map=/home/u/proj-build=/m/root1"}},
	} {
		user := []string{"-g", "-ffile-prefix-map=/x=/y", "-c", "a.c"}
		c := &compile.Compilation{Invocation: &compile.Invocation{Args: user}, Args: user, Detail: &detail{maps: []prefixMap{{mapsFile, "/x"}}}}
		tc := &compile.Toolchain{Detail: &tt.chain}
		got, args := New().Map(c, tc, tt.maps)
		if tt.want == nil {
			if got != c || args != nil {
				t.Errorf("%s: Map gives %q, %q, want nothing mapped", tt.what, got.Args, args)
			}
			continue
		}
		want := slices.Concat(tt.want, user)
		if cmp.Diff(got.Args, want) != "" || cmp.Diff(args, want) != "" || len(got.Detail.(*detail).maps) != len(tt.want)+1 {
			t.Errorf("%s: Map gives %q, %q and maps %v, want %q", tt.what, got.Args, args, got.Detail.(*detail).maps, want)
		}
		if plan := New().Plan(got, tc, "/s/1"); !slices.Equal(plan.Args[:len(want)], want) {
			t.Errorf("%s: the plan is %q, want %q first", tt.what, plan.Args, want)
		}
		if len(c.Args) != len(user) || len(c.Detail.(*detail).maps) != 1 {
			t.Errorf("%s: Map changed the compilation it was given", tt.what)
		}
	}
}

func TestMapping(t *testing.T) {
	maps := []prefixMap{{mapsFile, "/home/u"}, {mapsFile, "/home/u/proj"}, {mapsMacro, "/home/u/pr"}, {mapsDebug, "/srv/"}}
	for _, tt := range []struct {
		path          string
		kinds         []mapKind
		applies, cuts bool
	}{
		{"/home/u/proj/a.c", []mapKind{mapsFile}, true, false},
		{"/home/u/proj", []mapKind{mapsFile}, true, false},
		{"/home/u/project/a.c", []mapKind{mapsFile}, true, true},
		{"/home/u/x/a.c", []mapKind{mapsFile}, true, false},
		{"/home/user/a.c", []mapKind{mapsFile}, true, true},
		// The last and the longest differ: either may be taken.
		{"/home/u/proj/a.c", []mapKind{mapsFile, mapsMacro}, true, true},
		{"/srv/a.c", []mapKind{mapsFile, mapsDebug}, true, false},
		{"/srv/a.c", []mapKind{mapsFile, mapsMacro}, false, false},
		{"/srv", []mapKind{mapsDebug}, false, false},
		{"a.c", []mapKind{mapsFile}, false, false},
	} {
		d := &detail{maps: maps}
		if applies, cuts := d.mapping(tt.path, tt.kinds...); applies != tt.applies || cuts != tt.cuts {
			t.Errorf("mapping(%q, %v) = %t, %t, want %t, %t", tt.path, tt.kinds, applies, cuts, tt.applies, tt.cuts)
		}
	}
}

func TestMapsNames(t *testing.T) {
	for _, tt := range []struct {
		chain chain
		want  [3]bool // __FILE__, __builtin_FILE, source_location
	}{
		{chain{major: 11}, [3]bool{true, false, false}},
		{chain{major: 12}, [3]bool{true, true, true}},
		{chain{clang: true, major: 13}, [3]bool{true, false, false}},
		{chain{clang: true, major: 18}, [3]bool{true, true, false}},
	} {
		for i, text := range []string{"char *f = __FILE__;", "char *f = __builtin_FILE();", "std::source_location l;"} {
			if got := tt.chain.mapsNames(scan([]byte(text))); got != tt.want[i] {
				t.Errorf("mapsNames of %q with %+v = %t, want %t", text, tt.chain, got, tt.want[i])
			}
		}
	}
}

func TestPathNames(t *testing.T) {
	for _, tt := range []struct {
		arg, value string
		want       detail
	}{
		{"-ffile-prefix-map=/a=/b", "/a=/b", detail{maps: []prefixMap{{mapsFile, "/a"}}}},
		{"-fdebug-prefix-map=/a=", "/a=", detail{maps: []prefixMap{{mapsDebug, "/a"}}}},
		{"-fmacro-prefix-map=/a=b=c", "/a=b=c", detail{maps: []prefixMap{{mapsOther, "/a"}}}},
		{"-fprofile-prefix-map=/a=/b", "/a=/b", detail{maps: []prefixMap{{mapsOther, "/a"}}}},
		{"-fdebug-compilation-dir=/a", "/a", detail{compDirs: []string{"/a"}}},
		{"-fdebug-compilation-dir", "/a", detail{compDirs: []string{"/a"}}},
		{"-ffile-compilation-dir=.", ".", detail{}},
	} {
		p := &parser{det: &detail{}}
		p.pathNames(tt.arg, tt.value)
		if d := cmp.Diff(*p.det, tt.want, cmp.AllowUnexported(detail{}, prefixMap{})); d != "" {
			t.Errorf("pathNames(%q, %q) (-got +want):\n%s", tt.arg, tt.value, d)
		}
	}
}

func TestScanLines(t *testing.T) {
	for _, tt := range []struct {
		text     string
		lines    string
		computed bool
	}{
		{"#line 3 \"/a/b.y\"\n#line 4 \"/a/b.y\"\n# 7 \"/c.l\" 2\n", "/a/b.y /c.l", false},
		{"#line 3 \"b.y\"\n#line 4\n# 5\n#line 6 // \"/x\"\n#line 7 \"\"\n# \n#\n", "", false},
		{" # /* */ line /**/ 3 /**/ \"/a\"\n", "/a", false},
		{"%:line 3 \"/a\"\n", "/a", false},
		{"#li\\\nne 3 \"/\\\na\"\n", "/a", false},
		{"#line NAME\n", "", true},
		{"#line 3 NAME\n", "", true},
		{"#line 3 \"/a\\x2fb\"\n", "", true},
		{"#line 3 <a>\n", "", true},
		{"#line 3 \"open\n", "", true},
		{"int line; // #line 3 \"/a\"\n", "", false},
	} {
		got := scan([]byte(tt.text))
		if lines := strings.Join(got.lines, " "); lines != tt.lines || got.lineComputed != tt.computed {
			t.Errorf("scan(%q) finds #line of %q, computed %t, want %q, %t", tt.text, lines, got.lineComputed, tt.lines, tt.computed)
		}
	}
}

// Where a map replaces the names that macros give, they do not bind; and a map costs messages and dependencies nothing.
func TestMapsBind(t *testing.T) {
	for _, program := range compilers(t, "gcc", "clang") {
		p := newProject(t, program, map[string]string{
			"m.c": "#include \"x.h\"\n", "x.h": "static const char *f = __FILE__;\n",
			"b.c": "const char *f(void) { return __builtin_FILE(); }\n",
			"l.c": "#line 3 \"/other/y\"\nint i;\n", "c.c": "#define N \"y\"\n#line 3 N\nint i;\n",
		})
		m, b := filepath.Join(p.dir, "m.c"), filepath.Join(p.dir, "b.c")
		all, macro, debug := "-ffile-prefix-map="+p.dir+"=.", "-fmacro-prefix-map="+p.dir+"=.", "-fdebug-prefix-map="+p.dir+"=."
		for _, tt := range []struct {
			want string
			args []string
		}{
			{"file-macro", []string{m}},
			{"", []string{all, m}},
			{"", []string{macro, m}},
			{"file-macro", []string{debug, m}},
			{"file-macro", []string{"-fmacro-prefix-map=/elsewhere=.", m}},
			{"", []string{all, b}},
			// What is left of the name depends on the directory's.
			{"file-macro", []string{"-fmacro-prefix-map=" + p.dir[:len(p.dir)-1] + "=.", m}},
			{"prefix-map", []string{"-fdebug-prefix-map=" + p.dir[:len(p.dir)-1] + "=.", "m.c"}},
			{"", []string{"l.c"}},
			{"", []string{all, "l.c"}},
			{"line-directive", []string{all, "-fdebug-prefix-map=/other=.", "l.c"}},
			{"", []string{"c.c"}},
			{"line-directive", []string{all, "c.c"}},
		} {
			in, err := p.compile(append([]string{"-c", "-o", "m.o"}, tt.args...)...)
			if err != nil {
				t.Fatal(err)
			}
			if in.BindAll != tt.want {
				t.Errorf("%s: inputs of %q bind for %q, want %q", filepath.Base(program), tt.args, in.BindAll, tt.want)
			}
		}
	}
}
