package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/dustin/go-humanize"
)

// terminalRows is how many causes and reasons the end of a run names.
const terminalRows = 3

// WriteTerminal writes the few lines at the end of a run. It refuses sums that are wrong.
func (s *Summary) WriteTerminal(w io.Writer) error {
	if err := s.Stats.Invariant(); err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "compile-cache: %s\n", s.Verdict())
	s.writeMissed(&b)
	s.writeReasons(&b, "uncacheable", s.Uncacheable)
	s.writeReasons(&b, "bypassed", s.Bypassed)
	if n := s.Tally.Outcomes.Failed; n > 0 {
		fmt.Fprintf(&b, "  failed: %s\n", plural(n, "compile", "compiles"))
	}
	for _, c := range s.NotStored {
		fmt.Fprintf(&b, "  not stored: %s: %s\n", plural(c.Count, "result", "results"), inert(c.Text))
	}
	s.writeRechecks(&b)
	if s.Tally.BytesRead > 0 || s.Tally.BytesStored > 0 {
		fmt.Fprintf(&b, "  cache: %s read, %s stored\n", bytesText(s.Tally.BytesRead), bytesText(s.Tally.BytesStored))
	}
	s.writeStorage(&b)
	s.writeDoubts(&b)
	_, err := w.Write(b.Bytes())
	return err
}

func (s *Summary) writeMissed(b *bytes.Buffer) {
	var restCount int64
	var restMS float64
	for i, g := range s.Misses {
		if i >= terminalRows {
			restCount += g.Count
			restMS += g.LostMS
			continue
		}
		fmt.Fprintf(b, "  missed: %s lost in %s: %s\n", duration(g.LostMS), plural(g.Count, "compile", "compiles"), g.Why)
	}
	if restCount > 0 {
		fmt.Fprintf(b, "  missed: %s lost in %s for other reasons\n", duration(restMS), plural(restCount, "compile", "compiles"))
	}
}

func (s *Summary) writeReasons(b *bytes.Buffer, label string, groups []ReasonGroup) {
	for i, g := range groups {
		if i >= terminalRows {
			var rest int64
			for _, g := range groups[i:] {
				rest += g.Sum.Count
			}
			fmt.Fprintf(b, "  %s: %d for other reasons\n", label, rest)
			return
		}
		fmt.Fprintf(b, "  %s: %d", label, g.Sum.Count)
		if share := s.cpuShare(g.Sum); share != "" && label == "uncacheable" {
			fmt.Fprintf(b, " (%s of compile CPU)", share)
		}
		fmt.Fprintf(b, ": %s%s\n", because(s.lookup, g.Reason.ID), detailText(g.Details))
		writeRemedy(b, g)
	}
}

// writeRemedy says what a person can do, where there is something.
func writeRemedy(b *bytes.Buffer, g ReasonGroup) {
	if g.Reason.Remedy != "" {
		fmt.Fprintf(b, "    to do: %s\n", inertProse(g.Reason.Remedy))
	}
}

// detailText is " (-save-temps, -fplugin=x.so)".
func detailText(details []Count) string {
	var texts []string
	for _, d := range details {
		texts = append(texts, inert(d.Text))
	}
	if len(texts) == 0 {
		return ""
	}
	return " (" + strings.Join(texts, ", ") + ")"
}

// writeDoubts says what the numbers leave out.
func (s *Summary) writeDoubts(b *bytes.Buffer) {
	if n := s.Stats.Unrecorded; n > 0 {
		fmt.Fprintf(b, "  unrecorded: %s reached no daemon and ran the plain compiler; to learn why: compile-cache doctor\n", plural(n, "wrapper", "wrappers"))
	}
	if s.Skipped > 0 {
		fmt.Fprintf(b, "  damaged: %s of the spool could not be read\n", plural(s.Skipped, "line", "lines"))
	}
}

// WriteStats writes all counters for people. It refuses sums that are wrong.
func (s *Summary) WriteStats(w io.Writer) error {
	if err := s.Stats.Invariant(); err != nil {
		return err
	}
	var b bytes.Buffer
	st := s.Stats
	fmt.Fprintf(&b, "%s\nsince %s in %s\n\n", s.Verdict(), st.Since, inert(st.Dir))
	t := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	row := func(label string, value any) { fmt.Fprintf(t, "%s\t%v\n", label, value) }
	row("invocations", st.Invocations)
	for _, o := range compile.Outcomes {
		row("  "+strings.ReplaceAll(string(o), "_", " "), *st.Outcomes.Of(o))
	}
	row("unrecorded", st.Unrecorded)
	for _, tier := range st.HitsByTier.rows() {
		row("hits from "+tier.Text, tier.Count)
	}
	for _, c := range st.ByCompiler.rows() {
		row("by "+c.Text, c.Count)
	}
	row("time saved", duration(s.Tally.SavedMS))
	row("read from cache", bytesText(st.Bytes.Read))
	row("stored in cache", bytesText(st.Bytes.Stored))
	if s.Tally.NotStored > 0 {
		row("not stored", s.Tally.NotStored)
	}
	if st.Recheck != nil {
		row("rechecked", st.Recheck)
	}
	size := bytesText(st.SizeBytes)
	if st.MaxSizeBytes > 0 {
		size += " of " + bytesText(st.MaxSizeBytes)
	}
	row("cache size", size)
	if err := t.Flush(); err != nil {
		return err
	}
	for _, part := range []struct {
		label string
		sums  ReasonSums
	}{{"missed", s.Tally.Miss}, {"uncacheable", s.Tally.Uncacheable}, {"bypassed", s.Tally.Bypassed}} {
		for _, g := range s.reasonGroups(part.sums, nil) {
			fmt.Fprintf(&b, "%s: %d (%s of compiler CPU): %s\n", part.label, g.Sum.Count, duration(g.Sum.CPUMS), because(s.lookup, g.Reason.ID))
			writeRemedy(&b, g)
		}
	}
	for i := range s.Tally.Storage {
		tier := &s.Tally.Storage[i]
		fmt.Fprintf(&b, "\n%s\n", tier.Tier)
		for _, a := range tier.attributes(*s.Tally.Tiers.of(tier.Tier), inert) {
			row("  "+a.Label, a.Value)
		}
		if err := t.Flush(); err != nil {
			return err
		}
		tier.writeProblems(&b, len(tier.Problems))
	}
	if s.Skipped > 0 {
		fmt.Fprintf(&b, "damaged: %s of the spool could not be read\n", plural(s.Skipped, "line", "lines"))
	}
	_, err := w.Write(b.Bytes())
	return err
}

// rows are the tiers that answered.
func (t *Tiers) rows() []Count {
	return nonZero([]Count{{"memory", t.Memory}, {"disk", t.Disk}, {"edge", t.Edge}, {"bucket", t.Bucket}, {"reapi", t.Reapi}, {"another tier", t.Other}})
}

// rows are the invocations by compiler.
func (c *Compilers) rows() []Count {
	return nonZero([]Count{{"gcc", c.GCC.Sum()}, {"clang", c.Clang.Sum()}, {"rustc", c.Rustc.Sum()}, {"clippy", c.Clippy.Sum()}, {"other compilers", c.Other.Sum()}})
}

func nonZero(all []Count) (some []Count) {
	for _, c := range all {
		if c.Count != 0 {
			some = append(some, c)
		}
	}
	return some
}

func bytesText(n int64) string { return humanize.IBytes(uint64(max(0, n))) }
