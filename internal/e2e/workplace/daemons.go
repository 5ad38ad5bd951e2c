package workplace

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Install gives a machine below root its programs: in root/programs, so that their path tells its daemons from others. These end with the
// test, and where it failed it tells their log, which is in the directory of the instance.
func (p *Place) Install(t *testing.T, root, instance string) {
	t.Helper()
	if _, err := os.Stat("/proc/self/cmdline"); err != nil {
		t.Skipf("skipped: daemons are found by /proc: %v", err)
	}
	dir := filepath.Join(root, "programs")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ccwrap", "compile-cache"} {
		// Links. A copy would be open for writing while another test starts a process, which inherits the descriptor, and a program
		// that somebody may write to cannot be executed.
		if err := os.Link(filepath.Join(p.Programs, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of %s:\n%s", root, Log(instance))
		}
		Kill(root)
	})
}

// Log is what the daemons of an instance wrote.
func Log(instance string) string {
	b, _ := os.ReadFile(filepath.Join(instance, "log", "daemon.log"))
	return string(b)
}

// Daemons are the processes of the daemons whose program lies below root.
func Daemons(root string) (pids []int) {
	found, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range found {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		program, rest, _ := strings.Cut(string(b), "\x00")
		if strings.HasPrefix(program, root+"/") && strings.HasPrefix(rest, "daemon\x00") {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			if err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// Kill ends these daemons as a power cut does.
func Kill(root string) {
	for _, pid := range Daemons(root) {
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Kill()
		}
	}
}

// Environment lists variables as NAME=VALUE; of those of one name in several settings the last counts.
func Environment(settings ...map[string]string) (list []string) {
	all := map[string]string{}
	for _, s := range settings {
		maps.Copy(all, s)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, name+"="+all[name])
	}
	return list
}

// With returns settings with more of them: pairs of names and values.
func With(settings map[string]string, pairs ...string) map[string]string {
	more := maps.Clone(settings)
	for i := 0; i < len(pairs); i += 2 {
		more[pairs[i]] = pairs[i+1]
	}
	return more
}
