package report

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// Explanation says how the last compile of a file ended and why.
type Explanation struct {
	Schema      int              `json:"schema"` // 1
	Source      string           `json:"source"` // absolute
	Output      string           `json:"output,omitempty"`
	Program     string           `json:"program"`
	Dir         string           `json:"dir"`
	Time        time.Time        `json:"time"`
	Run         string           `json:"run,omitempty"`
	Outcome     compile.Outcome  `json:"outcome"`
	Tier        string           `json:"tier,omitempty"` // of a hit
	Reason      compile.ReasonID `json:"reason,omitempty"`
	Sentence    string           `json:"sentence,omitempty"` // of the reason, completing "because"
	Detail      string           `json:"detail,omitempty"`
	Remedy      string           `json:"remedy,omitempty"`
	NotStored   string           `json:"not_stored,omitempty"`
	Causes      []ExplainedCause `json:"causes"`
	Status      int              `json:"status"`
	WallMS      float64          `json:"wall_ms"`
	CompileMS   float64          `json:"compile_ms"`
	Inputs      int              `json:"inputs,omitempty"`
	Key         string           `json:"key,omitempty"`
	Compilation string           `json:"compilation,omitempty"`
}

// ExplainedCause is a cause and its sentence.
type ExplainedCause struct {
	compile.Cause
	Text string `json:"text"`
	// Because is, of a crate, why it changed: the cause of its own miss, the cause of that one if it is a crate, and so on.
	Because []compile.Cause `json:"because,omitempty"`
}

// NotRecordedError says that no compile of a file is known.
type NotRecordedError struct{ File string } // "": none of any file

func (e *NotRecordedError) Error() string {
	if e.File == "" {
		return "no compile is recorded"
	}
	return "no compile of " + inert(e.File) + " is recorded"
}

// AmbiguousError says that a name fits several files.
type AmbiguousError struct {
	File    string
	Matches []string // absolute, sorted
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%s may be any of %d files", inert(e.File), len(e.Matches))
}

// Explain explains the newest recorded compile of file, which is named as in dir. Where that very source or output is unknown,
// the end of a path will do if it fits one source only, and of Rust the name of a crate, or a module below its root. Zeroing the counters forgets no explanation.
func Explain(instance, dir, file string, lookup Lookup) (*Explanation, error) {
	name := path.Clean(file)
	full := name
	if !path.IsAbs(full) {
		full = path.Join(dir, name)
	}
	var exact, near *compile.Event
	ends := map[string]*compile.Event{} // newest by source
	err := eachKept(instance, func(e *compile.Event) {
		source := ""
		if e.Source != "" {
			source = sourcePath(e)
		}
		if source == full || e.Output != "" && path.Clean(e.Output) == full {
			exact = newer(exact, e)
			return
		}
		if isCrate(e, file) || isModule(e, source, full) {
			if near != nil && len(sourcePath(near)) < len(source) {
				near = nil
			}
			if near == nil || len(sourcePath(near)) == len(source) {
				near = newer(near, e)
			}
		}
		if !path.IsAbs(name) && strings.HasSuffix(source, "/"+name) {
			ends[source] = newer(ends[source], e)
		}
	})
	switch {
	case err != nil:
		return nil, err
	case exact != nil:
		return explanation(instance, exact, lookup)
	case len(ends) == 0 && near != nil:
		return explanation(instance, near, lookup)
	case len(ends) == 0:
		return nil, &NotRecordedError{File: file}
	case len(ends) > 1:
		return nil, &AmbiguousError{File: file, Matches: slices.Sorted(maps.Keys(ends))}
	}
	for _, e := range ends {
		exact = e
	}
	return explanation(instance, exact, lookup)
}

// ExplainLast explains the newest recorded invocation of all.
func ExplainLast(instance string, lookup Lookup) (*Explanation, error) {
	var last *compile.Event
	if err := eachKept(instance, func(e *compile.Event) { last = newer(last, e) }); err != nil {
		return nil, err
	}
	if last == nil {
		return nil, &NotRecordedError{}
	}
	return explanation(instance, last, lookup)
}

func eachKept(instance string, f func(*compile.Event)) error {
	r, err := OpenReader(SpoolDir(instance))
	if err != nil {
		return err
	}
	defer r.Close()
	return r.EachKept(f)
}

// newer returns the later of two events: of equally late ones b, which was recorded later. b is copied.
func newer(a, b *compile.Event) *compile.Event {
	if a != nil && b.Time.Before(a.Time) {
		return a
	}
	e := *b
	return &e
}

func explanation(instance string, e *compile.Event, lookup Lookup) (*Explanation, error) {
	x := &Explanation{
		Schema: 1, Source: sourcePath(e), Output: e.Output, Program: e.Program, Dir: e.Dir, Time: e.Time, Run: e.Run,
		Outcome: e.Outcome, Tier: e.Tier, Reason: e.Reason, Detail: e.Detail, NotStored: e.NotStored, Causes: []ExplainedCause{},
		Status: e.Status, WallMS: e.WallMS, CompileMS: e.CompileMS, Inputs: e.Inputs, Key: e.Key, Compilation: e.Compilation,
	}
	if e.Reason != "" {
		row := lookup(e.Reason)
		x.Sentence, x.Remedy = row.Sentence, row.Remedy
	}
	for _, c := range e.Causes {
		x.Causes = append(x.Causes, ExplainedCause{Cause: c, Text: describe(&c).String()})
	}
	if e.Causes == nil {
		return x, nil
	}
	var err error
	x.Causes, err = chains(instance, e, x.Causes)
	return x, err
}

// WriteJSON writes x on one line.
func (x *Explanation) WriteJSON(w io.Writer) error { return writeJSON(w, x) }

// WriteText writes x for people. The time is shown in its own zone.
func (x *Explanation) WriteText(w io.Writer) error {
	var b bytes.Buffer
	line := func(label, text string) { fmt.Fprintf(&b, "  %-9s%s\n", label, text) }
	fmt.Fprintf(&b, "%s\n", inert(x.Source))
	outcome := strings.ReplaceAll(string(x.Outcome), "_", " ")
	switch x.Outcome {
	case compile.Hit:
		outcome += " from " + inert(x.Tier) + " in " + duration(x.WallMS) + "; the compile took " + duration(x.CompileMS)
	case compile.Failed:
		outcome += fmt.Sprintf(": the compiler exited with status %d", x.Status)
	default:
		if x.Reason != "" {
			outcome += ", because " + because(func(compile.ReasonID) compile.Reason { return compile.Reason{Sentence: x.Sentence} }, x.Reason).String()
		}
		if x.Detail != "" {
			outcome += ": " + inert(x.Detail)
		}
	}
	line("outcome", outcome)
	label := "causes"
	for i, c := range x.Causes {
		if i == maxCauses {
			line(label, fmt.Sprintf("and %d more", len(x.Causes)-i))
			break
		}
		line(label, c.Text)
		label = ""
	}
	if x.NotStored != "" {
		line("stored", "no: "+inert(x.NotStored))
	}
	if x.Outcome != compile.Hit && x.CompileMS > 0 {
		line("took", duration(x.WallMS)+", the compiler "+duration(x.CompileMS))
	}
	line("compiler", inert(x.Program)+" in "+inert(x.Dir))
	line("when", x.Time.Format("2006-01-02 15:04:05 -0700"))
	if x.Remedy != "" {
		line("to do", inertProse(x.Remedy))
	}
	_, err := w.Write(b.Bytes())
	return err
}
