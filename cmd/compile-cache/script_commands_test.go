//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/daemon"
	"github.com/compile-cache/compile-cache-action/internal/protocol"
	"github.com/compile-cache/compile-cache-action/internal/report"
)

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
