package github

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sethvargo/go-githubactions"
)

func action(summary string) *githubactions.Action {
	return githubactions.New(githubactions.WithWriter(io.Discard), githubactions.WithGetenv(func(name string) string {
		if name == "GITHUB_STEP_SUMMARY" {
			return summary
		}
		return ""
	}))
}

func TestWriteSummaryAppends(t *testing.T) {
	file := filepath.Join(t.TempDir(), "summary")
	for _, md := range []string{"### one\n", "### two\n"} {
		if err := WriteSummary(action(file), md); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(got), "### one\n") || !strings.Contains(string(got), "### two\n") {
		t.Errorf("summary = %q, %v; want both", got, err)
	}
}

func TestWriteSummaryCuts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "summary")
	if err := os.WriteFile(file, []byte(strings.Repeat("x", 500<<10)), 0o600); err != nil {
		t.Fatal(err)
	}
	md := "### verdict\n\n<details>\n\n" + strings.Repeat("| a row of a table |\n", 60_000) + "\n</details>\n"
	if err := WriteSummary(action(file), md); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) > 1<<20-8<<10 {
		t.Errorf("summary has %d bytes, too close to 1 MiB", len(got))
	}
	text := strings.TrimSpace(strings.TrimLeft(string(got), "x"))
	if !strings.HasPrefix(text, "### verdict\n") || !strings.HasSuffix(text, "| a row of a table |\n\n</details>\n"+strings.TrimRight(cutNote, "\n")) {
		t.Errorf("summary begins %.40q and ends %q", text, text[len(text)-100:])
	}
	if err := WriteSummary(action(file), md); !errors.Is(err, ErrNoSummary) {
		t.Errorf("WriteSummary into a full one = %v, want ErrNoSummary", err)
	}
}

func TestWriteSummaryFails(t *testing.T) {
	if err := WriteSummary(action(""), "x"); !errors.Is(err, ErrNoSummary) {
		t.Errorf("WriteSummary outside of a workflow = %v, want ErrNoSummary", err)
	}
	if err := WriteSummary(action(t.TempDir()), "x"); err == nil {
		t.Error("WriteSummary into a directory = nil, want an error")
	}
}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		md   string
		room int64
		want string
	}{
		{"a\nb\nc\n", int64(len(cutNote)) + 5, "a\nb\n" + cutNote},
		{"a\nb\nc\n", int64(len(cutNote)) + 1, ""},
		{"abc", 2, ""},
		{"a\n", 0, ""},
		{"a\n", -7, ""},
		{"<details>\na\n</details>\n" + strings.Repeat("z\n", 99), int64(len(cutNote)) + 30, "<details>\na\n</details>\nz\nz\nz\n" + cutNote},
	} {
		if got := cut(tt.md, tt.room); got != tt.want {
			t.Errorf("cut(%.20q, %d) = %q, want %q", tt.md, tt.room, got, tt.want)
		}
	}
}
