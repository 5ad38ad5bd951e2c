package compile

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite docs/reasons.md")

// TestReasonsDoc keeps docs/reasons.md equal to the table: go test ./internal/compile -update writes it.
func TestReasonsDoc(t *testing.T) {
	const name = "../../docs/reasons.md"
	want := reasonsDoc()
	if *update {
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("%s is not what the table says; go test ./internal/compile -update writes it (-want +got):\n%s", name, diff)
	}
}

func reasonsDoc() []byte {
	var b bytes.Buffer
	b.WriteString(`# Reasons

Every call of a compiler ends in one outcome. A hit needs no reason; for the others, this is the list. It is made from the table in
internal/compile/reasons_table.go. The ids are those of ` + "`compile-cache stats --json`" + ` and never change their meaning.

A bucket that refuses, fails or is too slow shows as ` + "`storage`" + ` at the calls that asked it. After a few failures it is left alone for a while, and calls
that did not ask it are the misses that they would be without a bucket, mostly ` + "`new` or `evicted`" + `. What it failed at is told beside the
reasons, once for each cause: as warnings of the report, and in the ` + "`storage`" + ` of ` + "`compile-cache stats --json`" + ` as ` + "`problems`" + ` and, for lookups
that were not made, ` + "`skipped`" + `.

`)
	for _, section := range []struct {
		outcome Outcome
		title   string
	}{
		{Miss, "Misses: the compiler ran, and what it made is stored"},
		{Uncacheable, "Uncacheable: the compiler ran, and nothing is stored"},
		{Bypassed, "Bypassed: the compiler ran without the cache"},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n| id | because | what to do |\n|---|---|---|\n", section.title)
		for _, r := range Reasons {
			if r.Outcome == section.outcome {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.ID, cell(r.Sentence), cell(r.Remedy))
			}
		}
	}
	return b.Bytes()
}

// cell keeps macros and options of compilers from being read as Markdown.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "_", `\_`, "*", `\*`, "<", "&lt;").Replace(s)
}
