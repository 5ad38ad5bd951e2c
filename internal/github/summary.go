// Package github speaks to the runner of a GitHub workflow, and tells from the event which scopes of a bucket its job may read and
// write (FindScopes).
//
// What goes to the runner goes through a *githubactions.Action that the caller makes, so tests give it an environment and a writer of
// their own.
package github

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/sethvargo/go-githubactions"
)

// summaryLimit is what one step may write into its summary, in bytes. The runner drops, with a note that is easily missed, all
// of a summary beyond 1 MiB, and without any note one that comes close to it (actions/runner#4337).
const summaryLimit = 1<<20 - 16<<10

// cutNote ends a summary that was cut.
const cutNote = "\n\nThe rest did not fit into the job summary.\n"

// ErrNoSummary is the answer where there is no room, or no summary: outside of a workflow.
var ErrNoSummary = errors.New("no room in a job summary")

// WriteSummary appends Markdown to the step's job summary. What the step may still write bounds it: longer Markdown is cut at
// the end of a line, its open <details> are closed, and a note says so.
func WriteSummary(action *githubactions.Action, md string) (err error) {
	file := action.Getenv("GITHUB_STEP_SUMMARY")
	if file == "" {
		return fmt.Errorf("write job summary: GITHUB_STEP_SUMMARY is not set: %w", ErrNoSummary)
	}
	room := int64(summaryLimit)
	if info, err := os.Stat(file); err == nil {
		room -= info.Size()
	}
	if int64(len(md)) > room {
		if md = cut(md, room); md == "" {
			return fmt.Errorf("write job summary: %w", ErrNoSummary)
		}
	}
	// The library panics where the file cannot be written.
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("write job summary: %v", fault)
		}
	}()
	action.AddStepSummary(md)
	return nil
}

// cut returns whole lines of md, at most room bytes with all that is added; "" if not even one fits.
func cut(md string, room int64) string {
	for head := md; head != ""; {
		// One line less each time, or as many as are surely too much.
		head = head[:max(0, min(len(head)-1, int(room)))]
		head = head[:strings.LastIndexByte(head, '\n')+1]
		open := strings.Count(head, "<details>") - strings.Count(head, "</details>")
		whole := head + strings.Repeat("\n</details>\n", max(0, open)) + cutNote
		if head != "" && int64(len(whole)) <= room {
			return whole
		}
	}
	return ""
}
