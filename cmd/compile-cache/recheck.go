package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/recheck"
	"github.com/compile-cache/compile-cache-action/internal/report"
)

// recheckCmd runs a build whose hits are compiled again, or shows what was found so.
type recheckCmd struct {
	Percent string   `default:"100%" help:"The share of hits to compile again." placeholder:"P%"`
	JSON    bool     `name:"json" help:"Without a build: one line of JSON."`
	Clear   bool     `help:"Without a build: remove what was found, and let results that were withdrawn be answers again."`
	Command []string `arg:"" optional:"" passthrough:"" help:"The build, after --."`
}

// Run lists the findings where no build is given. The status is then 1 where a stored result was wrong.
func (c *recheckCmd) Run(a *app) error {
	dir := recheck.Dir(a.place.Dir)
	if len(c.Command) > 0 {
		if c.JSON || c.Clear {
			return &usageError{errors.New("recheck: --json and --clear go without a build")}
		}
		return (&runCmd{Recheck: c.Percent, Command: c.Command}).Run(a)
	}
	if c.Clear {
		return recheck.Clear(dir)
	}
	found, err := recheck.List(dir)
	if err != nil {
		return err
	}
	if c.JSON {
		if found == nil {
			found = []recheck.Found{}
		}
		err = report.JSON(a.stdout, struct {
			Findings []recheck.Found `json:"findings"`
		}{found})
	} else {
		err = c.tell(a, found)
	}
	for _, f := range found {
		if err == nil && f.Verdict.Wrong() {
			return exitStatus(1)
		}
	}
	return err
}

func (c *recheckCmd) tell(a *app, found []recheck.Found) error {
	var b strings.Builder
	for _, f := range found {
		fmt.Fprintf(&b, "%s: %s\n", verdictText(f.Verdict), report.Inert(f.Source))
		for i := range f.Differences {
			fmt.Fprintf(&b, "  %s\n", report.Inert(f.Differences[i].String()))
		}
		for _, p := range f.Unlisted {
			fmt.Fprintf(&b, "  read and not in the key: %s\n", report.Inert(p))
		}
		fmt.Fprintf(&b, "  found   %s, key %.12s\n", f.Time.In(a.now().Location()).Format(time.DateTime), report.Inert(f.Key))
		fmt.Fprintf(&b, "  stored  %s by %s\n", f.Stored.Time.In(a.now().Location()).Format(time.DateTime), report.Inert(orUnknown(f.Stored.By)))
		if f.Withdrawn {
			b.WriteString("  this key is not answered any more on this machine\n")
		}
		fmt.Fprintf(&b, "  record  %s\n", report.Inert(f.Path))
	}
	if len(found) == 0 {
		b.WriteString("no recheck has found a difference; compile-cache recheck -- COMMAND compiles the hits of a build again\n")
	} else {
		b.WriteString("records have recipe, tools, inputs and, of small outputs, both versions; compile-cache recheck --clear removes them\n")
	}
	_, err := a.stdout.Write([]byte(b.String()))
	return err
}

func orUnknown(s string) string {
	if s == "" {
		return "an unknown machine"
	}
	return s
}

// verdictText says in a few words what a verdict means.
func verdictText(v compile.Verdict) string {
	switch v {
	case compile.VerdictIncompleteKey:
		return "incomplete key: something that decides the output is not in it"
	case compile.VerdictCorrupt:
		return "corrupt: the stored bytes had changed; they were replaced"
	case compile.VerdictNondeterministic:
		return "not deterministic: the compiler makes something else each time"
	}
	return string(v)
}

// maxFindings bounds what a run tells; all of it is in the quarantine.
const maxFindings = 10

// warnOfFindings tells what the rechecks of a run found.
func (a *app) warnOfFindings(s *report.Summary) {
	found, more := s.Findings(maxFindings)
	for _, f := range found {
		text := fmt.Sprintf("recheck: %s: %s: %s", f.Verdict, f.Source, f.Detail)
		if f.Record != "" {
			text += "; see " + f.Record
		}
		a.ui.warningf("%s", text)
	}
	if more > 0 {
		a.ui.warningf("recheck: %d more; compile-cache recheck lists them", more)
	}
}

// checkQuarantine tells what rechecks found.
func (a *app) checkQuarantine(say sayFunc) {
	found, err := recheck.List(recheck.Dir(a.place.Dir))
	if err != nil {
		say("quarantine", "warning", "", "%v", err)
		return
	}
	wrong := 0
	for _, f := range found {
		if f.Verdict.Wrong() {
			wrong++
		}
	}
	switch {
	case wrong > 0:
		say("quarantine", "warning", "compile-cache recheck tells what differed", "rechecks found %d stored results wrong; they are not used any more", wrong)
	case len(found) > 0:
		say("quarantine", "note", "", "rechecks found %d compiles that are not deterministic", len(found))
	}
}
