package key

import (
	"slices"
	"testing"
)

// gcc writes ESC[K right before a path where it colours.
func TestTemplateOfColouredMessages(t *testing.T) {
	a, b := Roots{{"checkout", "/w/p0/co"}}, Roots{{"checkout", "/w/p1/co"}}
	text := "In file included from \x1b[01m\x1b[K/w/p0/co/inc/e.h:3\x1b[m\x1b[K,\n"
	got, err := b.Expand(a.Template([]byte(text)))
	if want := "In file included from \x1b[01m\x1b[K/w/p1/co/inc/e.h:3\x1b[m\x1b[K,\n"; err != nil || string(got) != want {
		t.Errorf("Expand(Template(%q)) = %q, %v, want %q", text, got, err, want)
	}
}

// Where a root's text does not look like a path it stays, and the text depends on the root.
func TestLeft(t *testing.T) {
	roots := Roots{{"checkout", "/w/p0/co"}}
	for text, want := range map[string][]string{
		"/w/p0/co/a.h:1: warning":        nil,
		"see file:x/w/p0/co/a.h":         {"checkout"},
		"/w/p0/co/a.h and K/w/p0/co/b.h": {"checkout"},
	} {
		if got := roots.Left(roots.Template([]byte(text))); !slices.Equal(got, want) {
			t.Errorf("Left(Template(%q)) = %v, want %v", text, got, want)
		}
	}
}
