package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/report"
)

// explainCmd says how the newest compile of a file ended, and what differed where it missed.
type explainCmd struct {
	File string `arg:"" optional:"" help:"The source or its output; the end of its path will do where it fits one only. Of Rust also a module, or a crate's name."`
	Last bool   `help:"The newest invocation of all."`
	JSON bool   `name:"json" help:"Print one line of JSON."`
}

// Validate is called by kong: a wrong call is a usage error.
func (c *explainCmd) Validate() error {
	if (c.File == "") == !c.Last {
		return errors.New("name a FILE, or give --last")
	}
	return nil
}

// Run fails where nothing is recorded, or FILE fits several.
func (c *explainCmd) Run(a *app) error {
	x, err := c.explain(a)
	if err != nil {
		return err
	}
	if c.JSON {
		return x.WriteJSON(a.stdout)
	}
	x.Time = x.Time.In(a.now().Location())
	return x.WriteText(a.stdout)
}

// maxMatches bounds the files that an ambiguous name lists.
const maxMatches = 10

func (c *explainCmd) explain(a *app) (*report.Explanation, error) {
	if c.Last {
		return report.ExplainLast(a.place.Dir, compile.Lookup)
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("find the working directory: %w", err)
	}
	x, err := report.Explain(a.place.Dir, dir, c.File, compile.Lookup)
	if ambiguous, ok := errors.AsType[*report.AmbiguousError](err); ok {
		var names []string
		for _, m := range ambiguous.Matches[:min(len(ambiguous.Matches), maxMatches)] {
			names = append(names, fmt.Sprintf("%q", m))
		}
		return nil, &hinted{err, "name one of them: " + strings.Join(names, " ")}
	}
	return x, err
}
