package rust

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
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
	if _, err := os.Stat("/proc/self/cmdline"); err != nil {
		t.Skipf("skipped: daemons are found by /proc: %v", err)
	}
	m := &machine{t: t, root: directory(t)}
	m.dir = filepath.Join(m.root, "cache")
	m.setting = map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": filepath.Join(work, "home"), "LC_ALL": "C",
		"CARGO_HOME": crates, "CARGO_NET_OFFLINE": "true", "CARGO_TERM_COLOR": "never", "CARGO_INCREMENTAL": "0",
		"COMPILE_CACHE_DIR": m.dir, "COMPILE_CACHE_IDLE_TIMEOUT": "5m",
	}
	if rustup != "" {
		m.setting["RUSTUP_HOME"] = rustup
	}
	if err := os.MkdirAll(m.setting["HOME"], 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ccwrap", "compile-cache"} {
		// The path of the program tells the machine's daemons from others.
		if err := linkFile(filepath.Join(programs, name), m.program(name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			b, _ := os.ReadFile(filepath.Join(m.dir, "log", "daemon.log"))
			t.Logf("log of %s:\n%s", m.root, b)
		}
		m.kill()
	})
	return m
}

// program is the path of one of the product's programs.
func (m *machine) program(name string) string { return filepath.Join(m.root, "programs", name) }

// with returns the same machine with more settings: pairs of names and values.
func (m *machine) with(pairs ...string) *machine {
	c := *m
	c.setting = maps.Clone(m.setting)
	for i := 0; i < len(pairs); i += 2 {
		c.setting[pairs[i]] = pairs[i+1]
	}
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
	cmd := exec.CommandContext(m.t.Context(), argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = dir, m.env()
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Minute // a daemon that kept our pipes would be a defect, not a hang
	from := time.Now()
	err := cmd.Start()
	return func() (*result, error) {
		if err != nil {
			return nil, err
		}
		err := cmd.Wait()
		if cmd.ProcessState == nil || err != nil && !cmd.ProcessState.Exited() {
			return nil, err
		}
		return &result{status: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String(), took: time.Since(from)}, nil
	}
}

func (m *machine) env() (list []string) {
	for _, name := range slices.Sorted(maps.Keys(m.setting)) {
		list = append(list, name+"="+m.setting[name])
	}
	return list
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
// of a source on standard input, and of macros.
func (s *stats) compiles() int {
	asked := s.Reasons["uncacheable"]
	return s.Invocations - s.Outcomes["not_a_compile"] - asked["stdin"] - asked["preprocess-only"]
}

// everything checks that all compiles were hits, as many as want; less than zero is any number but none.
func (s *stats) everything(t *testing.T, want int) {
	t.Helper()
	if got := s.Outcomes["hit"]; got == 0 || got != s.compiles() || want >= 0 && got != want {
		t.Errorf("%d hits of %d compiles, want all of %d: %v, because %v", got, s.compiles(), want, s.Outcomes, s.Reasons)
	}
}

// daemons are the processes of the machine's daemons.
func (m *machine) daemons() (pids []int) {
	m.t.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		m.t.Fatal(err)
	}
	for _, file := range found {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		program, rest, _ := strings.Cut(string(b), "\x00")
		if strings.HasPrefix(program, m.root+"/") && strings.HasPrefix(rest, "daemon\x00") {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			if err != nil {
				m.t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

// kill ends the machine's daemons as a power cut does.
func (m *machine) kill() {
	for _, pid := range m.daemons() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}
