//go:build unix

package rustc

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
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

// A file that a macro may read may tell it which variables to read; scripts and other sources name variables for others.
func TestNamedInFiles(t *testing.T) {
	dir := workDir(t, map[string]string{
		"app.toml": `token = "${API_TOKEN}"`, "src/a.rs": `conf!("app.toml")`, "src/b.rs": "GITHUB_RUN_ID", "ci.sh": "$GITHUB_OUTPUT", "data.json": `["AWS_"]`,
	})
	g := &gathering{f: New(), d: &detail{asked: true}, c: &compile.Compilation{Invocation: &compile.Invocation{}}, files: frontendtest.DiskFiles{}}
	files, d := treeFiles(dir, "", g.files)
	if d != nil {
		t.Fatal(d)
	}
	g.d.trees = []tree{{root: dir, files: append(files, dir+"/empty/")}}
	if err := g.named([]string{dir + "/src/a.rs"}); err != nil || !slices.Equal(g.in.Env, []string{"API_TOKEN"}) {
		t.Errorf("named = %q, %v, want API_TOKEN", g.in.Env, err)
	}
}
