package cc

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseDepfile(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"a.o: a.c b.h\n", []string{"a.c", "b.h"}},
		{"a.o: a.c \\\n b.h \\\n  c.h\n", []string{"a.c", "b.h", "c.h"}},
		{"a.o: a.c \\\r\n b.h\r\n", []string{"a.c", "b.h"}},
		{"a.o b.o: a.c\n", []string{"a.c"}},
		{"a.o \\\n b.o \\\n: a.c\n", []string{"a.c"}},
		{"a.o: a.c b.h\nb.h:\n", []string{"a.c", "b.h"}},
		{"a.o: a.c b.h a.c\n\nb.h:\n", []string{"a.c", "b.h"}},
		{"a.o:\ta.c\tb.h", []string{"a.c", "b.h"}},
		{"a.o: a\\ b.c c\\#d.h e$$f.h g%h.h\n", []string{"a b.c", "c#d.h", "e$f.h", "g%h.h"}},
		{"a.o: a:b.c\n", []string{"a:b.c"}},
		{"a\\:b.o: a.c\n", []string{"a.c"}},
		{"a:b.o: a.c\n", []string{"a.c"}},
		{"a.o: a\\b.c c\\\\d.h\n", []string{"a\\b.c", "c\\\\d.h"}},
		{"a.o:\n", nil},
	} {
		got, err := parseDepfile([]byte(tt.text))
		if err != nil {
			t.Errorf("parseDepfile(%q): %v", tt.text, err)
			continue
		}
		if diff := cmp.Diff(got, tt.want); diff != "" {
			t.Errorf("parseDepfile(%q) (-got +want):\n%s", tt.text, diff)
		}
	}
	for _, text := range []string{
		"", "a.c\n", "a.o: a$b.c\n", "a.o: a\\\\ b.c\n", "a.o: a\\\\#b.c\n", "a.o: a.c\\\n", "a.o: a\x00b\n", "a.o: a\\:b.c\n",
	} {
		if got, err := parseDepfile([]byte(text)); err == nil {
			t.Errorf("parseDepfile(%q) = %q, want an error", text, got)
		}
	}
}

// Whatever the text says, a name comes back as it was written.
func FuzzParseDepfile(f *testing.F) {
	f.Add([]byte("a.o: a.c \\\n b\\ c.h $$d \\#e\nb\\ c.h:\n"))
	f.Add([]byte("a.o \\\r\n: a\\\\b\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		paths, err := parseDepfile(text)
		if err != nil {
			return
		}
		seen := make(map[string]bool)
		for _, path := range paths {
			if path == "" || seen[path] || strings.ContainsAny(path, "\x00\n") {
				t.Errorf("parseDepfile(%q) = %q", text, paths)
			}
			seen[path] = true
		}
	})
}
