package github

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sethvargo/go-githubactions"
)

// ErrNoWorkflow is the answer outside of a step of a workflow.
var ErrNoWorkflow = errors.New("this is no step of a GitHub workflow")

// New returns the step whose environment getenv reads; workflow commands go to w.
func New(getenv func(string) string, w io.Writer) *githubactions.Action {
	return githubactions.New(githubactions.WithGetenv(getenv), githubactions.WithWriter(w))
}

// Input returns an input of the action, without space around it. An action gets "max-size" as INPUT_MAX-SIZE. A `run` step
// of a composite action gets none and sets INPUT_MAX_SIZE itself, since not every shell hands on a name with a hyphen.
func Input(action *githubactions.Action, name string) string {
	if v := action.GetInput(name); v != "" {
		return v
	}
	return action.GetInput(strings.ReplaceAll(name, "-", "_"))
}

// Pair is a variable or an output, and its value.
type Pair struct{ Name, Value string }

// Exports is what a step leaves to the steps after it.
type Exports struct {
	Env     []Pair
	Path    []string // put in front of PATH, the last one foremost
	Outputs []Pair
}

// Export leaves all of this to later steps. What it can check it checks before it writes anything.
func Export(action *githubactions.Action, e Exports) (err error) {
	var names []string
	if len(e.Env) > 0 {
		names = append(names, "GITHUB_ENV")
	}
	if len(e.Path) > 0 {
		names = append(names, "GITHUB_PATH")
	}
	if len(e.Outputs) > 0 {
		names = append(names, "GITHUB_OUTPUT")
	}
	for _, name := range names {
		if action.Getenv(name) == "" {
			return fmt.Errorf("%s is not set: %w", name, ErrNoWorkflow)
		}
	}
	// A line break would let a value end early and what follows be read as further variables.
	lines := append([]string(nil), e.Path...)
	for _, p := range append(append([]Pair(nil), e.Env...), e.Outputs...) {
		lines = append(lines, p.Name, p.Value)
	}
	for _, text := range lines {
		if strings.ContainsAny(text, "\r\n") {
			return fmt.Errorf("export %q: it has a line break", text)
		}
	}
	// The library panics where a file cannot be written.
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("export to later steps: %v", fault)
		}
	}()
	for _, p := range e.Env {
		action.SetEnv(p.Name, p.Value)
	}
	for _, p := range e.Path {
		action.AddPath(p)
	}
	for _, p := range e.Outputs {
		action.SetOutput(p.Name, p.Value)
	}
	return nil
}
