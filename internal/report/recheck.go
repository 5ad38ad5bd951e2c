package report

import (
	"bytes"
	"fmt"
	"io"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// Rechecks counts hits that were compiled again, by what came of it. Each is one of the misses too, or failed: the compiler ran. Fields
// are added only.
type Rechecks struct {
	Rechecked        int64 `json:"rechecked"` // the sum of the others
	Equal            int64 `json:"equal"`
	Differing        int64 `json:"differing"` // the sum of the next three
	Nondeterministic int64 `json:"nondeterministic"`
	IncompleteKey    int64 `json:"incomplete_key"`
	Corrupt          int64 `json:"corrupt"`
	Inconclusive     int64 `json:"inconclusive"`
}

// addRecheck counts the recheck of an event, if it was one. A verdict of a later version counts as inconclusive.
func (t *Tally) addRecheck(e *compile.Event) {
	if e.Recheck == "" {
		return
	}
	if t.Recheck == nil {
		t.Recheck = &Rechecks{}
	}
	r := t.Recheck
	r.Rechecked++
	switch e.Recheck {
	case compile.VerdictEqual:
		r.Equal++
	case compile.VerdictNondeterministic:
		r.Nondeterministic++
	case compile.VerdictIncompleteKey:
		r.IncompleteKey++
	case compile.VerdictCorrupt:
		r.Corrupt++
	default:
		r.Inconclusive++
	}
	if e.Recheck.Differing() {
		r.Differing++
	}
}

// String is the sums in words.
func (r *Rechecks) String() string {
	text := fmt.Sprintf("%s compiled again: %d equal", plural(r.Rechecked, "hit", "hits"), r.Equal)
	for _, part := range []struct {
		n    int64
		what string
	}{
		{r.IncompleteKey, "with an incomplete key"}, {r.Corrupt, "corrupt"}, {r.Nondeterministic, "not deterministic"}, {r.Inconclusive, "inconclusive"},
	} {
		if part.n > 0 {
			text += fmt.Sprintf(", %d %s", part.n, part.what)
		}
	}
	return text
}

func (s *Summary) writeRechecks(b *bytes.Buffer) {
	if r := s.Tally.Recheck; r != nil {
		fmt.Fprintf(b, "  rechecked: %s\n", r)
	}
}

// Findings are the rechecks whose result differed, wrong ones first, in order of time; at most limit, and how many were left out.
func (s *Summary) Findings(limit int) (found []Finding, more int) {
	for _, wrong := range []bool{true, false} {
		for i := range s.Events {
			e := &s.Events[i]
			if !e.Recheck.Differing() || e.Recheck.Wrong() != wrong {
				continue
			}
			if len(found) == limit {
				more++
				continue
			}
			found = append(found, Finding{Verdict: e.Recheck, Source: inert(sourcePath(e)), Detail: inert(e.Detail), Record: inertTo(e.Quarantine, maxPath)})
		}
	}
	return found, more
}

// maxPath is how many bytes of a path are shown that people are to open.
const maxPath = 4096

// Inert makes a foreign string safe to print: on one line, without escape sequences, invisible characters or workflow commands.
func Inert(s string) string { return inertTo(s, maxPath) }

// JSON writes v on one line in which no log can see a workflow command.
func JSON(w io.Writer, v any) error { return writeJSON(w, v) }

// Finding is a recheck whose result differed, in text that is safe in terminals.
type Finding struct {
	Verdict                compile.Verdict
	Source, Detail, Record string // Record is the path of the record; "" where it could not be written
}

func (s *Summary) markdownRechecks(b *bytes.Buffer, rows int) {
	r := s.Tally.Recheck
	if r == nil {
		return
	}
	fmt.Fprintf(b, "**Rechecked:** %s.\n\n", r)
	found, more := s.Findings(rows)
	if len(found) == 0 {
		return
	}
	b.WriteString("| recheck | source | what differed |\n|---|---|---|\n")
	for _, f := range found {
		fmt.Fprintf(b, "| %s | %s | %s |\n", markdownText(string(f.Verdict)), markdownCode(f.Source), markdownCode(f.Detail))
	}
	leftOut(b, more)
}
