//go:build unix

package cc

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
)

func TestSplitWords(t *testing.T) {
	tests := []struct {
		text string
		want []string
		ok   bool
	}{
		{"", nil, true},
		{" \t\r\n", nil, true},
		{"a b\nc\r\n\td ", []string{"a", "b", "c", "d"}, true},
		{`a\ b "c d" 'e f' g"h i"j'k'`, []string{"a b", "c d", "e f", "gh ijk"}, true},
		{`"a\"b\\c" \"d\' \\e \f`, []string{`a"b\c`, `"d'`, `\e`, `f`}, true},
		{`"a'b" 'c"d'`, []string{`a'b`, `c"d`}, true},
		{"@next -DX='\"y\"'", []string{"@next", `-DX="y"`}, true},
		{"\"a\nb\"", []string{"a\nb"}, true},
		{`a "" b`, nil, false},
		{`''`, nil, false},
		{`a "b`, nil, false},
		{`a 'b`, nil, false},
		{`a\`, nil, false},
		{"a\\\nb", nil, false},
		{`'a\b'`, nil, false},
		{`"a\b"`, nil, false},
		{"a\x00b", nil, false},
		{"a\vb", nil, false},
		{"\xef\xbb\xbfa", nil, false},
		{"\xff\xfea\x00", nil, false},
	}
	for _, tt := range tests {
		got, ok := splitWords(tt.text)
		if ok != tt.ok || ok && !slices.Equal(got, tt.want) {
			t.Errorf("splitWords(%q) = %q, %v, want %q, %v", tt.text, got, ok, tt.want, tt.ok)
		}
	}
}

// TestSplitWordsLikeCompilers lets gcc and clang complain about absent files named in a response file.
func TestSplitWordsLikeCompilers(t *testing.T) {
	texts := []string{
		"a.c b.c\n c.c\r\nd.c\te.c ", `a\ b.c "c d.c" 'e f.c' g"h i"'j'.c`, `"a\"b\\c.c" \"d\'.c \\e.c \f.c`, `"a'b.c" 'c"d.c' é.c`,
		`a#b.c $HOME.c ~/x.c *.c`,
	}
	formats := map[string]string{"gcc": "%s: No such file", "clang": "no such file or directory: '%s'"}
	for name, format := range formats {
		t.Run(name, func(t *testing.T) {
			program := lookPath(t, name)
			for _, text := range texts {
				words, ok := splitWords(text)
				if !ok || len(words) == 0 {
					t.Fatalf("splitWords(%q) = %q, %v, want words", text, words, ok)
				}
				dir := t.TempDir()
				write(t, dir, "rsp", text)
				cmd := exec.Command(program, "-E", "@"+filepath.Join(dir, "rsp"))
				cmd.Dir, cmd.Env = dir, append(cmd.Environ(), "LC_ALL=C")
				out, _ := cmd.CombinedOutput()
				if got := strings.Count(strings.ToLower(string(out)), "no such file"); got < len(words) {
					t.Errorf("%s complains about %d files of %q, want %d:\n%s", name, got, text, len(words), out)
				}
				for _, w := range words {
					if !strings.Contains(string(out), fmt.Sprintf(format, w)) {
						t.Errorf("%s read no word %q from %q:\n%s", name, w, text, out)
					}
				}
			}
		})
	}
}

func TestExpand(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a", "-c @b x.c")
	write(t, dir, "b", "-DB\n@c")
	write(t, dir, "c", "")
	write(t, dir, "long", strings.Repeat("a ", maxResponseBytes))
	args, read, d := expand(dir, []string{"-O2", "@a", "@b", "@"}, frontendtest.DiskFiles{})
	if d != nil {
		t.Fatal(d)
	}
	if want := []string{"-O2", "-c", "-DB", "x.c", "-DB", "@"}; !slices.Equal(args, want) {
		t.Errorf("expanded arguments = %q, want %q", args, want)
	}
	want := []string{dir + "/a", dir + "/b", dir + "/c", dir + "/b", dir + "/c"}
	if !slices.Equal(read, want) {
		t.Errorf("files read = %q, want %q", read, want)
	}
	if _, _, d := expand(dir, []string{"@long"}, frontendtest.DiskFiles{}); d == nil || d.Reason != compile.ReasonInput {
		t.Errorf("expand of a too long file = %v, want a decline", d)
	}
}

func FuzzSplitWords(f *testing.F) {
	f.Add(`a\ b "c d" 'e f' g"h i"j'k'`)
	f.Add("\"\\\"")
	f.Fuzz(func(t *testing.T, text string) {
		words, ok := splitWords(text)
		if !ok {
			return
		}
		// Words quoted again are the same words.
		var quoted strings.Builder
		for _, w := range words {
			if w == "" {
				t.Fatalf("splitWords(%q) = %q, want no empty word", text, words)
			}
			quoted.WriteString(`"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(w) + "\"\n")
		}
		again, ok := splitWords(quoted.String())
		if !ok || !slices.Equal(words, again) {
			t.Fatalf("splitWords(%q) = %q; quoted again %q, %v", text, words, again, ok)
		}
	})
}
