package report

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// Bounds of what reports say of a tier's problems.
const (
	terminalProblems = 5
	maxProblemText   = 700 // bytes: an error of a service names the object, the role, the action and the request
)

// askDoctor is what to do about a problem that brings no advice.
const askDoctor = "compile-cache doctor asks it again and tells more"

// hitsText is "24 hits", and where there is a tier beyond this machine "24 hits: 4 disk, 20 bucket".
func (s *Summary) hitsText() (text, separator string) {
	text = plural(s.Tally.Outcomes.Hit, "hit", "hits")
	if len(s.Tally.Storage) == 0 || s.Tally.Outcomes.Hit == 0 {
		return text, ", "
	}
	var tiers []string
	for _, t := range s.Tally.Tiers.rows() {
		tiers = append(tiers, fmt.Sprintf("%d %s", t.Count, t.Text))
	}
	return text + ": " + strings.Join(tiers, ", "), "; "
}

// identity is "scope trusted/main, github-oidc"; "" for neither.
func (s *StorageSum) identity() string {
	var parts []string
	if s.Scope != "" {
		parts = append(parts, "scope "+inert(s.Scope))
	} else {
		parts = append(parts, "nothing is written")
	}
	if s.Provider != "" && s.Provider != "none" {
		parts = append(parts, inert(s.Provider))
	}
	return strings.Join(parts, ", ")
}

// writeStorage writes a line for each tier and for each problem.
func (s *Summary) writeStorage(b *bytes.Buffer) {
	for i := range s.Tally.Storage {
		t := &s.Tally.Storage[i]
		fmt.Fprintf(b, "  %s", t.Tier)
		if t.Place != "" {
			fmt.Fprintf(b, " %s", inert(t.Place))
		}
		if who := t.identity(); who != "" {
			fmt.Fprintf(b, " (%s)", who)
		}
		fmt.Fprintf(b, ": %s, %s, %s down, %s up", plural(*s.Tally.Tiers.of(t.Tier), "hit", "hits"), plural(t.requests(), "request", "requests"),
			bytesText(t.Downloaded), bytesText(t.Uploaded))
		if t.Dropped > 0 {
			fmt.Fprintf(b, ", %s not published", plural(t.Dropped, "result", "results"))
		}
		if t.Skipped > 0 {
			fmt.Fprintf(b, ", %s", t.skippedText())
		}
		b.WriteByte('\n')
		t.writeProblems(b, terminalProblems)
	}
}

// writeProblems writes a line for each problem, rows at most.
func (s *StorageSum) writeProblems(b *bytes.Buffer, rows int) {
	var shown int64
	for i := range s.Problems[:min(len(s.Problems), rows)] {
		p := &s.Problems[i]
		fmt.Fprintf(b, "  %s problem (%s, %s): %s", s.Tier, inert(p.Kind), plural(p.Count, "time", "times"), inertTo(p.Text, maxProblemText))
		if p.Advice != "" {
			fmt.Fprintf(b, "; %s", inertTo(p.Advice, maxProblemText))
		}
		b.WriteByte('\n')
		shown += p.Count
	}
	if rest := s.failures() - shown; rest > 0 {
		fmt.Fprintf(b, "  %s problem: %s for other reasons\n", s.Tier, plural(rest, "failure", "failures"))
	}
}

func (s *StorageSum) skippedText() string {
	return plural(s.Skipped, "lookup", "lookups") + " not asked after failures"
}

// attribute is one line about a tier, for reports with room.
type attribute struct{ Label, Value string }

// attributes are what is known of the tier; foreign shows foreign words.
func (s *StorageSum) attributes(hits int64, foreign func(string) string) []attribute {
	var list []attribute
	add := func(label, value string) {
		if value != "" {
			list = append(list, attribute{label, value})
		}
	}
	shown := func(text string) string {
		if text == "" {
			return ""
		}
		return foreign(text)
	}
	var reads []string
	for _, r := range s.Reads {
		reads = append(reads, foreign(r))
	}
	credentials := shown(s.Provider)
	if s.Provider != "" && s.ProviderWhy != "" {
		credentials += ": " + foreign(s.ProviderWhy)
	}
	add("place", shown(s.Place))
	add("scope written", shown(s.Scope))
	add("scopes read", strings.Join(reads, ", "))
	add("credentials", credentials)
	if s.Expires != nil {
		add("credentials expire", s.Expires.UTC().Format(time.RFC3339))
	}
	add("hits", fmt.Sprint(hits))
	add("requests", fmt.Sprintf("%d (%d get, %d list, %d put)", s.requests(), s.Get, s.List, s.Put))
	add("downloaded", bytesText(s.Downloaded))
	add("uploaded", bytesText(s.Uploaded))
	add("results fetched ahead", fmt.Sprint(s.Prefetched))
	add("results published", fmt.Sprint(s.Published))
	if s.Dropped > 0 {
		add("results not published", fmt.Sprint(s.Dropped))
	}
	if s.Skipped > 0 {
		add("not asked after failures", plural(s.Skipped, "lookup", "lookups"))
	}
	return list
}

// failureText says what a tier failed at, beside so many misses; "" where it did not.
func (s *StorageSum) failureText(misses int64) string {
	failed := s.failures()
	if failed == 0 && s.Skipped == 0 && s.Dropped == 0 {
		return ""
	}
	var parts []string
	if failed > 0 {
		parts = append(parts, plural(failed, "failure", "failures"))
	}
	if s.Skipped > 0 {
		parts = append(parts, s.skippedText())
	}
	if s.Dropped > 0 {
		parts = append(parts, plural(s.Dropped, "result", "results")+" not published")
	}
	text := strings.Join(parts, ", ")
	if misses > 0 && (failed > 0 || s.Skipped > 0) {
		text += "; some misses may be due to that"
	}
	return text
}

// markdownProblems are the warnings, which come before the numbers that they explain.
func (s *Summary) markdownProblems(b *bytes.Buffer, rows int) {
	for i := range s.Tally.Storage {
		t := &s.Tally.Storage[i]
		text := t.failureText(s.Tally.Outcomes.Miss)
		if text == "" {
			continue
		}
		fmt.Fprintf(b, "**Warning, %s**: %s.\n\n", t.Tier, text)
		if len(t.Problems) == 0 || rows == 0 {
			continue
		}
		b.WriteString("| times | problem | what failed | what to do |\n|---:|---|---|---|\n")
		shown := t.Problems[:min(len(t.Problems), rows)]
		for i := range shown {
			p := &shown[i]
			advice := markdownText(askDoctor)
			if p.Advice != "" {
				advice = markdownCodeTo(p.Advice, maxProblemText)
			}
			fmt.Fprintf(b, "| %d | %s | %s | %s |\n", p.Count, markdownCode(p.Kind), markdownCodeTo(p.Text, maxProblemText), advice)
		}
		leftOut(b, len(t.Problems)-len(shown))
	}
}

func (s *Summary) markdownStorage(b *bytes.Buffer) {
	for i := range s.Tally.Storage {
		t := &s.Tally.Storage[i]
		fmt.Fprintf(b, "| %s | |\n|---|---|\n", t.Tier)
		for _, a := range t.attributes(*s.Tally.Tiers.of(t.Tier), markdownCode) {
			fmt.Fprintf(b, "| %s | %s |\n", a.Label, a.Value)
		}
		b.WriteByte('\n')
	}
}

// storagePart is one tier on the page.
type storagePart struct {
	Tier, Failure string
	Attributes    []attribute
	Problems      []problemRow
	Other         int64
}

type problemRow struct {
	Count              int64
	Kind, Text, Advice string
}

func (s *Summary) storageParts() []storagePart {
	var parts []storagePart
	for i := range s.Tally.Storage {
		t := &s.Tally.Storage[i]
		part := storagePart{Tier: t.Tier, Failure: t.failureText(s.Tally.Outcomes.Miss), Attributes: t.attributes(*s.Tally.Tiers.of(t.Tier), inert), Other: t.OtherProblems}
		for i := range t.Problems {
			p := &t.Problems[i]
			row := problemRow{Count: p.Count, Kind: inert(p.Kind), Text: inertTo(p.Text, maxProblemText), Advice: askDoctor}
			if p.Advice != "" {
				row.Advice = inertTo(p.Advice, maxProblemText)
			}
			part.Problems = append(part.Problems, row)
		}
		parts = append(parts, part)
	}
	return parts
}
