package bench

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// WriteMarkdown writes the report as tables that a document may hold.
func (r *Report) WriteMarkdown(w io.Writer) error {
	p := &printer{w: w}
	m, v := r.Machine, r.Versions
	p.line("%s: %d cores of %s, %s, kernel %s, load %.2f before and %.2f after; compile-cache %s; %s; %s", r.Began.Format("2 January 2006"), m.Cores, m.Model,
		m.System, m.Kernel, m.LoadBegin, m.LoadEnd, v.CompileCache, or(v.Rustc, v.CC), or(v.Cargo, v.CXX))
	for _, name := range slices.Sorted(maps.Keys(v.Peers)) {
		p.line("; %s", v.Peers[name])
	}
	if r.CutOff != "" {
		p.line("\nThe run was cut off: %s. What follows is what it had.", r.CutOff)
	}
	for _, c := range r.Cases {
		p.line("\n### %s\n\n%s.", c.Name, c.What)
		p.settings(c)
		p.line("")
		p.markdown([]string{"", "runs", "wall ms: median (min to max)", "CPU ms: median", "of it daemons", "ours / it, wall", "ours / it, CPU"}, c.markdownRows())
		var rows [][]string
		for _, n := range c.Numbers {
			rows = append(rows, []string{n.Name, strings.TrimSpace(fmt.Sprintf("%.6g %s", n.Value, n.Unit))})
		}
		p.markdown([]string{"number", "value"}, rows)
	}
	var rows [][]string
	for _, g := range r.Gates {
		rows = append(rows, []string{g.What, fmt.Sprintf("%s %g", g.bound(), g.Gate), fmt.Sprintf("%g", g.Goal), figure(g.Measured) + " " + g.Unit, g.state()})
	}
	if len(rows) > 0 {
		p.line("\n### Gates\n")
		p.markdown([]string{"what", "gate", "goal", "measured", ""}, rows)
	}
	rows = nil
	for _, a := range r.Absent {
		rows = append(rows, []string{a.Variant, a.Case, strings.ReplaceAll(strings.TrimSpace(a.Why), "\n", " ")})
	}
	if len(rows) > 0 {
		p.line("\n### Not measured\n")
		p.markdown([]string{"who", "what", "why"}, rows)
	}
	return p.err
}

func (c *Case) markdownRows() (rows [][]string) {
	for _, v := range c.Variants {
		row := []string{
			v.Name, fmt.Sprint(v.Runs), fmt.Sprintf("%.0f (%.0f to %.0f)", v.WallMS.Median, v.WallMS.Min, v.WallMS.Max), figure(v.CPUMS.Median), "", "", "",
		}
		if v.DaemonCPUMS != nil {
			row[4] = figure(v.DaemonCPUMS.Median)
		}
		for _, r := range c.Ratios {
			if r.Of == nameCcwrap && r.Against == v.Name {
				column := 5
				if r.What == "cpu" {
					column = 6
				}
				row[column] = fmt.Sprintf("%.3f", r.Medians)
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// markdown writes a table, followed by an empty line.
func (p *printer) markdown(head []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	p.line("| %s |", strings.Join(head, " | "))
	p.line("|%s", strings.Repeat("---|", len(head)))
	for _, row := range rows {
		for i := range row {
			row[i] = strings.ReplaceAll(row[i], "|", "\\|")
		}
		p.line("| %s |", strings.Join(row, " | "))
	}
	p.line("")
}

// figure writes a number with three digits at least, and never as a power of ten.
func figure(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}
