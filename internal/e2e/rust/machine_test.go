package rust

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/e2e/workplace"
)

// machine has an instance of the product, and nothing of other machines' but the fetched crates.
type machine struct {
	t       *testing.T
	root    string            // everything of it lies under it
	dir     string            // COMPILE_CACHE_DIR
	setting map[string]string // environment of all it runs
}

// newMachine makes a machine. Its daemons end with the test.
func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{t: t, root: directory(t)}
	m.dir = filepath.Join(m.root, "cache")
	m.setting = map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": filepath.Join(work.Dir, "home"), "LC_ALL": "C",
		"CARGO_HOME": crates, "CARGO_NET_OFFLINE": "true", "CARGO_TERM_COLOR": "never", "CARGO_INCREMENTAL": "0",
		"COMPILE_CACHE_DIR": m.dir, "COMPILE_CACHE_IDLE_TIMEOUT": "5m",
	}
	if rustup != "" {
		m.setting["RUSTUP_HOME"] = rustup
	}
	if err := os.MkdirAll(m.setting["HOME"], 0o700); err != nil {
		t.Fatal(err)
	}
	work.Install(t, m.root, m.dir)
	return m
}

// program is the path of one of the product's programs.
func (m *machine) program(name string) string { return filepath.Join(m.root, "programs", name) }

// with returns the same machine with more settings: pairs of names and values.
func (m *machine) with(pairs ...string) *machine {
	c := *m
	c.setting = workplace.With(m.setting, pairs...)
	return &c
}

// without returns the same machine with a variable unset.
func (m *machine) without(name string) *machine {
	c := m.with()
	delete(c.setting, name)
	return c
}

// result is how a command ended.
type result struct {
	status         int
	stdout, stderr string
	took           time.Duration
}

// execute runs a command in dir, and fails the test if it cannot be run.
func (m *machine) execute(dir string, argv ...string) *result {
	m.t.Helper()
	r, err := m.start(dir, argv...)()
	if err != nil {
		m.t.Fatal(err)
	}
	return r
}

// start runs a command in dir; the function it returns waits for it.
func (m *machine) start(dir string, argv ...string) func() (*result, error) {
	wait := workplace.Start(m.t.Context(), dir, workplace.Environment(m.setting), argv...)
	return func() (*result, error) {
		r, err := wait()
		return &result{status: r.Status, stdout: r.Stdout, stderr: r.Stderr, took: r.Took}, err
	}
}

// command runs one of the product's commands.
func (m *machine) command(args ...string) *result {
	m.t.Helper()
	return m.execute(m.root, append([]string{m.program("compile-cache")}, args...)...)
}

// cached are the words before a command that run it through the cache.
func (m *machine) cached(argv ...string) []string {
	return append([]string{m.program("compile-cache"), "run", "-q", "--"}, argv...)
}

// stats are what outsiders rely on of stats --json.
type stats struct {
	Invocations int
	Outcomes    map[string]int
	HitsByTier  map[string]int `json:"hits_by_tier"`
	Reasons     map[string]map[string]int
}

func (m *machine) stats() *stats {
	m.t.Helper()
	r := m.command("stats", "--json")
	var s stats
	if err := json.Unmarshal([]byte(r.stdout), &s); err != nil || r.status != 0 {
		m.t.Fatalf("stats --json: %v (status %d): %s%s", err, r.status, r.stdout, r.stderr)
	}
	sum := 0
	for _, n := range s.Outcomes {
		sum += n
	}
	if s.Invocations != sum {
		m.t.Errorf("stats: %d invocations, %d outcomes", s.Invocations, sum)
	}
	return &s
}

// minus returns what was counted since before.
func (s *stats) minus(before *stats) *stats {
	d := &stats{Invocations: s.Invocations - before.Invocations, Outcomes: less(s.Outcomes, before.Outcomes),
		HitsByTier: less(s.HitsByTier, before.HitsByTier), Reasons: map[string]map[string]int{}}
	for outcome, reasons := range s.Reasons {
		d.Reasons[outcome] = less(reasons, before.Reasons[outcome])
	}
	return d
}

func less(a, b map[string]int) map[string]int {
	d := map[string]int{}
	for k, v := range a {
		if v != b[k] {
			d[k] = v - b[k]
		}
	}
	return d
}

// compiles is how many calls were compiles, or could have been one, without those by which build scripts ask what rustc and cc can do:
// of a source on standard input, of macros, and of a program that they have made at once.
func (s *stats) compiles() int {
	asked := s.Reasons["uncacheable"]
	return s.Invocations - s.Outcomes["not_a_compile"] - asked["stdin"] - asked["preprocess-only"] - asked["compile-and-link"]
}

// everything checks that all compiles were hits, as many as want; less than zero is any number but none.
func (s *stats) everything(t *testing.T, want int) {
	t.Helper()
	if got := s.Outcomes["hit"]; got == 0 || got != s.compiles() || want >= 0 && got != want {
		t.Errorf("%d hits of %d compiles, want all of %d: %v, because %v", got, s.compiles(), want, s.Outcomes, s.Reasons)
	}
}
