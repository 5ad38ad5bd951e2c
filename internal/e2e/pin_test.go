package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/e2e/workplace"
)

// hookCommit returns the commit at which action.yml uses dist/hook.
func hookCommit(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(work.Repository, "action.yml"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`uses: compile-cache/compile-cache-action/dist/hook@([0-9a-f]{40})\n`).FindSubmatch(b)
	if m == nil {
		t.Fatal("action.yml does not use compile-cache/compile-cache-action/dist/hook at a commit")
	}
	return string(m[1])
}

// TestHookIsPinned: what runs after a job is dist/hook of the commit that action.yml names, so its files must be today's. After a
// change of dist/hook: commit it, name that commit in action.yml, and commit that.
func TestHookIsPinned(t *testing.T) {
	commit := hookCommit(t)
	if out, err := workplace.Output(work.Repository, nil, "git", "rev-parse", "--is-shallow-repository"); err != nil || out != "false" {
		t.Fatalf("this needs the history, as of git fetch --unshallow: %s %v", out, err)
	}
	if _, err := workplace.Output(work.Repository, nil, "git", "merge-base", "--is-ancestor", commit, "HEAD"); err != nil {
		t.Fatalf("commit %s, which action.yml names, is not in the history: %v", commit, err)
	}
	list, err := workplace.Output(work.Repository, nil, "git", "ls-tree", "-r", "--name-only", commit, "dist/hook/")
	if err != nil {
		t.Fatal(err)
	}
	then := map[string]bool{}
	for name := range strings.SplitSeq(list, "\n") {
		then[name] = true
		was, err := workplace.Output(work.Repository, nil, "git", "rev-parse", commit+":"+name)
		if err != nil {
			t.Fatal(err)
		}
		if is, err := workplace.Output(work.Repository, nil, "git", "hash-object", name); err != nil || is != was {
			t.Errorf("%s differs from the one of %s, which action.yml names (%v)", name, commit, err)
		}
	}
	now, err := filepath.Glob(filepath.Join(work.Repository, "dist", "hook", "*"))
	if err != nil || len(now) == 0 {
		t.Fatalf("dist/hook has %v, %v", now, err)
	}
	for _, file := range now {
		if name := "dist/hook/" + filepath.Base(file); !then[name] {
			t.Errorf("%s is not in %s, which action.yml names", name, commit)
		}
	}
}
