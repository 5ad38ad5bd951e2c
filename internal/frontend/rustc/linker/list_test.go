package linker

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseList(t *testing.T) {
	for _, c := range []struct {
		what, text string
		want       []string // nil: an error
	}{
		{"lld", "o/m: \\\n  /a.o \\\n  /b\\ c.o \\\n  /d$$e\\#.o\n\n/a.o:\n\n", []string{"/a.o", "/b c.o", "/d$e#.o"}},
		{"GNU ld, which names a script thrice", "m: \\\n  /a.so \\\n  /a.so \\\n  /b.so\n\n/a.so:\n", []string{"/a.so", "/b.so"}},
		{"two rules at once", "m: a\nn: b\n", nil},
		{"nothing", "", nil},
		{"no rule", "a b c\n", nil},
	} {
		got, err := ParseList([]byte(c.text))
		if err != nil != (c.want == nil) || !cmp.Equal(got, c.want) {
			t.Errorf("%s: ParseList = %q, %v, want %q", c.what, got, err, c.want)
		}
	}
}

// lld escapes blanks in the names of what it read and not in that of what it made.
func TestParseListOfBlanks(t *testing.T) {
	got, err := ParseList([]byte("/o ut/a: \\\n /x.o \\\n /o\\ ut/a.o\n\n/x.o:\n"))
	if want := []string{"/x.o", "/o ut/a.o"}; err != nil || !cmp.Equal(got, want) {
		t.Errorf("ParseList = %q, %v, want %q", got, err, want)
	}
}

func FuzzParseList(f *testing.F) {
	f.Add([]byte("m: \\\n  /a.o \\\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		read, err := ParseList(text)
		for _, path := range read {
			if path == "" || err != nil {
				t.Errorf("ParseList = %q, %v, want no empty path, nor any beside an error", read, err)
			}
		}
	})
}

func TestParseCommand(t *testing.T) {
	for _, c := range []struct {
		what, text string
		want       []string // nil: an error
	}{
		{"a call", `LC_ALL="C" PATH="/a b:/c" "rust-lld" "-flavor" "wasm" "a\"b\\c" ""` + "\n", []string{"rust-lld", "-flavor", "wasm", `a"b\c`, ""}},
		{"no variables", `"ld"`, []string{"ld"}},
		{"an argument like a variable", `"ld" A="x"`, nil},
		{"two calls", "\"a\"\n\"b\"\n", nil},
		{"an escape that paths need not", `"a\u{1}"`, nil},
		{"an open quote", `"a`, nil},
		{"a backslash at the end", `"a\`, nil},
	} {
		got, err := ParseCommand(c.text)
		if err != nil != (c.want == nil) || !cmp.Equal(got, c.want) {
			t.Errorf("%s: ParseCommand = %q, %v, want %q", c.what, got, err, c.want)
		}
	}
}

func FuzzParseCommand(f *testing.F) {
	f.Add(`PATH="/a" "rust-lld" "x\"y"`)
	f.Fuzz(func(t *testing.T, text string) {
		if words, err := ParseCommand(text); err != nil && words != nil {
			t.Errorf("ParseCommand = %q, %v, want no words beside an error", words, err)
		}
	})
}
