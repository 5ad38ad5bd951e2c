//go:build linux

package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/compile-cache/compile-cache-action/internal/daemon"
	"github.com/compile-cache/compile-cache-action/internal/fakecc"
	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// TestMain lets more scripts run at once than there are processors: they mostly wait.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// scriptPrograms is what all scripts share: the real programs, built once.
type scriptPrograms struct {
	root string // holds all below, and one instance for each script; short, because sockets lie below it
	bin  string // ccwrap and compile-cache
	fake string // the fake compiler
	next atomic.Int64
}

// TestScript runs testdata/script/*.txtar with the real programs. Each script has its own HOME, TMPDIR and instance; its
// commands are in scriptCommands.
func TestScript(t *testing.T) {
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("skipped: no gcc in PATH")
	}
	p := buildPrograms(t, gcc)
	testscript.Run(t, testscript.Params{
		Dir:       filepath.Join("testdata", "script"),
		Setup:     p.setup,
		Cmds:      scriptCommands,
		Condition: scriptCondition,
	})
}

// TestScriptForm checks that each script says what it proves and ends with its counters compared.
func TestScriptForm(t *testing.T) {
	scripts, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("found %d scripts, %v", len(scripts), err)
	}
	for _, path := range scripts {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), "# ") {
			t.Errorf("%s does not begin with a comment that says what it proves", path)
		}
		script, _, _ := strings.Cut(string(text), "\n-- ")
		lines := strings.Split(strings.TrimSpace(script), "\n")
		if last := lines[len(lines)-1]; last != "counters" && !strings.HasPrefix(last, "counters ") && !strings.HasPrefix(last, "nocounters ") {
			t.Errorf("%s ends with %q, want counters (or nocounters and why)", path, last)
		}
	}
}

func buildPrograms(t *testing.T, gcc string) *scriptPrograms {
	t.Helper()
	root, err := os.MkdirTemp("", "ccs")
	if err != nil {
		t.Fatal(err)
	}
	p := &scriptPrograms{root: root, bin: filepath.Join(root, "bin"), fake: filepath.Join(root, "fake")}
	t.Cleanup(func() {
		p.killLeft("")
		if err := os.RemoveAll(root); err != nil {
			t.Error(err)
		}
	})
	for _, dir := range []string{p.bin, p.fake} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("go", "build", "-o", p.bin, "../ccwrap", ".").CombinedOutput(); err != nil {
		t.Fatalf("build programs: %v\n%s", err, out)
	}
	if err := fakecc.Build(gcc, p.fake); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *scriptPrograms) setup(e *testscript.Env) error {
	dir := filepath.Join(p.root, strconv.FormatInt(p.next.Add(1), 10))
	home := filepath.Join(dir, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	instance := filepath.Join(dir, "c")
	e.Setenv("HOME", home)
	e.Setenv("COMPILE_CACHE_DIR", instance)
	e.Setenv("BIN", p.bin)
	e.Setenv("FAKE", filepath.Join(p.fake, fakecc.Name))
	e.Setenv("SYSPATH", e.Getenv("PATH"))
	e.Setenv("PATH", p.bin+":"+e.Getenv("PATH"))
	e.Setenv("RUST_BIN", rustPrograms())       // rustc and cargo themselves: their proxies want the user's HOME
	e.Setenv("SIDE", dir)                      // for what is not to be among the sources
	e.Setenv("COMPILE_CACHE_SCRIPT_MARK", dir) // by which daemons of this script are known
	e.Defer(func() {
		if place := protocol.FindPlace(e.Getenv, "", os.Getuid(), daemon.Namespace()); place.Dir == instance {
			stopDaemon(place)
		}
		p.killLeft(dir)
		_ = os.RemoveAll(dir)
	})
	return nil
}

// stopDaemon lets a script's daemon leave in order, so that what it does at its end is done in every script.
func stopDaemon(place protocol.Place) {
	client, err := daemon.Dial(place)
	if err != nil {
		return
	}
	defer client.Close()
	st, err := client.Ping()
	if err != nil || client.Stop() != nil {
		return
	}
	await(10*time.Second, func() bool { return !daemon.Alive(st.PID) })
}

// killLeft ends the daemons that a script left behind: processes of our compile-cache with its mark; all, for "".
func (p *scriptPrograms) killLeft(mark string) {
	for _, pid := range p.daemons(mark) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

func (p *scriptPrograms) daemons(mark string) (pids []int) {
	return processes(filepath.Join(p.bin, "compile-cache"), "COMPILE_CACHE_SCRIPT_MARK="+mark)
}

// processes lists those that run program with a variable in their environment, which begins so where it ends in "=".
func processes(program, variable string) (pids []int) {
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil || strings.TrimSuffix(target, " (deleted)") != program {
			continue
		}
		env, err := os.ReadFile(filepath.Join(filepath.Dir(link), "environ"))
		if err != nil {
			continue
		}
		for kv := range strings.SplitSeq(string(env), "\x00") {
			if kv == variable || strings.HasSuffix(variable, "=") && strings.HasPrefix(kv, variable) {
				pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(link)))
				pids = append(pids, pid)
				break
			}
		}
	}
	return pids
}

// await waits until done, and reports whether that came to pass in time.
func await(patience time.Duration, done func() bool) bool {
	for end := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		if done() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// patience bounds each wait of a script: far more than anything takes, so that only what never happens fails.
const patience = 60 * time.Second

func scriptCondition(cond string) (bool, error) {
	switch cond {
	case "rust":
		return exists(filepath.Join(rustPrograms(), "cargo")), nil
	case "clippy":
		return exists(filepath.Join(rustPrograms(), "clippy-driver")), nil
	case "root":
		return os.Getuid() == 0, nil
	case "mount":
		return exec.Command("unshare", "-m", "true").Run() == nil, nil
	}
	return false, fmt.Errorf("unknown condition %q", cond)
}

// rustPrograms returns the directory of the installed Rust compiler's programs; there may be none.
var rustPrograms = sync.OnceValue(func() string {
	out, err := exec.Command("rustc", "--print", "sysroot").Output()
	if err != nil {
		return ""
	}
	return filepath.Join(strings.TrimSpace(string(out)), "bin")
})
