//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/daemon"
	"github.com/compile-cache/compile-cache-action/internal/fakecc"
	"github.com/compile-cache/compile-cache-action/internal/protocol"
	"github.com/compile-cache/compile-cache-action/internal/report"
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
	e.Setenv("RUSTBIN", rustPrograms())        // rustc and cargo themselves: their proxies want the user's HOME
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

// scriptCommands are what scripts can say besides testscript's own commands.
var scriptCommands = map[string]func(*testscript.TestScript, bool, []string){
	"check":      cmdCheck,
	"counters":   cmdCounters,
	"nocounters": func(*testscript.TestScript, bool, []string) {},
	"last":       cmdLast,
	"same":       cmdSame,
	"samemode":   cmdSameMode,
	"status":     cmdStatus,
	"waitfor":    cmdWaitFor,
	"daemon":     cmdDaemon,
	"listen":     cmdListen,
	"storm":      cmdStorm,
	"flip":       cmdFlip,
	"replace":    cmdReplace,
	"s3":         cmdS3,
	"socketpath": cmdSocketPath,
}

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

// place is where the script's environment puts the instance now.
func place(ts *testscript.TestScript) protocol.Place {
	return protocol.FindPlace(ts.Getenv, "", os.Getuid(), daemon.Namespace())
}

// counters hit=2 miss=1 uncacheable:time-macro=1 unrecorded=3
//
// reads stats --json and compares. What is not named is 0: outcomes and unrecorded always, reasons where one of their
// outcome is named. The sums must be consistent.
func cmdCounters(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("unsupported: ! counters")
	}
	var s report.Stats
	ts.Check(ts.Exec("compile-cache", "stats", "--json"))
	d := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	d.DisallowUnknownFields()
	ts.Check(d.Decode(&s))
	ts.Check(s.Invariant())
	want := map[string]int64{"unrecorded": 0}
	for _, o := range compile.Outcomes {
		want[string(o)] = 0
	}
	got := map[string]int64{"unrecorded": s.Unrecorded}
	for _, o := range compile.Outcomes {
		got[string(o)] = *s.Outcomes.Of(o)
	}
	reasons := map[string]map[compile.ReasonID]int64{"miss": s.Reasons.Miss, "uncacheable": s.Reasons.Uncacheable, "bypassed": s.Reasons.Bypassed}
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		n, err := strconv.ParseInt(value, 10, 64)
		if !ok || err != nil {
			ts.Fatalf("counters: %s is no NAME=N", arg)
		}
		outcome, _, byReason := strings.Cut(name, ":")
		if byReason {
			for id, n := range reasons[outcome] {
				got[outcome+":"+string(id)] = n
			}
			want[outcome] += n
		} else if _, known := want[name]; !known {
			ts.Fatalf("counters: unknown name %s", name)
		}
		want[name] = n
	}
	var wrong []string
	for name := range want {
		if _, ok := got[name]; !ok {
			got[name] = 0
		}
	}
	for name, n := range got {
		if n != want[name] {
			wrong = append(wrong, fmt.Sprintf("%s = %d, want %d", name, n, want[name]))
		}
	}
	if wrong != nil {
		slices.Sort(wrong)
		ts.Fatalf("counters: %s", strings.Join(wrong, "; "))
	}
}

// last OUTCOME[:REASON] [CAUSE-KIND CAUSE-NAME] says how the newest invocation ended.
func cmdLast(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 || len(args) > 3 {
		ts.Fatalf("usage: last OUTCOME[:REASON] [KIND [NAME]]")
	}
	ended(ts, args[0])
	if len(args) == 1 {
		return
	}
	x := newest(ts)
	for _, c := range x.Causes {
		if c.Kind == args[1] && (len(args) == 2 || c.Name == args[2]) {
			return
		}
	}
	ts.Fatalf("last: causes = %+v, want %s", x.Causes, strings.Join(args[1:], " "))
}

func newest(ts *testscript.TestScript) *report.Explanation {
	x, err := report.ExplainLast(place(ts).Dir, compile.Lookup)
	ts.Check(err)
	return x
}

// ended fails unless the newest invocation ended so.
func ended(ts *testscript.TestScript, want string) {
	x := newest(ts)
	outcome, reason, byReason := strings.Cut(want, ":")
	if string(x.Outcome) != outcome || byReason && string(x.Reason) != reason {
		ts.Fatalf("last: %s %s (%s) %+v not stored %q of %s, want %s", x.Outcome, x.Reason, x.Detail, x.Causes, x.NotStored, x.Source, want)
	}
	if x.NotStored != "" && !strings.HasSuffix(want, "!") {
		ts.Logf("not stored: %s", x.NotStored)
	}
}

// same FILE FILE... compares bytes.
func cmdSame(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: same FILE FILE...")
	}
	first := ts.ReadFile(args[0])
	for _, other := range args[1:] {
		if equal := ts.ReadFile(other) == first; equal == neg {
			ts.Fatalf("same: %s and %s: equal is %t, want %t", args[0], other, equal, !neg)
		}
	}
}

// samemode FILE FILE compares permissions.
func cmdSameMode(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: samemode FILE FILE")
	}
	a, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	b, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if (a.Mode() == b.Mode()) == neg {
		ts.Fatalf("samemode: %s %v, %s %v", args[0], a.Mode(), args[1], b.Mode())
	}
}

// status N COMMAND... runs a command that exits with N, or is ended by signal N: "status signal:15 COMMAND".
func cmdStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N|signal:N COMMAND...")
	}
	got := statusOf(ts, ts.Exec(args[1], args[2:]...))
	if got != args[0] {
		ts.Fatalf("status: %s = %s, want %s", strings.Join(args[1:], " "), got, args[0])
	}
}

func statusOf(ts *testscript.TestScript, err error) string {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return "0"
	case errors.As(err, &exit):
		ws := exit.Sys().(syscall.WaitStatus)
		if ws.Signaled() {
			return "signal:" + strconv.Itoa(int(ws.Signal()))
		}
		return strconv.Itoa(ws.ExitStatus())
	}
	ts.Check(err)
	return ""
}

// waitfor FILE waits until the file is there.
func cmdWaitFor(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args {
		path := ts.MkAbs(name)
		ok := await(patience, func() bool {
			_, err := os.Lstat(path)
			return (err == nil) != neg
		})
		if !ok {
			ts.Fatalf("waitfor: %s: waited %s in vain", name, patience)
		}
	}
}

// replace FILE OLD NEW rewrites a file in place, keeping its inode.
func cmdReplace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("replace: %s has no %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(text, args[1], args[2])), 0o666))
}

// socketpath NAME puts the path of the daemon's socket into a variable.
func cmdSocketPath(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: socketpath NAME")
	}
	ts.Setenv(args[0], place(ts).Socket())
}

// environment returns what a command of the script would get.
func environment(ts *testscript.TestScript) []string {
	ts.Check(ts.Exec("env", "-0"))
	var env []string
	s := bufio.NewScanner(strings.NewReader(ts.ReadFile("stdout")))
	s.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		if i := bytes.IndexByte(data, 0); i >= 0 {
			return i + 1, data[:i], nil
		}
		return 0, nil, nil
	})
	for s.Scan() {
		env = append(env, s.Text())
	}
	return env
}
