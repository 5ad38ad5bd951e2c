package main

import (
	"io"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/report"
)

// reportCmd prints what was compiled since the counters were zeroed, or in one run.
type reportCmd struct {
	Format string `enum:"text,md,json,html" default:"text" help:"One of ${enum}."`
	OfRun  string `name:"run" placeholder:"ID" help:"Only what this run of compile-cache run compiled; last: the newest run."`
}

// Run prints to stdout.
func (c *reportCmd) Run(a *app) error {
	run := c.OfRun
	if run == "last" {
		var err error
		if run, err = report.LastRun(a.place.Dir); err != nil {
			return err
		}
	}
	a.settle()
	s, err := report.Load(a.place.Dir, a.reportOptions(run))
	if err != nil {
		return err
	}
	if err := a.measure(s.Stats); err != nil {
		return err
	}
	switch c.Format {
	case "md":
		md, err := s.Markdown(report.MarkdownLimit)
		if err != nil {
			return err
		}
		_, err = io.WriteString(a.stdout, md)
		return err
	case "json":
		return s.WriteJSON(a.stdout)
	case "html":
		return s.WriteHTML(a.stdout)
	}
	return s.WriteTerminal(a.stdout)
}

// reportOptions select the events of one run; "" all since the counters were zeroed.
func (a *app) reportOptions(run string) report.Options {
	return report.Options{Version: Version, Now: a.now(), Run: run, Lookup: compile.Lookup}
}
