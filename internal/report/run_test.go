package report

import (
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// The report of a job counts the runs started in it, each run only itself, and neither one whose name begins alike.
func TestRunsInRuns(t *testing.T) {
	var events []*compile.Event
	for i, run := range []string{"job", "job/a", "job/b", "job/b", "job2", "", `q"\<`, `q"\</x`} {
		events = append(events, event(i, compile.Miss, func(e *compile.Event) { e.Run = run }))
	}
	dir := instance(t, events...)
	for run, want := range map[string]int64{"job": 4, "job/a": 1, "job/b": 2, "job2": 1, "jo": 0, "": 8, `q"\<`: 2, `q"\</x`: 1} {
		if got := load(t, dir, run).Tally.Outcomes.Sum(); got != want {
			t.Errorf("invocations of run %q = %d, want %d", run, got, want)
		}
	}
}
