package wrapper

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

func TestReplay(t *testing.T) {
	in := newInstance(t)
	big := strings.Repeat("0123456789abcdef", 1<<16)
	in.serve(toReplay(&protocol.Replay{Status: 7, Stdout: []byte(big), Stderr: []byte("a\x00b\xff\n")}))
	if got, want := in.run(ccwrap, "/bin/false"), exits(7, big, "a\x00b\xff\n"); got != want {
		t.Errorf("got %d bytes and status %d, want %d bytes and 7", len(got.stdout), got.status.ExitStatus(), len(big))
	}
	if n := in.unrecorded(); n != 0 {
		t.Errorf("%d unrecorded, want 0", n)
	}
}

// A replay to a full, non-blocking pipe loses nothing; to a closed one it changes nothing.
func TestReplayToAwkwardOutputs(t *testing.T) {
	in := newInstance(t)
	big := strings.Repeat("0123456789abcdef", 1<<16)
	in.serve(toReplay(&protocol.Replay{Status: 3, Stdout: []byte(big)}))

	var p [2]int
	if err := syscall.Pipe2(p[:], syscall.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	if err := syscall.SetNonblock(p[1], true); err != nil {
		t.Fatal(err)
	}
	r, w := os.NewFile(uintptr(p[0]), "r"), os.NewFile(uintptr(p[1]), "w")
	cmd := in.command(ccwrap, "/bin/false")
	files := []uintptr{0, w.Fd(), 2}
	_ = syscall.SetNonblock(p[1], true) // Fd has it block
	pid, err := syscall.ForkExec(cmd.Path, cmd.Args, &syscall.ProcAttr{Env: cmd.Env, Files: files})
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	got := make([]byte, 0, len(big))
	for b := make([]byte, 4096); ; {
		n, err := r.Read(b)
		got = append(got, b[:n]...)
		if err != nil {
			break
		}
	}
	r.Close()
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil || status.ExitStatus() != 3 {
		t.Errorf("non-blocking: status %v, %v, want 3", status, err)
	}
	if string(got) != big {
		t.Errorf("non-blocking: %d bytes arrived, want %d", len(got), len(big))
	}

	if got := in.run("/bin/sh", "-c", `{ "$0" /bin/false; echo $? >&2; } | true`, ccwrap); got.stderr != "3\n" {
		t.Errorf("closed: %v, want stderr 3", got)
	}
}

func TestRequest(t *testing.T) {
	in := newInstance(t)
	dir := t.TempDir()
	in.env = append(in.env, "LC_ALL=again", "novalue", "EMPTY=")
	requests := make(chan *protocol.Request, 1)
	in.serve(func(p *peer) {
		requests <- p.request()
		p.send(&protocol.Replay{})
	})
	in.env = []string{in.env[0], in.env[1], "A=1", "A=2", "EMPTY="}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	// exec.Cmd drops repeated names, so the environment is given by hand.
	link := filepath.Join(dir, "link")
	symlink(t, dir, link)
	pid, err := syscall.ForkExec("/bin/sh", []string{"sh", "-c", `cd "$1" && umask 027 && exec "$0" env -c "" x.c`, ccwrap, link},
		&syscall.ProcAttr{Env: in.env, Files: []uintptr{null.Fd(), 1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := syscall.Wait4(pid, nil, 0, nil); err != nil {
		t.Fatal(err)
	}
	got := <-requests
	var root, work syscall.Stat_t
	if err := syscall.Stat("/", &root); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Stat(dir, &work); err != nil {
		t.Fatal(err)
	}
	want := &protocol.Request{
		Version: protocol.Version, Program: "/usr/bin/env", Args: []string{"-c", "", "x.c"}, Dir: dir, Env: got.Env, Umask: 0o27, NoInput: true, Input: []byte{},
		Namespace: in.place.Namespace, RootDev: root.Dev, RootIno: root.Ino, DirDev: work.Dev, DirIno: work.Ino,
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("request (-got +want):\n%s", diff)
	}
}

// The compiler is executed exactly as it would have been without us: by every way that leads there.
func TestPlain(t *testing.T) {
	report := `echo "$0"; printf '%s,' "$@"; echo; umask; ulimit -Sn; ulimit -Hn; grep -E 'SigIgn' /proc/self/status; pwd; cat; echo err >&2`
	ways := []struct {
		name   string
		script func(*peer)
		env    []string
	}{
		{"disabled", nil, []string{"COMPILE_CACHE_DISABLE=1"}},
		{"told to execute", toExecute, nil},
		{"told to run", toRun(&protocol.Run{}, nil), nil},
		{"told to run, captured", toRun(&protocol.Run{Capture: true}, nil), nil},
		{"no daemon", nil, nil},
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			in := newInstance(t)
			if way.script != nil {
				in.serve(way.script)
			}
			in.env = append(in.env, way.env...)
			caller := `umask 013; ulimit -Sn 300; trap '' QUIT PIPE TERM HUP; cd /usr; exec "$@" /bin/sh -c "$0" zero one "" "two three"`
			run := func(prefix ...string) ended {
				cmd := in.command(append([]string{"/bin/sh", "-c", caller, report}, prefix...)...)
				cmd.Stdin = strings.NewReader("from stdin\n")
				return in.finish(cmd)
			}
			if got, want := run(ccwrap), run("/usr/bin/env", "--"); got != want {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

// The environment arrives byte for byte, repeated names and nonsense included.
func TestEnvironmentIsUntouched(t *testing.T) {
	for name, script := range map[string]func(*peer){
		"execute": toExecute, "run": toRun(&protocol.Run{}, nil), "captured": toRun(&protocol.Run{Capture: true}, nil),
	} {
		in := newInstance(t)
		in.serve(script)
		env := append(in.env, "A=1", "A=2", "nonsense", "=x", "EMPTY=", "LINES=a\nb")
		environ := func(program string, args ...string) string {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			pid, err := syscall.ForkExec(program, args, &syscall.ProcAttr{Env: env, Files: []uintptr{0, w.Fd(), 2}})
			if err != nil {
				t.Fatal(err)
			}
			w.Close()
			b := make([]byte, 64<<10)
			n := 0
			for {
				m, err := r.Read(b[n:])
				if n += m; err != nil {
					break
				}
			}
			if _, err := syscall.Wait4(pid, nil, 0, nil); err != nil {
				t.Fatal(err)
			}
			return string(b[:n])
		}
		want := environ("/bin/cat", "cat", "/proc/self/environ")
		if got := environ(ccwrap, "ccwrap", "/bin/cat", "/proc/self/environ"); got != want {
			t.Errorf("%s: environment %q, want %q", name, got, want)
		}
	}
}

// What is open stays open: make's jobserver is a pipe on any two numbers.
func TestDescriptorsAreInherited(t *testing.T) {
	for name, script := range map[string]func(*peer){
		"execute": toExecute, "run": toRun(&protocol.Run{}, nil), "captured": toRun(&protocol.Run{Capture: true}, nil),
	} {
		in := newInstance(t)
		in.serve(script)
		// The list of descriptors is taken by the shell that is the compiler; ls opens one more for itself.
		list := `exec 9>&1; exec "$@" /bin/sh -c 'echo token >&9; ls /proc/$$/fd >&9' 5</dev/null`
		want := in.run("/bin/sh", "-c", list, "sh", "/usr/bin/env", "--")
		got := in.run("/bin/sh", "-c", list, "sh", ccwrap)
		if got != want || !strings.HasPrefix(got.stdout, "token\n") {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

// A closed standard descriptor never becomes our socket or a pipe; the rest works as before.
func TestClosedDescriptors(t *testing.T) {
	for name, script := range map[string]func(*peer){
		"replay": toReplay(&protocol.Replay{Status: 6, Stdout: []byte("out\n"), Stderr: []byte("err\n")}),
		"run":    toRun(&protocol.Run{Capture: true}, nil),
	} {
		in := newInstance(t)
		in.serve(script)
		for closed, want := range map[string]ended{
			"<&-": exits(6, "out\n", "err\n"),
			">&-": exits(6, "", "err\n"),
			// The shell that closes it has nothing to say.
			"2>&-":         exits(6, "out\n", ""),
			"<&- >&- 2>&-": exits(6, "", ""),
		} {
			got := in.run("/bin/sh", "-c", `exec "$0" /bin/sh -c 'echo out; echo err >&2; exit 6' `+closed, ccwrap)
			if got != want {
				t.Errorf("%s with %s: %v, want %v", name, closed, got, want)
			}
		}
	}
}
