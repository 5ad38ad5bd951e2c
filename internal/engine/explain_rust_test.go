package engine

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/key"
)

func TestDiffRust(t *testing.T) {
	const base = "language rust\ncompiler 12\nfact host h\nfact macro-variable HOME=11\nfact files of the package 22\n" +
		"argument --crate-name\nargument a\nargument source\nargument a.rs\nargument -C\nargument opt-level=2\nargument -Cdebuginfo=1\n" +
		"argument --cfg\nargument feature=\"x\"\nargument -C\nargument metadata=12\nargument -C\nargument extra-filename=-12\n" +
		"argument --extern proc_macro\nargument --extern b\nargument <target>/debug/deps/libb-12.rmeta\nargument -L dependency\nargument <target>/debug/deps\n" +
		"argument --cap-lints\nargument allow\nvariable RUSTC_BOOTSTRAP=1\n"
	driver := func(content string) *compile.Toolchain {
		return &compile.Toolchain{Files: []compile.ToolFile{{Role: "driver", Digest: digest.Of([]byte(content))}}}
	}
	for _, c := range []struct {
		what         string
		now          []string // pairs: what stands in base, and what stands there instead
		driver       string   // content, where it is another
		version      string   // of that one
		causes       []compile.Cause
		consequences []compile.Cause
	}{
		{what: "nothing"},
		{what: "another version", now: []string{"compiler 12", "compiler 13", "metadata=12", "metadata=13"}, driver: "other", version: "rustc 1.95.0",
			causes:       []compile.Cause{{Kind: "compiler", Name: "rustc 1.95.0", Was: "rustc 1.94.0", Now: "rustc 1.95.0"}},
			consequences: []compile.Cause{{Kind: "flag", Name: "-C metadata=13", Was: "-C metadata=12", Now: "-C metadata=13"}}},
		{what: "another file of the same version", now: []string{"compiler 12", "compiler 13"}, driver: "other",
			causes: []compile.Cause{{Kind: "compiler", Name: "driver"}}},
		{what: "another flag", now: []string{"opt-level=2", "opt-level=3"},
			causes: []compile.Cause{{Kind: "flag", Name: "-C opt-level=3", Was: "-C opt-level=2", Now: "-C opt-level=3"}}},
		{what: "a flag in one argument", now: []string{"-Cdebuginfo=1", "-Cdebuginfo=2"},
			causes: []compile.Cause{{Kind: "flag", Name: "-C debuginfo=2", Was: "-C debuginfo=1", Now: "-C debuginfo=2"}}},
		{what: "one feature for another", now: []string{`feature="x"`, `feature="y"`},
			causes: []compile.Cause{{Kind: "feature", Name: "x", Was: `--cfg feature="x"`}, {Kind: "feature", Name: "y", Now: `--cfg feature="y"`}}},
		{what: "a crate of another name", now: []string{"libb-12", "libb-13", "filename=-12", "filename=-13"},
			consequences: []compile.Cause{
				{Kind: "flag", Name: "-C extra-filename=-13", Was: "-C extra-filename=-12", Now: "-C extra-filename=-13"},
				{Kind: "crate", Name: "/t/debug/deps/libb-13.rmeta"},
			}},
		{what: "one dependency less", now: []string{"argument --extern b\nargument <target>/debug/deps/libb-12.rmeta\n", ""},
			causes: []compile.Cause{{Kind: "flag", Name: "--extern b <target>/debug/deps/libb-12.rmeta", Was: "--extern b <target>/debug/deps/libb-12.rmeta"}}},
		{what: "a variable of macros", now: []string{"HOME=11", "HOME=12"}, causes: []compile.Cause{{Kind: "variable", Name: "HOME"}}},
		{what: "a variable of macros more", now: []string{"fact host", "fact macro-variable X=1\nfact host"}, causes: []compile.Cause{{Kind: "variable", Name: "X"}}},
		{what: "files of the package", now: []string{"package 22", "package 23"}, causes: []compile.Cause{{Kind: "other", Name: "files of the package"}}},
		{what: "a variable", now: []string{"BOOTSTRAP=1", "BOOTSTRAP=2"}, causes: []compile.Cause{{Kind: "variable", Name: "RUSTC_BOOTSTRAP", Was: "1", Now: "2"}}},
	} {
		now := strings.NewReplacer(c.now...).Replace(base)
		if now == base && c.now != nil {
			t.Fatalf("%s: the recipe is the same", c.what)
		}
		x := &call{roots: key.Roots{{Name: "target", Path: "/t"}}, tc: driver(c.driver)}
		x.recipe.Text = []byte(now)
		x.tc.Version = "rustc 1.94.0"
		if c.version != "" {
			x.tc.Version = c.version
		}
		causes, consequences := x.diffRust(noted{Recipe: base, Tools: key.ToolLines(driver("")), Version: "rustc 1.94.0"})
		if diff := cmp.Diff(c.causes, causes); diff != "" {
			t.Errorf("%s: causes (-want +got):\n%s", c.what, diff)
		}
		if diff := cmp.Diff(c.consequences, consequences); diff != "" {
			t.Errorf("%s: consequences (-want +got):\n%s", c.what, diff)
		}
	}
}
