package workplace

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestStart(t *testing.T) {
	dir := t.TempDir()
	r, err := Start(t.Context(), dir, []string{"WORD=said"}, "/bin/sh", "-c", `echo "$WORD"; echo aside >&2; exit 3`)()
	if err != nil || r.Status != 3 || r.Stdout != "said\n" || r.Stderr != "aside\n" || r.Took <= 0 {
		t.Errorf("Start() = %+v, %v, want status 3 and both outputs", r, err)
	}
	if r, err := Start(t.Context(), dir, nil, "/bin/sh", "-c", "echo before >&2; kill -9 $$")(); err == nil || r.Stderr != "before\n" {
		t.Errorf("Start() of what is killed = %+v, %v, want an error and what it said", r, err)
	}
	if _, err := Start(t.Context(), dir, nil, "/nonexistent/program")(); err == nil {
		t.Error("Start() of no program succeeds")
	}
}

func TestOutput(t *testing.T) {
	if got, err := Output(t.TempDir(), []string{"WORD=said"}, "/bin/sh", "-c", `echo " $WORD "`); err != nil || got != "said" {
		t.Errorf("Output() = %q, %v, want %q", got, err, "said")
	}
	if _, err := Output(".", nil, "/bin/sh", "-c", "echo why >&2; exit 1"); err == nil || !strings.Contains(err.Error(), "why") {
		t.Errorf("Output() of a command that fails = %v, want what it said", err)
	}
}

func TestCopy(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "new", "to")
	if err := os.WriteFile(from, []byte("text"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := Copy(from, to); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(to)
	fi, serr := os.Stat(to)
	if err != nil || serr != nil || string(text) != "text" || fi.Mode() != 0o750 {
		t.Errorf("the copy is %q, %v, %v %v, want the text and its mode", text, err, fi, serr)
	}
	if err := Copy(from, to); !os.IsExist(err) {
		t.Errorf("Copy() to what is there = %v, want that it exists", err)
	}
	if err := Copy(filepath.Join(dir, "none"), filepath.Join(dir, "other")); !os.IsNotExist(err) {
		t.Errorf("Copy() of nothing = %v, want that it does not exist", err)
	}
}

// Daemons are those of one root, and no other process.
func TestDaemons(t *testing.T) {
	if _, err := os.Stat("/proc/self/cmdline"); err != nil {
		t.Skipf("skipped: daemons are found by /proc: %v", err)
	}
	// start starts a shell that waits, as a program below dir; killed lets it end by itself, if it still can, and tells whether it did.
	start := func(dir, word string) (pid int, killed func() bool) {
		t.Helper()
		program := filepath.Join(dir, "program")
		if err := os.Symlink("/bin/sh", program); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, word), []byte("echo ready\nread line\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(program, word)
		cmd.Dir = dir
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, len("ready\n"))); err != nil {
			t.Fatal(err)
		}
		return cmd.Process.Pid, func() bool {
			in.Close()
			_ = cmd.Wait()
			return !cmd.ProcessState.Exited()
		}
	}
	root, other := t.TempDir(), t.TempDir()
	daemon, killed := start(root, "daemon")
	_, killedToo := start(root, "run")
	foreign, killedThere := start(other, "daemon")
	if got := Daemons(root); !slices.Equal(got, []int{daemon}) {
		t.Errorf("Daemons() = %v, want %d alone", got, daemon)
	}
	if got := Daemons(other); !slices.Equal(got, []int{foreign}) {
		t.Errorf("Daemons() of another root = %v, want %d alone", got, foreign)
	}
	Kill(root)
	if !killed() {
		t.Error("Kill() did not end the daemon")
	}
	if killedToo() || killedThere() {
		t.Error("Kill() ended what is no daemon of that root")
	}
}

func TestEnvironment(t *testing.T) {
	first := map[string]string{"B": "1", "A": "2"}
	if got, want := Environment(With(first, "C", "3"), map[string]string{"B": "4"}), []string{"A=2", "B=4", "C=3"}; !slices.Equal(got, want) {
		t.Errorf("Environment() = %q, want %q", got, want)
	}
	if len(first) != 2 {
		t.Errorf("With() changed what it was given: %v", first)
	}
}
