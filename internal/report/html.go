package report

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// Bounds of the page.
const (
	maxBars  = 2000 // of the timeline: the longest
	maxLanes = 128
	// Pauses longer than maxPause are drawn as shortPause, so that builds far apart share a line of time.
	maxPause   = 10 * time.Second
	shortPause = time.Second

	timelineWidth = 1200
	laneHeight    = 12
)

//go:embed report.html.tmpl
var pageText string

var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"inert":    inert,
	"duration": duration,
	"plain":    func(o compile.Outcome) string { return strings.ReplaceAll(string(o), "_", " ") },
	"source":   func(e compile.Event) string { return inert(sourcePath(&e)) },
	"bytes":    bytesText,
	"groups": func(page map[string]any, groups []ReasonGroup) map[string]any {
		return map[string]any{"Because": page["Because"], "Groups": groups}
	},
}).Parse(pageText))

// bar is one event on the timeline.
type bar struct {
	X, Width float64
	Y        int
	Outcome  compile.Outcome
	Title    string
}

// WriteHTML writes a page that needs nothing but itself: no script, no links. It refuses sums that are wrong.
func (s *Summary) WriteHTML(w io.Writer) error {
	if err := s.Stats.Invariant(); err != nil {
		return err
	}
	bars, lanes, span := s.timeline()
	type outcome struct {
		Name  compile.Outcome
		Count int64
	}
	var outcomes []outcome
	for _, o := range compile.Outcomes {
		outcomes = append(outcomes, outcome{o, *s.Tally.Outcomes.Of(o)})
	}
	d := detailSteps[0]
	return page.Execute(w, map[string]any{
		"S": s, "Verdict": s.Verdict(), "Outcomes": outcomes,
		"Misses":      s.Misses[:min(len(s.Misses), d.misses)],
		"Uncacheable": s.Uncacheable, "Bypassed": s.Bypassed,
		"Storage": s.storageParts(),
		"Bars":    bars, "Width": timelineWidth, "Height": max(1, lanes) * laneHeight, "BarHeight": laneHeight - 2, "Span": duration(span),
		"BarsLeftOut": int64(len(s.Events)-len(bars)) + s.Earlier,
		"Because":     func(g ReasonGroup) string { return because(s.lookup, g.Reason.ID).String() },
		"Why":         func(e compile.Event) string { return s.why(&e).String() },
	})
}

// timeline lays the longest events out: each in the first lane that is free when it starts. span is the drawn time in
// milliseconds.
func (s *Summary) timeline() (bars []bar, lanes int, span float64) {
	shown := slices.Clone(s.Events)
	if len(shown) > maxBars {
		slices.SortStableFunc(shown, func(a, b compile.Event) int { return cmp.Compare(finite(b.WallMS), finite(a.WallMS)) })
		shown = shown[:maxBars]
		slices.SortStableFunc(shown, func(a, b compile.Event) int { return a.Time.Compare(b.Time) })
	}
	if len(shown) == 0 {
		return nil, 0, 0
	}
	var cut time.Duration // of pauses so far
	last := shown[0].Time
	free := make([]float64, 0, maxLanes)
	for i := range shown {
		e := &shown[i]
		if pause := e.Time.Sub(last); pause > maxPause {
			cut += pause - shortPause
		}
		wall := finite(e.WallMS)
		if end := e.Time.Add(time.Duration(wall * float64(time.Millisecond))); end.After(last) {
			last = end
		}
		from := float64(e.Time.Sub(shown[0].Time)-cut) / float64(time.Millisecond)
		lane := slices.IndexFunc(free, func(t float64) bool { return t <= from })
		switch {
		case lane < 0 && len(free) < maxLanes:
			lane = len(free)
			free = append(free, 0)
		case lane < 0:
			lane = len(free) - 1
		}
		free[lane] = from + wall
		span = max(span, from+wall)
		bars = append(bars, bar{X: from, Width: wall, Y: lane * laneHeight, Outcome: e.Outcome,
			Title: fmt.Sprintf("%s: %s in %s", inert(sourcePath(e)), e.Outcome, duration(wall))})
	}
	for i := range bars {
		bars[i].X *= timelineWidth / max(span, 1)
		bars[i].Width = max(1, bars[i].Width*timelineWidth/max(span, 1))
	}
	return bars, len(free), span
}
