package bucket

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/e2e/realm"
	"github.com/compile-cache/compile-cache-action/internal/e2e/workplace"
)

// machine has an instance of the product, and nothing of other machines'.
type machine struct {
	t       *testing.T
	root    string                                    // everything of it lies under it
	dir     string                                    // COMPILE_CACHE_DIR
	inside  func(dir string, argv ...string) []string // runs a command in the machine's namespaces; nil: it has none
	seen    func(dir string) string                   // where a directory of the machine is seen from here
	setting map[string]string                         // environment of all its jobs
}

// newMachine makes a machine whose jobs use a bucket. Its daemons end with the test.
func newMachine(t *testing.T, bucket string) *machine {
	t.Helper()
	m := &machine{t: t, root: directory(t), setting: map[string]string{
		"PATH": os.Getenv("PATH"), "LC_ALL": "C", "COMPILE_CACHE_IDLE_TIMEOUT": "2m", "COMPILE_CACHE_BUCKET": bucket,
		"AWS_EC2_METADATA_DISABLED": "true", // whoever runs this may be a machine of Amazon's
	}, seen: func(dir string) string { return dir }}
	m.dir = filepath.Join(m.root, "cache")
	m.setting["COMPILE_CACHE_DIR"], m.setting["HOME"] = m.dir, filepath.Join(m.root, "home")
	if err := os.MkdirAll(m.setting["HOME"], 0o700); err != nil {
		t.Fatal(err)
	}
	work.Install(t, m.root, m.dir)
	return m
}

// with returns the same machine with more settings: pairs of names and values.
func (m *machine) with(pairs ...string) *machine {
	c := *m
	c.setting = workplace.With(m.setting, pairs...)
	return &c
}

// job is the environment that a runner gives a job.
type job map[string]string

// outside is no job.
var outside = job{}

// push is a job of a push to main, which is protected.
func push(t *testing.T, run int) job {
	return github(t, run, "push", "refs/heads/main", "true", nil)
}

// pull is a job of a pull request from a branch of the repository itself.
func pull(t *testing.T, number, run int) job {
	return pullFrom(t, number, run, realm.RepositoryID)
}

// pullFrom is a job of a pull request from a repository.
func pullFrom(t *testing.T, number, run int, head string) job {
	repository := func(id string) map[string]any {
		return map[string]any{"id": json.Number(id), "fork": id != realm.RepositoryID}
	}
	j := github(t, run, "pull_request", fmt.Sprintf("refs/pull/%d/merge", number), "false", map[string]any{
		"number": number, "pull_request": map[string]any{
			"number": number, "head": map[string]any{"ref": "feature", "repo": repository(head)},
			"base": map[string]any{"ref": "main", "repo": repository(realm.RepositoryID)},
		},
	})
	j["GITHUB_BASE_REF"], j["GITHUB_HEAD_REF"] = "main", "feature"
	return j
}

func github(t *testing.T, run int, event, ref, protected string, payload map[string]any) job {
	t.Helper()
	all := map[string]any{"ref": ref, "repository": map[string]any{
		"id": json.Number(realm.RepositoryID), "full_name": realm.Repository, "default_branch": "main",
	}}
	maps.Copy(all, payload)
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(directory(t), "event.json")
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return job{
		"GITHUB_ACTIONS": "true", "CI": "true", "GITHUB_EVENT_NAME": event, "GITHUB_EVENT_PATH": file, "GITHUB_REF": ref,
		"GITHUB_REF_NAME": strings.TrimPrefix(ref, "refs/heads/"), "GITHUB_REF_PROTECTED": protected,
		"GITHUB_REPOSITORY": realm.Repository, "GITHUB_REPOSITORY_ID": realm.RepositoryID, "GITHUB_SHA": strings.Repeat("ab", 20),
		"GITHUB_RUN_ID": strconv.Itoa(run), "GITHUB_RUN_ATTEMPT": "1", "GITHUB_JOB": "build", "GITHUB_ACTOR": "octocat",
		"GITHUB_WORKFLOW_REF": realm.Workflow + "@" + ref, "GITHUB_WORKFLOW": "build",
		"RUNNER_NAME": "runner", "RUNNER_OS": "Linux", "RUNNER_ARCH": "X64", "RUNNER_ENVIRONMENT": "github-hosted",
	}
}

// env returns the environment of a job on the machine.
func (m *machine) env(j job) []string { return workplace.Environment(m.setting, j) }

// command runs one of the product's commands in a job.
func (m *machine) command(j job, args ...string) *result {
	m.t.Helper()
	return m.execute(j, m.root, append([]string{filepath.Join(m.root, "programs", "compile-cache")}, args...)...)
}

func (m *machine) execute(j job, dir string, argv ...string) *result {
	m.t.Helper()
	at := dir
	if m.inside != nil {
		argv, at = m.inside(dir, argv...), "/"
	}
	return execute(m.t, at, m.env(j), argv...)
}

// how a build is done, where it is not simply everything at once.
type how struct {
	program bool     // only the program, not its tests
	between func()   // the program first; then this; then the rest
	flags   []string // of run
}

// build makes a fresh checkout in dir and builds it by `compile-cache run`. Whatever happens to the cache, the outcome is the
// plain build's.
func (m *machine) build(j job, dir string, e edit, options ...how) *result {
	m.t.Helper()
	want := plainly(m.t, e)
	checkout(m.t, m.seen(dir))
	e.apply(m.t, m.seen(dir))
	var h how
	if len(options) > 0 {
		h = options[0]
	}
	argv := recipe
	if h.program {
		argv = append(slices.Clone(recipe), "build/jot")
	}
	if h.between != nil {
		half, resume := m.pause(h.between)
		argv = append([]string{"sh", "-c", `"$@" build/jot && echo >'` + half + `' && read x <'` + resume + `'; "$@"`, "sh"}, recipe...)
	}
	run := append([]string{filepath.Join(m.root, "programs", "compile-cache"), "run"}, h.flags...)
	r := m.execute(j, dir, append(append(run, "--"), argv...)...)
	r.outputs = tree(m.t, filepath.Join(m.seen(dir), "build"))
	if !h.program {
		if d := difference(want, r); d != "" {
			m.t.Errorf("the build is not as without us: %s", d)
		}
	} else if r.status != 0 {
		m.t.Errorf("status %d: %s", r.status, r.stderr)
	}
	m.t.Logf("%s; plain %s; %s", r.took.Round(1e6), want.took.Round(1e6), strings.ReplaceAll(strings.TrimSpace(ours(r.stderr)), "\n", "\n\t"))
	return r
}

// pause makes two pipes: when a line comes through the first, between is called; then one comes through the second.
func (m *machine) pause(between func()) (half, resume string) {
	m.t.Helper()
	names := []string{filepath.Join(m.root, "half"), filepath.Join(m.root, "resume")}
	var files []*os.File
	for _, name := range names {
		if err := syscall.Mkfifo(name, 0o600); err != nil && !os.IsExist(err) {
			m.t.Fatal(err)
		}
		f, err := os.OpenFile(name, os.O_RDWR, 0) // so that opening waits for nobody
		if err != nil {
			m.t.Fatal(err)
		}
		m.t.Cleanup(func() { f.Close() })
		files = append(files, f)
	}
	go func() {
		if _, err := files[0].Read(make([]byte, 1)); err != nil {
			return // the test has ended
		}
		between()
		_, _ = files[1].WriteString("\n")
	}()
	return names[0], names[1]
}

// ours are the lines of stderr that begin with our name, and those that belong to them.
func ours(stderr string) string {
	var b strings.Builder
	mine := false
	for line := range strings.Lines(stderr) {
		mine = strings.HasPrefix(line, "compile-cache: ") || mine && strings.HasPrefix(line, "  ")
		if mine {
			b.WriteString(line)
		}
	}
	return b.String()
}

// warnings are the messages that begin with a word of warning.
func (r *result) warnings() (all []string) {
	for line := range strings.Lines(r.stderr) {
		if text, ok := strings.CutPrefix(line, "compile-cache: warning: "); ok {
			all = append(all, strings.TrimSpace(text))
		}
	}
	return all
}

// stats are what outsiders rely on of stats --json.
type stats struct {
	Invocations, Unrecorded int
	Outcomes                map[string]int
	HitsByTier              map[string]int `json:"hits_by_tier"`
	Bytes, Requests         map[string]int64
}

func (m *machine) stats() *stats {
	m.t.Helper()
	r := m.command(outside, "stats", "--json")
	var s stats
	if err := json.Unmarshal([]byte(r.stdout), &s); err != nil || r.status != 0 {
		m.t.Fatalf("stats --json: %v (status %d): %s%s", err, r.status, r.stdout, r.stderr)
	}
	var sum int
	for _, n := range s.Outcomes {
		sum += n
	}
	if s.Invocations != sum || s.Unrecorded != 0 {
		m.t.Errorf("stats: %d invocations, %d outcomes, %d unrecorded", s.Invocations, sum, s.Unrecorded)
	}
	return &s
}

// minus returns what was counted since before.
func (s *stats) minus(before *stats) *stats {
	d := &stats{s.Invocations - before.Invocations, s.Unrecorded - before.Unrecorded,
		less(s.Outcomes, before.Outcomes), less(s.HitsByTier, before.HitsByTier), less(s.Bytes, before.Bytes), less(s.Requests, before.Requests)}
	return d
}

func less[N int | int64](a, b map[string]N) map[string]N {
	d := map[string]N{}
	for k, v := range a {
		d[k] = v - b[k]
	}
	return d
}

// requests is the sum of all kinds.
func (s *stats) requests() int64 { return s.Requests["get"] + s.Requests["list"] + s.Requests["put"] }

// outcomes checks how the calls that were compiles or could have been one ended.
func (s *stats) outcomes(t *testing.T, hits map[string]int, misses int) {
	t.Helper()
	for tier, n := range s.HitsByTier {
		if n != hits[tier] {
			t.Errorf("%d hits from %s, want %d", n, tier, hits[tier])
		}
	}
	if got := s.Outcomes["miss"]; got != misses {
		t.Errorf("%d misses, want %d", got, misses)
	}
	if s.Outcomes["bypassed"]+s.Outcomes["uncacheable"] > 0 {
		t.Errorf("outcomes %v, want none bypassed or uncacheable", s.Outcomes)
	}
}

// kill ends the machine's daemons as a power cut does.
func (m *machine) kill() { workplace.Kill(m.root) }
