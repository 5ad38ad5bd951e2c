package bench

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// WriteTable writes the report for people.
func (r *Report) WriteTable(w io.Writer) error {
	p := &printer{w: w}
	m, v := r.Machine, r.Versions
	p.line("%d cores of %s, %s, kernel %s, load %.2f before and %.2f after", m.Cores, m.Model, m.System, m.Kernel, m.LoadBegin, m.LoadEnd)
	if v.Cargo != "" {
		p.line("compile-cache %s; %s; %s", v.CompileCache, v.Rustc, v.Cargo)
		for _, name := range slices.Sorted(maps.Keys(v.Peers)) {
			p.line("%s", v.Peers[name])
		}
	} else {
		p.line("compile-cache %s; %s; %s; %s", v.CompileCache, or(v.Ccache, "no ccache"), v.CC, v.CXX)
	}
	for _, c := range r.Cases {
		p.line("\n%s: %s", c.Name, c.What)
		p.settings(c)
		p.variants(c)
		p.ratios(c)
		p.numbers(c)
	}
	p.gates(r.Gates)
	for _, a := range r.Absent {
		p.line("not measured: %s, %s: %s", a.Variant, a.Case, a.Why)
	}
	if r.CutOff != "" {
		p.line("cut off: %s", r.CutOff)
	}
	return p.err
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// printer keeps the first error of its writer.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// table writes rows in columns, the first left of the others.
func (p *printer) table(head []string, rows [][]string) {
	if len(rows) == 0 || p.err != nil {
		return
	}
	t := tabwriter.NewWriter(p.w, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{head}, rows...) {
		if _, p.err = fmt.Fprintf(t, "  %s\n", strings.Join(row, "\t")); p.err != nil {
			return
		}
	}
	p.err = t.Flush()
}

func (p *printer) settings(c *Case) {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(c.Settings)) {
		parts = append(parts, fmt.Sprintf("%s %v", name, c.Settings[name]))
	}
	if len(parts) > 0 {
		p.line("  %s", strings.Join(parts, ", "))
	}
}

func (p *printer) variants(c *Case) {
	var rows [][]string
	for _, v := range c.Variants {
		row := []string{v.Name, fmt.Sprint(v.Runs), v.WallMS.text(), v.CPUMS.text(), ""}
		if v.DaemonCPUMS != nil {
			row[4] = fmt.Sprintf("%.3f", v.DaemonCPUMS.Median)
		}
		rows = append(rows, row)
	}
	p.table([]string{"variant", "runs", "wall ms (min median max)", "CPU ms (min median max)", "of it the daemon"}, rows)
}

func (s Summary) text() string { return fmt.Sprintf("%.2f %.2f %.2f", s.Min, s.Median, s.Max) }

func (p *printer) ratios(c *Case) {
	var rows [][]string
	for _, r := range c.Ratios {
		rows = append(rows, []string{r.Of + " / " + r.Against, r.What, fmt.Sprintf("%.3f", r.Medians), fmt.Sprintf("%.3f", r.MedianOfPairs)})
	}
	p.table([]string{"ratio", "of", "medians", "median of pairs"}, rows)
}

func (p *printer) numbers(c *Case) {
	var rows [][]string
	for _, n := range c.Numbers {
		rows = append(rows, []string{n.Name, fmt.Sprintf("%.4g %s", n.Value, n.Unit)})
	}
	p.table([]string{"number", "value"}, rows)
}

func (p *printer) gates(gates []Gate) {
	if len(gates) == 0 {
		return
	}
	p.line("\ngates")
	var rows [][]string
	for _, g := range gates {
		rows = append(rows, []string{g.What, fmt.Sprintf("%s %g", g.bound(), g.Gate), fmt.Sprintf("%g", g.Goal), fmt.Sprintf("%.4g %s", g.Measured, g.Unit), g.state()})
	}
	p.table([]string{"what", "gate", "goal", "measured", ""}, rows)
}

func (g *Gate) bound() string {
	if g.AtLeast {
		return ">="
	}
	return "<="
}

func (g *Gate) state() string {
	switch {
	case g.GoalMet:
		return "goal met"
	case g.Met:
		return "met"
	}
	return "NOT MET"
}
