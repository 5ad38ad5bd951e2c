package key

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

var testRoots = Roots{{"checkout", "/home/u/proj"}, {"home", "/home/u"}}

func TestFindRoots(t *testing.T) {
	git := func(at string) func(dir, name string) bool {
		return func(dir, name string) bool { return filepath.Join(dir, name) == at }
	}
	for _, c := range []struct {
		what string
		dir  string
		env  []string
		git  string
		want Roots
	}{
		{"checkout by .git", "/home/u/proj/src", []string{"HOME=/home/u"}, "/home/u/proj/.git", Roots{{"checkout", "/home/u/proj"}, {"home", "/home/u"}}},
		{"workspace wins", "/w/work/p/sub", []string{"GITHUB_WORKSPACE=/w/work/p"}, "/w/work/p/sub/.git", Roots{{"checkout", "/w/work/p"}}},
		{"workspace elsewhere", "/a/b", []string{"GITHUB_WORKSPACE=/w/p"}, "", Roots{{"directory", "/a/b"}}},
		{"directory where no root holds it", "/tmp/x", []string{"HOME=/home/u"}, "", Roots{{"home", "/home/u"}, {"directory", "/tmp/x"}}},
		{"never the top", "/src", []string{"HOME=/"}, "", nil},
		{"never a top-level directory", "/root/x", []string{"HOME=/root"}, "", Roots{{"directory", "/root/x"}}},
		{"one name per path", "/home/u", []string{"HOME=/home/u"}, "/home/u/.git", Roots{{"checkout", "/home/u"}}},
	} {
		got := FindRoots(&compile.Invocation{Dir: c.dir, Env: c.env}, git(c.git))
		if d := cmp.Diff(got, c.want); d != "" {
			t.Errorf("%s: FindRoots (-got +want):\n%s", c.what, d)
		}
	}
}

func TestFindRootsOfACompilation(t *testing.T) {
	inv := &compile.Invocation{Dir: "/c/home/registry/x", Env: []string{"HOME=/root"}}
	got := FindRoots(inv, func(string, string) bool { return false },
		compile.Root{Name: "target", Path: "/t/x"}, compile.Root{Name: "cargo-home", Path: "/c/home/"}, compile.Root{Name: "again", Path: "/t/x"},
		compile.Root{Name: "top", Path: "/t"}, compile.Root{Name: "relative", Path: "x/y"})
	if d := cmp.Diff(got, Roots{{"cargo-home", "/c/home"}, {"target", "/t/x"}}); d != "" {
		t.Errorf("FindRoots (-got +want):\n%s", d)
	}
}

func TestRootOf(t *testing.T) {
	for path, want := range map[string]string{"/home/u/proj/a": "checkout", "/home/u/project": "home", "/home/u": "home", "/usr": ""} {
		if got := testRoots.Of(path); got != want {
			t.Errorf("Of(%q) = %q, want %q", path, got, want)
		}
	}
}

func TestSpellPathRoundTrip(t *testing.T) {
	for path, want := range map[string]string{
		"/home/u/proj/a.c": "<checkout>/a.c", "/home/u/proj": "<checkout>", "/home/u/project/a.c": "<home>/project/a.c",
		"/usr/include/stdio.h": "/usr/include/stdio.h", "/home/u/proj/../x": "<checkout>/../x",
	} {
		got := testRoots.SpellPath(path)
		if got != want {
			t.Errorf("SpellPath(%q) = %q, want %q", path, got, want)
		}
		if back, ok := testRoots.ExpandPath(got); !ok || back != path {
			t.Errorf("ExpandPath(%q) = %q, %v, want %q", got, back, ok, path)
		}
	}
	if _, ok := testRoots.ExpandPath("<nowhere>/a"); ok {
		t.Error("ExpandPath of an unknown root succeeds")
	}
}

func TestSpellArg(t *testing.T) {
	for _, c := range []struct {
		after, arg, want string
		bound            []string
	}{
		{"", "-I/home/u/proj/inc", "-I<checkout>/inc", nil},
		{"-I", "/home/u/proj/inc", "<checkout>/inc", nil},
		{"", "/home/u/proj/a.c", "<checkout>/a.c", nil},
		{"", "-ffile-prefix-map=/home/u/proj=.", "-ffile-prefix-map=<checkout>=.", nil},
		// What a compiler makes of a path in a macro no scan shows: strcpy becomes immediates.
		{"", `-DP="/home/u/proj"`, `-DP="/home/u/proj"`, []string{"checkout", "home"}},
		{"-D", "/home/u/x", "/home/u/x", []string{"home"}},
		{"", "-frandom-seed=/home/u/x", "-frandom-seed=/home/u/x", []string{"home"}},
		// Not below the root, though its text is there.
		{"", "-I/mnt/home/u/x", "-I/mnt/home/u/x", []string{"home"}},
		{"", "-Imnt/home/u/x", "-Imnt/home/u/x", []string{"home"}},
		{"", "-I/home/u/project", "-I<home>/project", nil},
		{"", "-I/home/user/x", "-I/home/user/x", []string{"home"}},
		{"", "-DX=<checkout>", "-DX=<<>checkout>", nil},
		{"", "--remap-path-prefix=/home/u/proj/src=/s", "--remap-path-prefix=<checkout>/src=/s", nil},
		{"", "--remap-path-prefix=/home/u/proj=/s", "--remap-path-prefix=<checkout>=/s", nil},
		{"", "--remap-path-prefix=/x=/home/u/proj", "--remap-path-prefix=/x=/home/u/proj", []string{"checkout", "home"}},
	} {
		got, bound := testRoots.SpellArg(c.after, c.arg)
		if got != c.want || cmp.Diff(bound, c.bound) != "" {
			t.Errorf("SpellArg(%q, %q) = %q, %q, want %q, %q", c.after, c.arg, got, bound, c.want, c.bound)
		}
	}
}

func TestTemplateRoundTrip(t *testing.T) {
	other := Roots{{"checkout", "/work/elsewhere"}, {"home", "/root/me"}}
	for _, c := range []struct{ text, moved string }{
		{"a.o: /home/u/proj/a.c \\\n /home/u/proj/b.h\n", "a.o: /work/elsewhere/a.c \\\n /work/elsewhere/b.h\n"},
		{"/home/u/proj: In function", "/work/elsewhere: In function"},
		{"/home/u/project/x.c", "/root/me/project/x.c"},
		{"/mnt/home/u/proj/x.c", "/mnt/home/u/proj/x.c"},
		{"a\x00b /home/u/x\x00\x00", "a\x00b /root/me/x\x00\x00"},
		{"'/home/u/proj' '/home/u'", "'/work/elsewhere' '/root/me'"},
		{`{"rendered":"\u001b[1m--> \u001b[0m/home/u/proj/a.rs:1\u001b"}`, `{"rendered":"\u001b[1m--> \u001b[0m/work/elsewhere/a.rs:1\u001b"}`},
		{"\x1b[0m/home/u/x \\u001/home/u/x", "\x1b[0m/root/me/x \\u001/home/u/x"},
		{"", ""},
	} {
		tmpl := testRoots.Template([]byte(c.text))
		if got, err := testRoots.Expand(tmpl); err != nil || string(got) != c.text {
			t.Errorf("Expand(Template(%q)) = %q, %v", c.text, got, err)
		}
		if got, err := other.Expand(tmpl); err != nil || string(got) != c.moved {
			t.Errorf("elsewhere, Template(%q) expands to %q, %v, want %q", c.text, got, err, c.moved)
		}
	}
	for _, bad := range []string{"\x00", "\x00checkout", "x\x00nowhere\x00"} {
		if got, err := testRoots.Expand([]byte(bad)); err == nil {
			t.Errorf("Expand(%q) = %q, want an error", bad, got)
		}
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add([]byte("/home/u/proj/a.c: \x00 /home/u"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := testRoots.Expand(testRoots.Template(text))
		if err != nil || string(got) != string(text) {
			t.Fatalf("Expand(Template(%q)) = %q, %v", text, got, err)
		}
		_, _ = testRoots.Expand(text)
	})
}

// The roots found must not depend on how the bytes are cut into writes.
func TestScannerSeams(t *testing.T) {
	for text, want := range map[string][]string{
		"xx/home/u/proj/a.c":         {"checkout"},
		"xx/home/u/a.c":              {"home"},
		"/home/u/proj /home/u/other": {"checkout", "home"},
		"/home/u/pr":                 {"home"},
		"/home/u":                    {"home"},
		"/home/v/proj":               nil,
		"/home/u/proj/home/u":        {"checkout", "home"},
	} {
		for cut := 1; cut <= len(text); cut++ {
			s := testRoots.NewScanner()
			for at := 0; at < len(text); at += cut {
				s.Write([]byte(text[at:min(at+cut, len(text))]))
			}
			if got := s.Found(); cmp.Diff(got, want) != "" {
				t.Errorf("%q in pieces of %d: Found() = %q, want %q", text, cut, got, want)
			}
		}
	}
}
