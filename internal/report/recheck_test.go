package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// rechecked is a build of which most hits were compiled again.
func rechecked() []*compile.Event {
	again := func(n int, v compile.Verdict, detail string) *compile.Event {
		return event(n, compile.Miss, func(e *compile.Event) {
			e.Reason, e.Recheck, e.Detail = compile.ReasonRecheck, v, detail
			if v.Differing() {
				e.Quarantine = "/q/" + string(v) + ".json"
			}
		})
	}
	broken := again(5, compile.VerdictIncompleteKey, "status 1, stored 0")
	broken.Outcome, broken.Reason = compile.Failed, ""
	return []*compile.Event{
		event(0, compile.Hit, func(e *compile.Event) { e.Tier = "disk" }),
		again(1, compile.VerdictEqual, ""), again(2, compile.VerdictNondeterministic, "object differs from byte 4 on"),
		again(3, compile.VerdictIncompleteKey, "object differs from byte 5 on\x1b[31m"), again(4, compile.VerdictCorrupt, "corrupt blob"), broken,
		again(6, compile.VerdictInconclusive, "input changed"), again(7, "of a later version", ""),
	}
}

func TestRechecksAreCounted(t *testing.T) {
	s, err := Load(instance(t, rechecked()...), Options{Lookup: reasons, Now: start})
	if err != nil {
		t.Fatal(err)
	}
	want := Rechecks{Rechecked: 7, Equal: 1, Differing: 4, Nondeterministic: 1, IncompleteKey: 2, Corrupt: 1, Inconclusive: 2}
	if got := *s.Stats.Recheck; got != want {
		t.Errorf("recheck = %+v, want %+v", got, want)
	}
	if err := s.Stats.Invariant(); err != nil {
		t.Error(err)
	}
	var terminal, stats, js bytes.Buffer
	md, err := s.Markdown(MarkdownLimit)
	for _, e := range []error{err, s.WriteTerminal(&terminal), s.WriteStats(&stats), s.Stats.WriteJSON(&js)} {
		if e != nil {
			t.Fatal(e)
		}
	}
	const line = "7 hits compiled again: 1 equal, 2 with an incomplete key, 1 corrupt, 1 not deterministic, 2 inconclusive"
	for name, text := range map[string]string{"terminal": terminal.String(), "stats": stats.String(), "Markdown": md} {
		if !strings.Contains(text, line) {
			t.Errorf("the %s report does not say %q:\n%s", name, line, text)
		}
	}
	if !strings.Contains(md, "object differs from byte 5 on") || !strings.Contains(js.String(), `"recheck":{"rechecked":7,"equal":1,`) {
		t.Errorf("Markdown or JSON lack a finding:\n%s\n%s", md, js.String())
	}
}

func TestFindingsAreWrongOnesFirst(t *testing.T) {
	s, err := Load(instance(t, rechecked()...), Options{Lookup: reasons, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	found, more := s.Findings(3)
	var verdicts []string
	for _, f := range found {
		verdicts = append(verdicts, string(f.Verdict))
		if strings.Contains(f.Detail, "\x1b") || f.Record == "" || f.Source == "" {
			t.Errorf("finding %+v, want its source and record, and nothing for terminals", f)
		}
	}
	if got := strings.Join(verdicts, " "); got != "incomplete-key corrupt incomplete-key" || more != 1 {
		t.Errorf("findings %s and %d more, want the wrong ones and 1 more", got, more)
	}
}

// Sums of folded events keep what was found.
func TestRechecksOfFoldedEvents(t *testing.T) {
	var a Tally
	for _, e := range rechecked() {
		a.Add(e)
	}
	b := a.clone()
	b.Add(rechecked()[1])
	if a.Recheck.Equal != 1 || b.Recheck.Equal != 2 {
		t.Errorf("equal %d and %d, want the clone to count on its own: 1 and 2", a.Recheck.Equal, b.Recheck.Equal)
	}
}
