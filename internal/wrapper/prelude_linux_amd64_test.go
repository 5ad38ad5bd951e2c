package wrapper

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// preludeBuilt are the releases of Go with which cmd/ccwrap has a Prelude.
const preludeBuilt = "go1.26"

// threads returns how many the process at the other end of a connection has.
func (p *peer) threads() string {
	raw, err := p.Conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return err.Error()
	}
	var peer *syscall.Ucred
	if controlled := raw.Control(func(fd uintptr) {
		peer, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); controlled != nil || err != nil {
		return fmt.Sprint(controlled, err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", peer.Pid))
	if err != nil {
		return err.Error()
	}
	_, after, _ := strings.Cut(string(status), "\nThreads:\t")
	threads, _, _ := strings.Cut(after, "\n")
	return threads
}

// A situation is a way to call a compiler.
type situation struct {
	name   string
	args   []string // behind the first, the program
	env    []string
	before string // shell commands before the call
	plain  bool   // the runtime is started first
}

// situations returns what a hit is found in, with the directory of a shim named false.
func situations(shims string) []situation {
	long := make([]string, 1100)
	for i := range long {
		long[i] = fmt.Sprintf("-D%d", i)
	}
	return []situation{
		{name: "a path", args: []string{"ccwrap", "/bin/false", "-c", "", "a b"}},
		{name: "a name", args: []string{"ccwrap", "false"}},
		{name: "twice", args: []string{"ccwrap", "ccwrap", "/bin/false"}},
		{name: "a relative path", args: []string{"ccwrap", "./false"}, before: "cd /bin"},
		{name: "a link", args: []string{"ccwrap", "./here"}, before: "ln -sf /bin/false here"},
		{name: "a shim", args: []string{"false"}, env: []string{"PATH=" + shims + ":/nowhere:/bin"}},
		{name: "another cache", args: []string{"ccwrap", "false"}, env: []string{"PATH=" + shims + "/other:/bin"}},
		{name: "no PATH", args: []string{"ccwrap", "false"}, before: "unset PATH"},
		{name: "umask", args: []string{"ccwrap", "/bin/false"}, before: "umask 027"},
		{name: "no input", args: []string{"ccwrap", "/bin/false"}, before: "exec </dev/null"},
		{name: "input that is not read", args: []string{"ccwrap", "/bin/false", "-"}},
		{name: "below a link", args: []string{"ccwrap", "/bin/false"}, before: "mkdir -p a; ln -sfn a b; cd b"},
		{name: "a job", args: []string{"ccwrap", "/bin/false"}, env: []string{
			"GITHUB_ACTIONS=true", "GITHUB_RUN_ID=7", "GITHUB_JOB=a", "GITHUB_EVENT_NAME=push", "GITHUB_REF_PROTECTED=true",
		}},
		{name: "a long command", args: append([]string{"ccwrap", "/bin/false"}, long...), plain: true},
		{name: "a large environment", args: []string{"ccwrap", "/bin/false"}, env: []string{"A=" + strings.Repeat("a", 40<<10)}, plain: true},
		{name: "a relative instance", args: []string{"ccwrap", "/bin/false"}, env: []string{"COMPILE_CACHE_DIR=instance"}, plain: true},
		{name: "a relative directory in PATH", args: []string{"ccwrap", "false"}, env: []string{"PATH=.:/bin"}, plain: true},
		{name: "in a script", args: []string{"ccwrap", "/bin/false"}, env: []string{nestVariable + "=1"}, plain: true},
		{name: "a closed input", args: []string{"ccwrap", "/bin/false"}, before: "exec <&-", plain: true},
	}
}

// What the daemon is told before Go's runtime starts is what it is told after, and what can be asked before is. It is built
// without Prelude to compare.
func TestPreludeAsksTheSame(t *testing.T) {
	if !strings.HasPrefix(runtime.Version(), preludeBuilt) {
		t.Fatalf("this is %s: look at cmd/ccwrap/prelude_linux_amd64.go, then name it there and here", runtime.Version())
	}
	later := filepath.Join(t.TempDir(), "ccwrap")
	if out, err := exec.Command("go", "build", "-tags", "plainstart", "-o", later, "../../cmd/ccwrap").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	in := newInstance(t)
	symlink(t, in.dir, filepath.Join(in.dir, "work/instance"))
	shims := filepath.Join(in.dir, "shims")
	symlink(t, "/bin/true", filepath.Join(shims, "other/sccache"))
	symlink(t, "sccache", filepath.Join(shims, "other/false"))
	type asked struct {
		Request *protocol.Request
		Threads string
	}
	requests := make(chan asked, 1)
	script := func(p *peer) {
		threads := p.threads()
		requests <- asked{p.request(), threads}
		p.send(&protocol.Early{Stderr: []byte("early\n")}, &protocol.Replay{Status: 7, Stdout: []byte("out\n"), Stderr: []byte("err\n")})
	}
	in.serve(script)
	env := in.env
	for _, s := range situations(shims) {
		in.env = append(slices.Clone(env), s.env...)
		if place := protocol.FindPlace(func(name string) string { return getenv(s.env, name) }, "", os.Getuid(), in.place.Namespace); place.Job != "" {
			job := *in
			job.place.Job, job.place.Class = place.Job, place.Class
			job.serve(script)
		}
		var told []asked
		for _, program := range []string{later, ccwrap} {
			bin := filepath.Join(shims, "ccwrap")
			_ = os.Remove(bin)
			copyFile(t, program, bin)
			_ = os.Remove(filepath.Join(shims, "false"))
			symlink(t, "ccwrap", filepath.Join(shims, "false"))
			// The shell passes the environment on as it got it, but for repeated names.
			cmd := in.command(append([]string{"/bin/sh", "-c", s.before + "\n" + `exec "$0" "$@"`, filepath.Join(shims, s.args[0])}, s.args[1:]...)...)
			cmd.Dir = filepath.Join(in.dir, "work")
			cmd.Stdin = strings.NewReader("")
			if got, want := in.finish(cmd), exits(7, "out\n", "early\nerr\n"); got != want {
				t.Fatalf("%s: %v, want %v", s.name, got, want)
			}
			told = append(told, <-requests)
		}
		if diff := cmp.Diff(told[1].Request, told[0].Request); diff != "" {
			t.Errorf("%s: request of Prelude (-) and without it (+):\n%s", s.name, diff)
		}
		if bare := told[1].Threads == "1"; bare == s.plain || told[0].Threads == "1" {
			t.Errorf("%s: %s threads, without Prelude %s; want more than one: %v, true", s.name, told[1].Threads, told[0].Threads, s.plain)
		}
	}
}

// A signal that was held back while Prelude wrote to a pipe that nobody reads is not the compiler's.
func TestPreludeLeavesNoSignal(t *testing.T) {
	in := newInstance(t)
	in.serve(func(p *peer) {
		p.request()
		p.send(&protocol.Early{Stdout: []byte("nobody reads this\n")}, protocol.Exec{})
	})
	// The compiler is no shell, because shells unblock signals.
	report := []string{"/bin/sed", "-nE", "/^(SigBlk|SigPnd|ShdPnd|SigIgn)/w /dev/stderr", "/proc/self/status"}
	run := func(program string) string {
		return in.run(append([]string{"/bin/bash", "-c", `exec 3> >(exec true); wait $!; exec "$0" "$@" >&3`, program}, report...)...).stderr
	}
	if got, want := run(ccwrap), run("/usr/bin/env"); got != want || want == "" {
		t.Errorf("the compiler's signals are\n%s, want\n%s", got, want)
	}
}

// Replays that come in pieces, or are longer than what is read before the runtime starts, arrive whole.
func TestPreludeHearsPieces(t *testing.T) {
	in := newInstance(t)
	for _, size := range []int{0, 1, 3000, len(received) - 30, len(received) - 17, len(received), 5 * len(received)} {
		text := strings.Repeat("x", size)
		frames := protocol.AppendFrame(nil, &protocol.Early{Stderr: []byte("early\n")})
		frames = protocol.AppendFrame(frames, &protocol.Replay{Status: 9, Stdout: []byte(text), Stderr: []byte("late\n")})
		in.env = append(in.env[:3:3], "CI_JOB_ID="+fmt.Sprint(size))
		in.place.Job = "CI_JOB_ID=" + fmt.Sprint(size) + "\n"
		in.serve(func(p *peer) {
			p.request()
			for _, cut := range []int{1, 4, 5, 7, 20, 1000} {
				if cut < len(frames) {
					p.write(frames[:cut])
					frames = frames[cut:]
				}
			}
			p.write(frames)
		})
		if got, want := in.run(ccwrap, "/bin/false"), exits(9, text, "early\nlate\n"); got != want {
			t.Errorf("%d bytes: %d arrived, stderr %q, status %v", size, len(got.stdout), got.stderr, got.status)
		}
	}
}

// Prelude runs where there is no runtime yet, so its machine code may call only what needs none.
func TestPreludeIsBare(t *testing.T) {
	program := filepath.Join(t.TempDir(), "ccwrap")
	if out, err := exec.Command("go", "build", "-o", program, "../../cmd/ccwrap").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	out, err := exec.Command("go", "tool", "objdump", program).Output()
	if err != nil {
		t.Fatalf("go tool objdump: %v", err)
	}
	const ours = "github.com/compile-cache/compile-cache-action/internal/"
	calls := map[string][]string{}
	var function string
	transfer := regexp.MustCompile(`\t(?:CALL|JMP) (.+?)(?:\(SB\))?\s*$`)
	for line := range bytes.Lines(out) {
		if after, ok := bytes.CutPrefix(line, []byte("TEXT ")); ok {
			name, _, _ := bytes.Cut(after, []byte("(SB)"))
			function = string(name)
		} else if m := transfer.FindSubmatch(line); m != nil && (bytes.Contains(line, []byte("CALL")) || bytes.Contains(line, []byte("(SB)"))) {
			calls[function] = append(calls[function], string(m[1]))
		}
	}
	leaves := regexp.MustCompile(`^(syscall\.(RawSyscall6?|rawSyscallNoError(\.abi0)?)` +
		`|runtime\.(memmove|memequal|decoderune|duffzero|duffcopy|memclrNoHeapPointers|gcWriteBarrier\d` + // the barrier is off
		`|growslice|panic\w+|morestack(_noctxt)?(\.abi0)?))$`) // never reached, as there is room and no index is wrong
	// Calls through a register are of a Request's methods, and of socketName's closure.
	indirect := map[string]bool{ours + "protocol.AppendFrame": true, ours + "protocol.AppendSocket": true, ours + "protocol.directory": true, ours + "protocol.class": true}
	queue := []string{"main.prelude", ours + "protocol.(*Request).append", ours + "protocol.(*Request).frameType", ours + "wrapper.socketName.func1"}
	seen := map[string]bool{}
	for len(queue) > 0 {
		f := queue[0]
		queue = queue[1:]
		if seen[f] {
			continue
		}
		seen[f] = true
		for _, called := range calls[f] {
			switch {
			case leaves.MatchString(called):
			case strings.HasPrefix(called, ours) || strings.HasPrefix(called, "main."):
				queue = append(queue, called)
			case !strings.Contains(called, ".") && indirect[f]:
			default:
				t.Errorf("%s calls %s", f, called)
			}
		}
	}
	for _, name := range []string{"Prelude", "ask", "hear", "findCompiler", "socketName", "writeRaw", "becomeBare", "nested", "countBare"} {
		if !seen[ours+"wrapper."+name] {
			t.Errorf("%s was not looked at", name)
		}
	}
}
