package e2e

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What TestMain makes for all tests.
var (
	repository string // this checkout
	copied     string // its files, without .git, as the action is checked out on a runner
	programs   string // directory of ccwrap and compile-cache
	act        string
	actionlint string
)

func TestMain(m *testing.M) {
	work, err := os.MkdirTemp("", "e2e")
	if err == nil {
		err = prepare(work)
	}
	status := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		status = m.Run()
	}
	if err := os.RemoveAll(work); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(status)
}

func prepare(work string) (err error) {
	if repository, err = filepath.Abs("../.."); err != nil {
		return err
	}
	copied, programs = filepath.Join(work, "repository"), filepath.Join(work, "programs")
	if err := copyCheckout(repository, copied); err != nil {
		return err
	}
	if _, err := output(repository, "go", "build", "-o", programs+"/", "./cmd/ccwrap", "./cmd/compile-cache"); err != nil {
		return err
	}
	// -n builds a tool, keeps it in Go's cache, and prints its path.
	if act, err = output(".", "go", "tool", "-n", "act"); err != nil {
		return err
	}
	actionlint, err = output(".", "go", "tool", "-n", "actionlint")
	return err
}

// output runs a command in dir and returns what it wrote to stdout.
func output(dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// copyCheckout copies what git knows, or would add, but this module.
func copyCheckout(from, to string) error {
	list, err := output(from, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(list, "\x00") {
		if name == "" || strings.HasPrefix(name, "internal/e2e/") {
			continue
		}
		err := copyFile(filepath.Join(from, name), filepath.Join(to, name))
		if err != nil && !os.IsNotExist(err) { // removed, and not committed yet
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	fi, err := src.Stat()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fi.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	if cerr := dst.Close(); err == nil {
		err = cerr
	}
	return err
}
