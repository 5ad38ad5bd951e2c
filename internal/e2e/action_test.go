package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// units is how many files examples/jot compiles.
func units(t *testing.T) int {
	t.Helper()
	var n int
	for _, dir := range []string{"src", "tests"} {
		files, err := filepath.Glob(filepath.Join(work.Repository, "examples", "jot", dir, "*.c"))
		if err != nil {
			t.Fatal(err)
		}
		n += len(files)
	}
	if n < 20 {
		t.Fatalf("examples/jot has %d files, want a real project", n)
	}
	return n
}

// outcomes checks the outcomes of the i-th stats of a job.
func (j *job) outcomes(i int, want map[string]int) {
	j.t.Helper()
	all := j.stats()
	if i >= len(all) {
		j.t.Fatalf("the job printed %d stats, want more than %d:\n%s", len(all), i, j.log)
	}
	for outcome, n := range want {
		if all[i].Outcomes[outcome] != n {
			j.t.Errorf("stats %d: %s = %d, want %d\n%s", i, outcome, all[i].Outcomes[outcome], n, j.log)
		}
	}
	if all[i].Unrecorded != 0 {
		j.t.Errorf("stats %d: unrecorded = %d, want 0", i, all[i].Unrecorded)
	}
}

// A second build in a job is answered from the first, and the job summary of the post step says so.
func TestSecondBuildHits(t *testing.T) {
	r, n := newRunner(t), units(t)
	j := r.run("cmake.yml")
	j.succeeded(true)
	j.outcomes(0, map[string]int{"hit": 0, "miss": n, "failed": 0, "bypassed": 0})
	j.outcomes(1, map[string]int{"hit": n, "miss": n, "failed": 0, "bypassed": 0})
	j.logged("100% tests passed", "output dir is "+r.dir+"; limit is 1GiB")
	j.summarized("hit rate 50.0 %", "hostexecutor/src/", ".c` |", fmt.Sprintf("| miss | %d |", n), "Why compiles missed")
	if t.Failed() {
		return
	}
	if left, err := filepath.Glob(filepath.Join(r.dir, "run", "*.sock")); err != nil || len(left) > 0 {
		t.Errorf("the post step left %v, %v; want no daemon", left, err)
	}
}

// A later job on the runner, in another checkout, finds what the first one stored; the explicit report works without a post step.
func TestNextJobHits(t *testing.T) {
	r, n := newRunner(t), units(t)
	first := r.run("make.yml")
	first.succeeded(true)
	first.outcomes(0, map[string]int{"hit": 0, "miss": n, "failed": 0, "bypassed": 0})
	first.summarized("hit rate 0.0 %")
	second := r.run("make.yml")
	second.succeeded(true)
	second.outcomes(0, map[string]int{"hit": n, "miss": 0, "failed": 0, "bypassed": 0})
	second.summarized("hit rate 100.0 %", "hostexecutor/src/", ".c` |")
	second.logged("output dir is " + r.dir)
	if strings.Contains(second.log, "Post Start, and report after the job") {
		t.Errorf("post: off has a post step:\n%s", second.log)
	}
}

// Each job reports its own calls only, says a thing once, and stores nothing where it may not.
func TestReportedOnce(t *testing.T) {
	r, n := newRunner(t), units(t)
	for range 2 {
		j := r.run("twice.yml")
		j.succeeded(true)
		j.summarized(fmt.Sprintf("hit rate 0.0 %% (0 hits, %d misses)", n))
	}
	j := r.run("twice.yml")
	j.outcomes(0, map[string]int{"hit": 0, "miss": 3 * n})
}

// A failed build is reported too, and it stays failed.
func TestFailedBuildReports(t *testing.T) {
	r, n := newRunner(t), units(t)
	j := r.run("fails.yml")
	j.succeeded(false)
	j.logged("src/utf8.c:")
	if strings.Contains(j.log, "a step after the build") {
		t.Errorf("the build step did not fail:\n%s", j.log)
	}
	j.summarized("| failed | 1 |", fmt.Sprintf("| miss | %d |", n-1))
}

// Without ready programs they are built from the action's source.
func TestBuildsPrograms(t *testing.T) {
	r, n := newRunner(t), units(t)
	j := r.run("source.yml")
	j.succeeded(true)
	j.logged("building compile-cache with go")
	j.outcomes(0, map[string]int{"hit": 0, "miss": n, "bypassed": 0})
	j.summarized("hit rate 0.0 %")
	if got, want := j.stats()[0].Dir, filepath.Join(r.home, ".cache", "compile-cache"); got != want {
		t.Errorf("directory = %s, want the default, %s", got, want)
	}
}

// Whatever the action lacks, the build runs uncached and green, and the summary says why.
func TestRunsUncached(t *testing.T) {
	t.Run("absent programs", func(t *testing.T) {
		j := newRunner(t).run("absent.yml")
		j.succeeded(true)
		j.logged("checks, 0 failures", "output dir is ''", "not running in this job")
		j.summarized("### compile-cache: not running", "there is no program ccwrap in "+work.Programs+"/none")
	})
	t.Run("unusable directory", func(t *testing.T) {
		j := newRunner(t).run("unusable.yml")
		j.succeeded(true)
		j.logged("checks, 0 failures", `"perhaps" is no boolean`, `COMPILE_CACHE_MAX_SIZE="much"`)
		j.summarized("### compile-cache: not running", "mkdir /dev/null: not a directory")
	})
	t.Run("no Go", func(t *testing.T) {
		r := newRunner(t)
		var without []string
		for _, dir := range filepath.SplitList(r.path) {
			if _, err := os.Stat(filepath.Join(dir, "go")); err != nil {
				without = append(without, dir)
			}
		}
		r.path = strings.Join(without, string(filepath.ListSeparator))
		j := r.run("source.yml")
		// The last step asks for a program that is not there.
		j.succeeded(false)
		j.logged("not found")
		j.summarized("### compile-cache: not running", "there is no Go to build compile-cache with")
	})
}
