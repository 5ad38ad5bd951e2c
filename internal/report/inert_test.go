package report

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// hostile are names that try to leave the place where they are shown.
var hostile = []string{
	"</details><script>alert(1)</script>", "a|b\\|c\\\\|d", "``` ` `` code", "`", "\n::error::boom\n## head", "##[error]boom",
	"\x1b[31mred\x1b[0m", "user\u202egnp.exe", "@octocat #1 https://evil.example [x](javascript:1)", "<!-- ", "]]>", "\xff\xfe\x00",
	strings.Repeat("long/", 1<<18), " ", "\u200b\u2028\u0085", strings.Repeat("`", 300),
}

func TestHostileNames(t *testing.T) {
	var events []*compile.Event
	for i, name := range hostile {
		events = append(events,
			event(i, compile.Miss, func(e *compile.Event) {
				e.Source, e.Reason, e.NotStored = name, compile.ReasonChanged, name
				e.Causes = []compile.Cause{{Kind: "variable", Name: name, Was: name, Now: name}}
			}),
			event(i, compile.Uncacheable, func(e *compile.Event) {
				e.Source, e.Reason, e.Detail, e.Dir, e.Program = name, compile.ReasonID(name), name, name, name
			}),
			event(i, compile.Hit, func(e *compile.Event) { e.Tier, e.Compiler, e.Output = name, name, name }),
			aRecord(i, []string{"bucket", "edge", name}[i%3], func(s *compile.Storage) {
				s.Place, s.Provider, s.ProviderWhy, s.Scope, s.Reads = name, name, name, name, []string{name, name}
				s.Problems = []compile.Problem{{Kind: name, Cause: name, Text: name, Advice: name, Count: 1}}
			}),
		)
	}
	dir := instance(t, events...)
	s := load(t, dir, "")
	s.Stats.Dir = hostile[0]
	md, err := s.Markdown(MarkdownLimit)
	if err != nil {
		t.Fatal(err)
	}
	var terminal, stats, html, js bytes.Buffer
	for _, err := range []error{s.WriteTerminal(&terminal), s.WriteStats(&stats), s.WriteHTML(&html), s.WriteJSON(&js)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range events {
		x, err := explanation(t.TempDir(), events[i], reasons)
		if err != nil {
			t.Fatal(err)
		}
		if err := x.WriteText(&terminal); err != nil {
			t.Fatal(err)
		}
		if err := x.WriteJSON(&js); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"markdown": md, "terminal": terminal.String(), "stats": stats.String(), "html": html.String()} {
		for _, r := range text {
			if r != '\n' && !unicode.IsPrint(r) && string(r) != zeroWidth {
				t.Errorf("%s contains %q", name, r)
				break
			}
		}
		for line := range strings.Lines(text) {
			if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") {
				t.Errorf("%s has a workflow command: %q", name, line)
			}
			if len(line) > 6000 {
				t.Errorf("%s has a line of %d bytes", name, len(line))
			}
		}
	}
	if strings.Contains(js.String(), "##[") {
		t.Error("json has a workflow command")
	}
	for line := range strings.Lines(js.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %.200s", line)
		}
	}
	if strings.Contains(html.String(), "<script") || strings.Contains(html.String(), "</details") || strings.Contains(html.String(), "<a ") {
		t.Error("html contains a foreign element")
	}
	checkMarkdown(t, md)
}

// checkMarkdown reads rows as GitHub does: cut at bars that no backslash escapes, then code spans closed by a fence of the
// length that opened them. Outside of these there is only prose.
func checkMarkdown(t *testing.T, md string) {
	t.Helper()
	columns := 0
	for line := range strings.Lines(md) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, "|") {
			columns = 0
			if strings.Count(line, "<") > 0 && !slices.Contains([]string{"</details>", "<details><summary>The slowest 20 units</summary>"}, line) {
				t.Errorf("markup outside of a table: %q", line)
			}
			continue
		}
		cells := cutRow(line)
		if columns == 0 {
			columns = len(cells)
		}
		if len(cells) != columns {
			t.Errorf("%d cells, want %d: %q", len(cells), columns, line)
		}
		for _, cell := range cells {
			if rest := escaped.ReplaceAllString(withoutCode(cell), ""); strings.ContainsAny(rest, "`<>@[]") || strings.Contains(rest, "://") || strings.Contains(rest, "evil") {
				t.Errorf("cell %q is %q outside of its code", cell, rest)
			}
			if strings.Contains(cell, "@octocat") || strings.Contains(cell, "#1 ") {
				t.Errorf("cell %q mentions", cell)
			}
		}
	}
}

var escaped = regexp.MustCompile(`\\[[:punct:]]`)

func cutRow(line string) (cells []string) {
	from := 1
	for i := 1; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '|':
			cells = append(cells, line[from:i])
			from = i + 1
		}
	}
	return cells
}

func withoutCode(s string) string {
	var out strings.Builder
	for {
		i := strings.IndexByte(s, '`')
		if i < 0 {
			return out.String() + s
		}
		out.WriteString(s[:i])
		s = s[i:]
		fence := s[:len(s)-len(strings.TrimLeft(s, "`"))]
		rest := s[len(fence):]
		end := -1
		for at := 0; at < len(rest); {
			j := strings.IndexByte(rest[at:], '`')
			if j < 0 {
				break
			}
			run := rest[at+j:]
			n := len(run) - len(strings.TrimLeft(run, "`"))
			if n == len(fence) {
				end = at + j + n
				break
			}
			at += j + n
		}
		if end < 0 {
			return out.String() + s
		}
		s = rest[end:]
	}
}

func TestInert(t *testing.T) {
	for s, want := range map[string]string{
		"plain":                  "plain",
		"a\x1bb\nc":              "a\uFFFDb\uFFFDc",
		"\xffx":                  "\uFFFDx",
		strings.Repeat("é", 200): strings.Repeat("é", 40) + "…" + strings.Repeat("é", 58),
	} {
		if got := inert(s); got != want {
			t.Errorf("inert(%q) = %q, want %q", s, got, want)
		}
	}
}

// FuzzMarkdownCode checks that no name leaves its cell or its code span.
func FuzzMarkdownCode(f *testing.F) {
	for _, name := range hostile {
		f.Add(name[:min(len(name), 400)])
	}
	f.Fuzz(func(t *testing.T, name string) {
		row := "| " + markdownCode(name) + " | " + markdownCode(name) + " |"
		cells := cutRow(row)
		if len(cells) != 2 {
			t.Fatalf("%q makes %d cells, want 2: %q", name, len(cells), row)
		}
		if rest := strings.TrimSpace(withoutCode(cells[0])); rest != "" && rest != "(empty)" {
			t.Errorf("%q shows %q outside of its code: %q", name, rest, cells[0])
		}
		if strings.ContainsAny(row, "\n\r\x1b") || strings.Contains(row, "##[") {
			t.Errorf("%q makes %q", name, row)
		}
	})
}
