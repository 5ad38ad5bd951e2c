package report

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// MarkdownLimit is the size of a job summary that GitHub surely shows, in bytes: it drops, without a word, what comes
// close to 1 MiB for a step.
const MarkdownLimit = 900 << 10

// detail is how many rows of each kind a report shows.
type detail struct{ misses, reasons, units int }

// Steps of degrading, for limits that the first does not meet.
var detailSteps = []detail{{100, 50, maxSlowest}, {20, 20, 10}, {5, 5, 0}, {0, 0, 0}}

// Markdown returns the job summary in GitHub's Markdown, of at most limit bytes: it shows fewer rows, and says so, until
// it fits; the verdict is always there. It refuses sums that are wrong.
func (s *Summary) Markdown(limit int) (string, error) {
	if err := s.Stats.Invariant(); err != nil {
		return "", err
	}
	for _, d := range detailSteps {
		if md := s.markdown(d); len(md) <= limit {
			return md, nil
		}
	}
	return "### compile-cache: " + s.Verdict() + "\n", nil
}

func (s *Summary) markdown(d detail) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "### compile-cache: %s\n\n", s.Verdict())
	if n := s.Stats.Unrecorded; n > 0 {
		fmt.Fprintf(&b, "**%s reached no daemon** and ran the plain compiler; `compile-cache doctor` tells why.\n\n", plural(n, "wrapper", "wrappers"))
	}

	s.markdownProblems(&b, d.reasons)
	b.WriteString("| outcome | invocations | |\n|---|---:|---|\n")
	for _, o := range compile.Outcomes {
		note := ""
		switch o {
		case compile.Hit:
			note = hitNote(s)
		case compile.Miss:
			note = missNote(s)
		}
		fmt.Fprintf(&b, "| %s | %d | %s |\n", strings.ReplaceAll(string(o), "_", " "), *s.Tally.Outcomes.Of(o), note)
	}
	b.WriteByte('\n')
	s.markdownRechecks(&b, d.reasons)
	if d.reasons > 0 {
		s.markdownStorage(&b)
	}

	s.markdownMisses(&b, d.misses)
	s.markdownReasons(&b, "What cannot be cached", s.Uncacheable, d.reasons)
	s.markdownReasons(&b, "What the cache declined", s.Bypassed, d.reasons)
	if len(s.NotStored) > 0 && d.reasons > 0 {
		b.WriteString("#### Results that were not stored\n\n| results | why |\n|---:|---|\n")
		for _, c := range s.NotStored {
			fmt.Fprintf(&b, "| %d | %s |\n", c.Count, markdownCode(c.Text))
		}
		b.WriteByte('\n')
	}
	s.markdownSlowest(&b, d.units)
	if s.Earlier > 0 {
		fmt.Fprintf(&b, "The oldest %s are in the sums only.\n", plural(s.Earlier, "invocation", "invocations"))
	}
	if s.Skipped > 0 {
		fmt.Fprintf(&b, "%s of the records could not be read.\n", plural(s.Skipped, "line", "lines"))
	}
	return b.String()
}

func hitNote(s *Summary) string {
	var parts []string
	for _, t := range s.Tally.Tiers.rows() {
		parts = append(parts, fmt.Sprintf("%s %d", t.Text, t.Count))
	}
	if s.Tally.BytesRead > 0 {
		parts = append(parts, bytesText(s.Tally.BytesRead)+" read")
	}
	return strings.Join(parts, ", ")
}

func missNote(s *Summary) string {
	if s.Tally.BytesStored == 0 {
		return ""
	}
	return bytesText(s.Tally.BytesStored) + " stored"
}

func (s *Summary) markdownMisses(b *bytes.Buffer, rows int) {
	if len(s.Misses) == 0 || rows == 0 {
		return
	}
	b.WriteString("#### Why compiles missed\n\n| lost | compiles | why | for example |\n|---:|---:|---|---|\n")
	for _, g := range s.Misses[:min(len(s.Misses), rows)] {
		fmt.Fprintf(b, "| %s | %d | %s | %s |\n", duration(g.LostMS), g.Count, g.Why.format(markdownText, markdownCode), markdownCode(g.Example))
	}
	leftOut(b, len(s.Misses)-rows)
}

func (s *Summary) markdownReasons(b *bytes.Buffer, title string, groups []ReasonGroup, rows int) {
	if len(groups) == 0 || rows == 0 {
		return
	}
	fmt.Fprintf(b, "#### %s\n\n| invocations | compile CPU | because | which | what to do |\n|---:|---:|---|---|---|\n", title)
	for _, g := range groups[:min(len(groups), rows)] {
		var which []string
		for _, d := range g.Details {
			which = append(which, markdownCode(d.Text))
		}
		fmt.Fprintf(b, "| %d | %s | %s | %s | %s |\n", g.Sum.Count, s.cpuShare(g.Sum),
			because(s.lookup, g.Reason.ID).format(markdownText, markdownCode), strings.Join(which, " "), markdownText(g.Reason.Remedy))
	}
	leftOut(b, len(groups)-rows)
}

func (s *Summary) markdownSlowest(b *bytes.Buffer, rows int) {
	list := s.Slowest[:min(len(s.Slowest), rows)]
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "<details><summary>The slowest %s</summary>\n\n| time | outcome | unit | why |\n|---:|---|---|---|\n", plural(int64(len(list)), "unit", "units"))
	for i := range list {
		e := &list[i]
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", duration(e.WallMS), strings.ReplaceAll(string(e.Outcome), "_", " "),
			markdownCode(sourcePath(e)), s.why(e).format(markdownText, markdownCode))
	}
	b.WriteString("\n</details>\n\n")
}

// why is what one row of a list says of an event's outcome.
func (s *Summary) why(e *compile.Event) phrase {
	switch e.Outcome {
	case compile.Miss:
		return whyMissed(e, s.lookup)
	case compile.Uncacheable, compile.Bypassed:
		p := because(s.lookup, e.Reason)
		if e.Detail != "" {
			p = append(p, named(e.Detail))
		}
		return p
	case compile.Failed:
		return phrase{ours(fmt.Sprintf("status %d", e.Status))}
	}
	return nil
}

func leftOut(b *bytes.Buffer, n int) {
	if n > 0 {
		fmt.Fprintf(b, "\n%s left out.\n", plural(int64(n), "row is", "rows are"))
	}
	b.WriteByte('\n')
}
