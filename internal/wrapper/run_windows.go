package wrapper

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// base returns the last component of a path.
func base(path string) string { return filepath.Base(path) }

// run runs the compiler and returns its status. There is no cache on Windows.
func run(name string, args []string, _ uint64) int {
	path, err := findCompiler(name)
	if err != nil {
		complain(name, "not found in PATH")
		return 127
	}
	cmd := exec.Command(path, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	complain(path, "not executable")
	return 126
}

// findCompiler returns the first file of this name in PATH that is not this program under another name.
func findCompiler(name string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	own, err := os.Stat(self)
	if err != nil {
		return "", err
	}
	isSelf := func(path string) bool {
		st, err := os.Stat(path)
		return err == nil && os.SameFile(own, st)
	}
	if name != filepath.Base(name) {
		if path, err := exec.LookPath(name); err == nil && !isSelf(path) {
			return path, nil
		}
		name = filepath.Base(name)
	}
	name = strings.TrimSuffix(name, ".exe")
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path, err := exec.LookPath(filepath.Join(dir, name))
		if err == nil && filepath.IsAbs(path) && !isSelf(path) {
			return path, nil
		}
	}
	return "", exec.ErrNotFound
}
