package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/e2e/workplace"
)

// runner is one machine: its home, its PATH, and a directory of the cache that outlives jobs.
type runner struct {
	t       *testing.T
	home    string
	path    string
	dir     string
	bucket  string   // a directory, which other runners may share
	project string   // what is checked out
	env     []string // of all steps
}

func newRunner(t *testing.T) *runner {
	t.Helper()
	for _, program := range []string{"node", "git", "cmake", "make", "cc"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("no %s: %v", program, err)
		}
	}
	root := t.TempDir()
	return &runner{
		t: t, home: filepath.Join(root, "home"), path: os.Getenv("PATH"), dir: filepath.Join(root, "cache"), bucket: filepath.Join(root, "bucket"),
		project: filepath.Join(copied, "examples", "jot"),
	}
}

// job is how a job went.
type job struct {
	t         *testing.T
	ok        bool
	log       string // what its steps wrote
	summaries []string
}

// run runs the one job of a workflow on a fresh checkout of the project. In the workflow DIR stands for the cache's directory, BUCKET for
// the bucket and PROGRAMS for the directory of the programs.
func (r *runner) run(workflow string) *job {
	t := r.t
	t.Helper()
	checkout := t.TempDir()
	if err := os.CopyFS(checkout, os.DirFS(r.project)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join("testdata", workflow))
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.NewReplacer("PROGRAMS", work.Programs, "DIR", r.dir, "BUCKET", r.bucket).Replace(string(text)))
	file := filepath.Join(checkout, ".github", "workflows", workflow)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"-c", "user.name=e2e", "-c", "user.email=e2e@localhost", "commit", "-qm", "project"}} {
		if _, err := workplace.Output(checkout, nil, "git", args...); err != nil {
			t.Fatal(err)
		}
	}

	// act takes both names of the action, and the hook in it, from the copy of this checkout.
	const name = "compile-cache/compile-cache-action@"
	cmd := exec.CommandContext(t.Context(), act, "push", "--json", "--platform", "ubuntu-latest=-self-hosted",
		"--action-offline-mode", "--pull=false", "--no-cache-server",
		"--local-repository", name+"v1="+copied, "--local-repository", name+hookCommit(t)+"="+copied,
		"--env", "GOCACHE="+goEnv(t, "GOCACHE"), "--env", "GOMODCACHE="+goEnv(t, "GOMODCACHE"), "--env", "GOPROXY=off",
		"--env", "COMPILE_CACHE_IDLE_TIMEOUT=30s") // act kills no daemon, should one be left
	for _, kv := range r.env {
		cmd.Args = append(cmd.Args, "--env", kv)
	}
	cmd.Dir = checkout
	cmd.Env = []string{"HOME=" + r.home, "PATH=" + r.path}
	if err := os.MkdirAll(r.home, 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.CombinedOutput()
	j := parse(t, out)
	if j.ok != (err == nil) {
		t.Fatalf("act ended with %v, but the job's result is ok=%t:\n%s", err, j.ok, j.log)
	}
	return j
}

// parse reads act's log, which has one JSON object a line.
func parse(t *testing.T, out []byte) *job {
	t.Helper()
	j := &job{t: t}
	results := 0
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var line struct {
			Msg, Command, Content, JobResult string
			Raw                              bool `json:"raw_output"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			j.log += lines.Text() + "\n"
			continue
		}
		j.log += strings.TrimSuffix(line.Msg, "\n") + "\n"
		if line.Command == "summary" && !slices.Contains(j.summaries, line.Content) { // told again by the composite action
			j.summaries = append(j.summaries, line.Content)
		}
		if line.JobResult != "" {
			results++
			j.ok = line.JobResult == "success"
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if results != 1 {
		t.Fatalf("act reports %d results of jobs, want 1:\n%s", results, out)
	}
	return j
}

// succeeded ends the test unless the job did, or did not, succeed.
func (j *job) succeeded(want bool) {
	j.t.Helper()
	if j.ok != want {
		j.t.Fatalf("job succeeded = %t, want %t:\n%s", j.ok, want, j.log)
	}
}

// logged checks that each of the texts is in the log.
func (j *job) logged(texts ...string) {
	j.t.Helper()
	for _, text := range texts {
		if !strings.Contains(j.log, text) {
			j.t.Errorf("the log lacks %q:\n%s", text, j.log)
		}
	}
}

// summarized checks the only summary of the job.
func (j *job) summarized(texts ...string) {
	j.t.Helper()
	if len(j.summaries) != 1 {
		j.t.Fatalf("the job has %d summaries, want 1: %q\n%s", len(j.summaries), j.summaries, j.log)
	}
	for _, text := range texts {
		if !strings.Contains(j.summaries[0], text) {
			j.t.Errorf("the summary lacks %q:\n%s", text, j.summaries[0])
		}
	}
}

// stats are what steps printed by compile-cache stats --json, in order.
type stats struct {
	Dir         string
	Invocations int
	Unrecorded  int
	Outcomes    map[string]int
}

func (j *job) stats() []stats {
	j.t.Helper()
	var all []stats
	for line := range strings.Lines(j.log) {
		if !strings.HasPrefix(line, `{"schema":`) {
			continue
		}
		var s stats
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			j.t.Fatalf("stats --json printed %q: %v", line, err)
		}
		all = append(all, s)
	}
	return all
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	v, err := workplace.Output(".", nil, "go", "env", name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
