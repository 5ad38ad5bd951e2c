package rustc

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNoiseNames(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string
	}{
		{`println!("{}", mid::variable!("GITHUB_SHA"));`, []string{"GITHUB_SHA"}},
		{`variable!(GITHUB_SHA) + variable!(RUNNER_OS)`, []string{"GITHUB_SHA", "RUNNER_OS"}},
		{`/// such as GITHUB_*`, []string{}},
		{`concat!("GITHUB_", "SHA")`, []string{"GITHUB_"}},
		{`var("PATH"); const TERM: u8 = 1;`, []string{"PATH"}},
		{`MY_SECRET_THING CARGO_PKG_NAME`, []string{"MY_SECRET_THING"}},
		{"\x0aGITHUB_SHA\xc1\x0aGITHUB_REF\xc1", []string{"GITHUB_REF", "GITHUB_SHA"}},
		{"", []string{}},
	} {
		if diff := cmp.Diff(noiseNames([]byte(tt.text)), tt.want); diff != "" {
			t.Errorf("noiseNames(%q) (-got +want):\n%s", tt.text, diff)
		}
	}
}
