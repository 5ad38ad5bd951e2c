//go:build unix

package rustc

import (
	"slices"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
)

// A file that a variable names counts for macros that read files; a directory is counted, or declines.
func TestVariablePlaces(t *testing.T) {
	dir := workDir(t, map[string]string{"w/in.toml": "", "w/sub/x": "", "etc/app.toml": "", "etc/more": ""})
	for _, c := range []struct {
		env   string
		files []string
	}{
		{"CONF=" + dir + "/etc/app.toml", []string{dir + "/etc/app.toml"}},
		{"CONF=../etc/app.toml", []string{dir + "/w/../etc/app.toml"}},
		{"CONF=in.toml", nil}, // counts already
		{"CONF=" + dir + "/none", nil},
		{"GITHUB_ENV=" + dir + "/etc/app.toml", nil}, // no macro names it
		{"HOME=" + dir + "/etc", nil},
		{"WHERE=" + dir + "/etc", nil}, // nor this
		{"CONF=", nil},
		{"SSL_CERT_FILE=" + dir + "/etc/app.toml", nil},
		{"npm_config_cache=" + dir + "/etc", nil},
	} {
		p := &parser{c: &compile.Compilation{}, inv: &compile.Invocation{Dir: dir + "/w", Env: []string{c.env}}, files: frontendtest.DiskFiles{},
			det: &detail{pkg: dir + "/w", trees: []tree{{root: dir + "/w"}}}, readers: []reader{{name: "m", reach: reachWorkspace, judged: true}}}
		d := p.variablePlaces(func(string) bool { return false })
		if d != nil || !slices.Equal(p.c.Inputs, c.files) || len(p.c.Facts) != len(c.files) {
			t.Errorf("variablePlaces with %s: %q, %q, %v, want %q", c.env, p.c.Inputs, p.c.Facts, d, c.files)
		}
	}
}
