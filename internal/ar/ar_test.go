package ar_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/ar"
)

// member returns one member, with its header.
func member(name, data string) string {
	s := fmt.Sprintf("%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", name, 0, 0, 0, "644", len(data), data)
	if len(data)%2 == 1 {
		s += "\n"
	}
	return s
}

func walk(archive []byte) (string, error) {
	var b strings.Builder
	err := ar.Walk(bytes.NewReader(archive), func(name string, data *io.SectionReader) error {
		text, err := io.ReadAll(data)
		fmt.Fprintf(&b, "%s=%s;", name, text)
		return err
	})
	return b.String(), err
}

func TestWalk(t *testing.T) {
	const magic = "!<arch>\n"
	for _, tt := range []struct{ name, archive, want string }{
		{"no member", magic, ""},
		{"GNU", magic + member("/", "index") + member("//", "a_very_long_name.o/\n") + member("/0", "one") + member("b.o/", "two!"), "a_very_long_name.o=one;b.o=two!;"},
		{"BSD", magic + member("__.SYMDEF", "index") + member("#1/20", "a_very_long_name.o\x00\x00one") + member("b.o", "two!"), "a_very_long_name.o=one;b.o=two!;"},
	} {
		if got, err := walk([]byte(tt.archive)); got != tt.want || err != nil {
			t.Errorf("Walk(%s) visits %q, %v, want %q", tt.name, got, err, tt.want)
		}
	}
	for _, tt := range []struct{ name, archive string }{
		{"nothing", ""},
		{"a thin archive", "!<thin>\n" + member("b.o/", "")},
		{"half a header", magic + member("b.o/", "two!")[:30]},
		{"no end of the header", magic + strings.Replace(member("b.o/", "two!"), "`", "'", 1)},
		{"no size", magic + strings.Replace(member("b.o/", "two!"), "4         `", "four      `", 1)},
		{"a name beyond the list", magic + member("//", "a.o/\n") + member("/99", "one")},
		{"a name longer than the member", magic + member("#1/20", "short")},
	} {
		if got, err := walk([]byte(tt.archive)); !errors.Is(err, ar.ErrFormat) {
			t.Errorf("Walk(%s) visits %q, %v, want ErrFormat", tt.name, got, err)
		}
	}
}

// What the real program writes is read.
func TestRealArchive(t *testing.T) {
	if _, err := exec.LookPath("ar"); err != nil {
		t.Skip("ar is not installed")
	}
	dir := t.TempDir()
	want := ""
	args := []string{"rc", "x.a"}
	for _, name := range []string{"a.o", "a_name_of_more_than_sixteen_bytes.o"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("of "+name), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, name)
		want += name + "=of " + name + ";"
	}
	for _, thin := range []bool{false, true} {
		cmd := exec.Command("ar", args...)
		if thin {
			cmd.Args = append([]string{"ar", "rcT", "thin.a"}, args[2:]...)
		}
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("ar: %v\n%s", err, out)
		}
		content, err := os.ReadFile(filepath.Join(dir, cmd.Args[2]))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ar.IsThin(bytes.NewReader(content)); got != thin || err != nil {
			t.Errorf("IsThin(%s) = %t, %v, want %t", cmd.Args[2], got, err, thin)
		}
		if !thin {
			got, err := walk(content)
			if diff := cmp.Diff(got, want); diff != "" || err != nil {
				t.Errorf("Walk(x.a): %v (-got +want):\n%s", err, diff)
			}
		}
	}
}
