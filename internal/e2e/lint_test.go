package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// action is what these tests read of an action.yml.
type action struct {
	Inputs map[string]struct {
		Description string
		Default     *string
	}
	Outputs map[string]struct{ Description, Value string }
	Runs    struct {
		Using, Main, Post string
		PostIf            string `yaml:"post-if"`
		Steps             []struct {
			Name, ID, If, Uses, Shell, Run string
			With, Env                      map[string]string
			ContinueOnError                bool `yaml:"continue-on-error"`
		}
	}
}

func readAction(t *testing.T, name string) *action {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(work.Repository, name))
	if err != nil {
		t.Fatal(err)
	}
	var a action
	if err := yaml.Unmarshal(b, &a); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return &a
}

// TestWorkflowsLint runs actionlint on the workflows of the project, of its examples, of these tests, and of the README.
func TestWorkflowsLint(t *testing.T) {
	var files []string
	for _, pattern := range []string{".github/workflows/*.yml", "examples/workflows/*.yml", "internal/e2e/testdata/*.yml"} {
		found, err := filepath.Glob(filepath.Join(work.Repository, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("no workflow is %s (%v)", pattern, err)
		}
		files = append(files, found...)
	}
	shown := filepath.Join(t.TempDir(), "readme.yml")
	if err := os.WriteFile(shown, []byte(readmeWorkflow(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(actionlint, append(files, shown)...).CombinedOutput()
	if err != nil {
		t.Errorf("actionlint: %v\n%s", err, out)
	}
}

// readmeWorkflow is the workflow that the README shows first.
func readmeWorkflow(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(work.Repository, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "```yaml\n")
	text, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatal("README.md shows no workflow")
	}
	if n := strings.Count(text, "\n"); n > 8 {
		t.Errorf("the README's workflow has %d lines, want at most 8", n)
	}
	return text
}

// TestWorkflowsArePinned: a tag of somebody else's action can be moved.
func TestWorkflowsArePinned(t *testing.T) {
	uses := regexp.MustCompile(`uses:\s*(\S+)`)
	pinned := regexp.MustCompile(`@[0-9a-f]{40}$`)
	for _, pattern := range []string{".github/workflows/*.yml", "examples/workflows/*.yml"} {
		files, _ := filepath.Glob(filepath.Join(work.Repository, pattern))
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range uses.FindAllStringSubmatch(string(b), -1) {
				if !pinned.MatchString(m[1]) && !strings.HasPrefix(m[1], "compile-cache/compile-cache-action") {
					t.Errorf("%s uses %s, want a commit", file, m[1])
				}
			}
		}
	}
}

// TestCompositeSteps checks what actionlint does not look at: steps of composite actions.
func TestCompositeSteps(t *testing.T) {
	for _, name := range []string{"action.yml", "report/action.yml"} {
		a := readAction(t, name)
		if a.Runs.Using != "composite" || len(a.Runs.Steps) == 0 {
			t.Errorf("%s is no composite action", name)
		}
		for _, s := range a.Runs.Steps {
			// What an expression puts into a script is run: inputs go through the environment.
			if strings.Contains(s.Run, "${{") {
				t.Errorf("%s: step %q has an expression in its script", name, s.Name)
			}
			if s.Run != "" && s.Shell == "" {
				t.Errorf("%s: step %q names no shell", name, s.Name)
			}
			if !s.ContinueOnError && s.Shell != "pwsh" {
				t.Errorf("%s: step %q could fail the job", name, s.Name)
			}
		}
	}
}

// TestInputsReachTheProgram: each input is handed on by both ways of starting, and the hook declares it.
func TestInputsReachTheProgram(t *testing.T) {
	a, hook := readAction(t, "action.yml"), readAction(t, "dist/hook/action.yml")
	if hook.Runs.Main != "main.js" || hook.Runs.Post != "post.js" || hook.Runs.PostIf != "always()" {
		t.Errorf("dist/hook runs %+v", hook.Runs)
	}
	if hook.Runs.Using != "node24" {
		t.Errorf("dist/hook uses %s, want node24", hook.Runs.Using)
	}
	var with, env map[string]string
	for _, s := range a.Runs.Steps {
		if s.Uses != "" {
			with = s.With
		}
		if s.ID == "start" {
			env = s.Env
		}
	}
	for name := range a.Inputs {
		if name == "post" || name == "binary-path" { // action.yml's own
			continue
		}
		value := fmt.Sprintf("${{ inputs.%s }}", name)
		variable := "INPUT_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		if with[name] != value || env[variable] != value {
			t.Errorf("input %s: hook gets %q, start gets %q as %s; want %s", name, with[name], env[variable], variable, value)
		}
	}
	for name := range with {
		if _, ok := hook.Inputs[name]; !ok {
			t.Errorf("dist/hook is given %s and does not declare it", name)
		}
	}
	for name, output := range a.Outputs {
		for _, id := range []string{"hook", "start"} {
			if want := fmt.Sprintf("steps.%s.outputs.%s", id, name); !strings.Contains(output.Value, want) {
				t.Errorf("output %s = %s, want %s in it", name, output.Value, want)
			}
		}
	}
}

// TestReadmeListsInputs: every input has its row, and every row its input.
func TestReadmeListsInputs(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(work.Repository, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(b), "## The action\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllStringSubmatch(section, -1) {
		rows[m[1]] = true
	}
	a := readAction(t, "action.yml")
	for name := range a.Inputs {
		if !rows[name] {
			t.Errorf("README.md has no row for input %s", name)
		}
		delete(rows, name)
	}
	for name := range rows {
		t.Errorf("README.md has a row for %s, which is no input", name)
	}
	for name := range a.Outputs {
		if !strings.Contains(section, "Output `"+name+"`") {
			t.Errorf("README.md does not tell of output %s", name)
		}
	}
}
