//go:build unix

package oracle

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/oracle/search"
)

// TestSearchIsThatOfGCC compares what the model reads with what gcc reads, by their dependency files, in random projects with
// random options: the search can only be as good as the model.
func TestSearchIsThatOfGCC(t *testing.T) {
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("no gcc: ", err)
	}
	if version, err := exec.Command(gcc, "-v").CombinedOutput(); err != nil || !bytes.Contains(version, []byte("gcc version ")) {
		t.Skip("gcc is none: ", string(version))
	}
	projects := 300
	if testing.Short() {
		projects = 40
	}
	dir := search.ScratchDir(t)
	compared := 0
	for seed := range uint64(projects) {
		w, err := newWorld(filepath.Join(dir, "w"), rand.New(rand.NewPCG(seed, 2)))
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(seed, 3))
		for range rng.IntN(12) {
			for _, o := range w.chooseOps(rng) {
				if o.kind != "tool" && o.kind != "columns" && !strings.HasSuffix(o.a, ".gch") {
					w.apply(o)
				}
			}
		}
		if compareReads(t, w, gcc, seed) {
			compared++
		}
		if t.Failed() {
			return
		}
		os.RemoveAll(filepath.Join(dir, "w"))
	}
	t.Logf("%d of %d projects compared", compared, projects)
	if compared*2 < projects {
		t.Errorf("only %d of %d projects could be compared", compared, projects)
	}
}

// compareReads reports whether both compilers took the call.
func compareReads(t *testing.T, w *world, gcc string, seed uint64) bool {
	inv := w.invocation()
	// The built-in directories of the model's toolchain are given to both as options.
	call := &Call{Program: inv.Program, Dir: inv.Dir, Now: w.now}
	var standard []string
	for _, d := range call.standardDirs() {
		standard = append(standard, "-isystem", d)
	}
	var args []string
	for _, a := range inv.Args {
		if a != "-nostdinc" && !strings.HasPrefix(a, "-M") && a != "target" && !strings.HasSuffix(a, ".d") {
			args = append(args, a)
		}
	}
	args = append(append(slices.Clone(args), standard...), "-nostdinc", "-M", "-MF", "-")
	args = slices.DeleteFunc(args, func(a string) bool { return a == "-c" || a == "-MF" || a == "-" })
	var env []string
	for _, kv := range inv.Env {
		if strings.Contains(kv, "INCLUDE_PATH=") || strings.HasPrefix(kv, "CPATH=") || strings.HasPrefix(kv, "PWD=") {
			env = append(env, kv)
		}
	}
	call.Env = append(env, "PATH="+w.dir+"/bin")
	call.Args = args
	model := call.Answer()
	if bytes.Contains(model.Stderr, []byte(errTooDeep.Error())) {
		// Headers that include each other: gcc goes on after each of thousands of such errors, to gigabytes of messages.
		return false
	}

	args = slices.Clone(args)
	if i := slices.Index(args, "-o"); i >= 0 {
		args = slices.Delete(args, i, i+2)
	}
	cmd := exec.Command(gcc, args...)
	if w.driver == "g++" {
		cmd.Args = append([]string{gcc, "-x", "c++"}, args...)
	}
	cmd.Dir = inv.Dir
	cmd.Env = append(env, "PATH="+os.Getenv("PATH"), "LC_ALL=C")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	real, err := cmd.Output()
	if (err != nil) != (model.Status != 0) {
		t.Errorf("seed %d: gcc %q in %s: %v %s\nmodel: status %d %s", seed, args, inv.Dir, err, stderr.String(), model.Status, model.Stderr)
		return false
	}
	if err != nil {
		return false
	}
	if got, want := prerequisites(model.Stdout), prerequisites(real); !slices.Equal(got, want) {
		t.Errorf("seed %d: in %s %q\nmodel reads %q\n  gcc reads %q", seed, inv.Dir, args, got, want)
		return false
	}
	return true
}

// prerequisites returns the files of a dependency file, each once.
func prerequisites(text []byte) []string {
	_, list, _ := strings.Cut(string(text), ":")
	var out []string
	for word := range strings.FieldsSeq(strings.ReplaceAll(list, "\\\n", " ")) {
		if !slices.Contains(out, word) {
			out = append(out, word)
		}
	}
	return out
}
