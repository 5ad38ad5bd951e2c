package rustc

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseDepInfo(t *testing.T) {
	const text = `/t/liba.rlib: src/lib.rs src/a\ b.rs /x/#1.rs

/t/liba.d: src/lib.rs src/a\ b.rs /x/#1.rs

src/lib.rs:
src/a\ b.rs:
/x/#1.rs:

# env-dep:EMPTY=
# env-dep:LINES=a\nb\\c=d
# env-dep:UNSET
`
	got, err := parseDepInfo([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := depInfo{
		paths: []string{"src/lib.rs", "src/a b.rs", "/x/#1.rs"},
		env:   []envDep{{"EMPTY", "", true}, {"LINES", "a\nb\\c=d", true}, {"UNSET", "", false}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(depInfo{}, envDep{})); diff != "" {
		t.Errorf("parseDepInfo (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"", "x:\n", "no colon\n", "x: a\n# checksum:1\n", "x: a\n# env-dep:A=\\q\n", "x: a\n# env-dep:A=\\\n"} {
		if got, err := parseDepInfo([]byte(bad)); err == nil {
			t.Errorf("parseDepInfo(%q) = %+v, want an error", bad, got)
		}
	}
}

func FuzzParseDepInfo(f *testing.F) {
	f.Add([]byte("x: a b\\ c\n# env-dep:A=\\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if d, err := parseDepInfo(text); err == nil && len(d.paths) == 0 {
			t.Errorf("parseDepInfo(%q) names no source", text)
		}
	})
}
