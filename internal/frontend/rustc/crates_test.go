//go:build unix

package rustc

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
)

func TestHashOf(t *testing.T) {
	for base, want := range map[string]string{
		"liba-0123456789abcdef.rmeta":  "0123456789abcdef",
		"liba-0123456789abcdef.so":     "0123456789abcdef",
		"a-0123456789abcdef.dll":       "0123456789abcdef",
		"a-0123456789abcdef.d":         "",
		"liba.rmeta":                   "",
		"lib-b-0123456789abcdef.rlib":  "0123456789abcdef",
		"liba-0123456789ABCDEF.rlib":   "",
		"liba-0123456789abcdef0.rlib":  "",
		"liba_0123456789abcdef.rlib":   "",
		"liba-0123456789abcdef.x.rlib": "",
	} {
		if got := hashOf(base); got != want {
			t.Errorf("hashOf(%s) = %q, want %q", base, got, want)
		}
	}
}

func TestNamedCrates(t *testing.T) {
	text := "-aaaaaaaaaaaaaaaa\xc1" + metadataOf("0123456789abcdef", "fedcba9876543210", "0123456789abcdef") + "\x11-0123"
	if diff := cmp.Diff([]string{"0123456789abcdef", "fedcba9876543210"}, namedCrates([]byte(text))); diff != "" {
		t.Errorf("namedCrates (-want +got):\n%s", diff)
	}
}

// archive makes a file in GNU's format.
func archive(names ...string) string {
	var long, members strings.Builder
	for _, name := range names {
		short := name + "/"
		if len(name) > 15 {
			short = fmt.Sprintf("/%d", long.Len())
			long.WriteString(name + "/\n")
		}
		fmt.Fprintf(&members, "%-16s%-12d%-6d%-6d%-8s%-10d`\nodd\n", short, 0, 0, 0, "644", 3)
	}
	head := "!<arch>\n" + fmt.Sprintf("%-16s%-12d%-6d%-6d%-8s%-10d`\n", "/", 0, 0, 0, "0", 0)
	if long.Len() > 0 {
		head += fmt.Sprintf("%-48s%-10d`\n%s", "//", long.Len(), long.String())
		if long.Len()%2 == 1 {
			head += "\n"
		}
	}
	return head + members.String()
}

func TestForeignMember(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{archive("lib.rmeta", "a-1.a.0123456789abcdef-cgu.0.rcgu.o", "a-1.b.rcgu.o"), ""},
		{archive("lib.rmeta", "lib.rmeta-link", "a-1.b.rcgu.o"), ""},
		{archive("lib.rmeta", "a-1.b.rcgu.o", "n.o"), "n.o"},
		{archive("lib.rmeta", "a-2.abcdefghijklmnop.rcgu.o"), "a-2.abcdefghijklmnop.rcgu.o"},
		{archive("libn.a"), "libn.a"},
	} {
		path := filepath.Join(t.TempDir(), "liba.rlib")
		if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := foreignMember(path, "a-1"); got != c.want || err != nil {
			t.Errorf("foreignMember(%q) = %q, %v, want %q", c.text, got, err, c.want)
		}
	}
	for _, bad := range []string{"", "!<thin>\n", "!<arch>\nx", archive("lib.rmeta") + "x", archive("lib.rmeta") + strings.Repeat("x", 60)} {
		path := filepath.Join(t.TempDir(), "liba.rlib")
		if err := os.WriteFile(path, []byte(bad), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := foreignMember(path, "a-1"); err == nil && got == "" {
			t.Errorf("foreignMember(%q) = %q, want an error", bad, got)
		}
	}
}

func TestTreeFiles(t *testing.T) {
	dir := workDir(t, map[string]string{
		"Cargo.toml": "", "src/lib.rs": "", "target/CACHEDIR.TAG": "", ".git/HEAD": "", "data/.sqlx/q.json": "",
	})
	if err := os.Symlink("nowhere", filepath.Join(dir, "dangling")); err != nil {
		t.Fatal(err)
	}
	got, d := treeFiles(dir, "", frontendtest.DiskFiles{})
	if d != nil {
		t.Fatal(d)
	}
	// Who counts names sees the link.
	want := []string{dir + "/Cargo.toml", dir + "/dangling//", dir + "/data/.sqlx/q.json", dir + "/src/lib.rs"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("treeFiles (-want +got):\n%s", diff)
	}
	if namesDigest(dir, got) == namesDigest(dir, got[1:]) {
		t.Error("namesDigest does not tell a missing file")
	}
	for i := range maxTree {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%d", i)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, d := treeFiles(dir, "", frontendtest.DiskFiles{}); d == nil {
		t.Errorf("treeFiles of more than %d files is not refused", maxTree)
	}
}

func TestUpward(t *testing.T) {
	for text, want := range map[string]string{
		`include_dir!("$CARGO_MANIFEST_DIR/../../web/dist")`: "../../web/dist",
		`include_dir!("../web")`:                             "../web",
		`#[folder = "${CARGO_MANIFEST_DIR}/a/../../b"]`:      "a/../../b",
		`#[folder = ".."]`:                                   "..",
		`println!("loading...")`:                             "",
		`x("a..b/c")`:                                        "",
	} {
		got := ""
		if m := upward.FindStringSubmatch(text); m != nil {
			got = m[1]
		}
		if got != want {
			t.Errorf("path that leads upward in %s: %q, want %q", text, got, want)
		}
	}
}
