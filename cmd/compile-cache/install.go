package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// shims returns the directory of the instance's own shims.
func (a *app) shims() string { return filepath.Join(a.place.Dir, "bin") }

// programs returns the directory where programs built from source are kept.
func (a *app) programs() string { return filepath.Join(a.place.Dir, "programs") }

// program returns the path of one of our two programs: beside this one, or, under `go run`, as install built it.
func (a *app) program(name string) string {
	self, err := os.Executable()
	if err != nil {
		return name
	}
	if !temporary(self) {
		return filepath.Join(filepath.Dir(self), name)
	}
	return filepath.Join(a.programs(), name)
}

// temporary reports whether this program was built by `go run`, which removes it at its end.
func temporary(self string) bool {
	return strings.Contains(self, string(filepath.Separator)+"go-build")
}

// install makes sure that both programs lie in one directory that stays. Under `go run` they are built once into the
// instance, and again when the source has changed: paths of shims are kept in CMakeCache and the like.
func (a *app) install() error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	if !temporary(self) {
		if _, err := os.Stat(a.program("ccwrap")); err != nil {
			return &hinted{fmt.Errorf("ccwrap is missing beside %s", self), "both programs belong in one directory"}
		}
		return nil
	}
	// What go run built tells whether the source changed.
	b, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	stamp, built := filepath.Join(a.programs(), "built-from"), digest.Of(b).Hex()
	if old, err := os.ReadFile(stamp); err == nil && string(old) == built && exists(a.program("ccwrap")) && exists(a.program("compile-cache")) {
		return nil
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(a.programs(), 0o700); err != nil {
		return fmt.Errorf("make room for programs: %w", err)
	}
	cmd := exec.CommandContext(a.ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", a.programs()+string(filepath.Separator), "./cmd/ccwrap", "./cmd/compile-cache")
	cmd.Dir, cmd.Env = root, a.env
	defer a.ui.progress("building ccwrap and compile-cache in %s", a.programs())()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build ccwrap: %w: %s", err, out)
	}
	return os.WriteFile(stamp, []byte(built), 0o600)
}

// moduleRoot finds the source that `go run` compiled.
func moduleRoot() (string, error) {
	_, file, _, ok := runtime.Caller(0)
	if !ok || !filepath.IsAbs(file) {
		return "", errors.New("find the source of ccwrap: this program was built without paths")
	}
	for dir := filepath.Dir(file); ; dir = filepath.Dir(dir) {
		if exists(filepath.Join(dir, "go.mod")) {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("find the source of ccwrap: no go.mod above %s", file)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// lookPath finds a command as execvp does, in the PATH given.
func lookPath(name, path string) (string, error) {
	if strings.ContainsRune(name, filepath.Separator) {
		return name, executable(name)
	}
	found := error(fs.ErrNotExist)
	for _, dir := range filepath.SplitList(path) {
		if dir == "" {
			dir = "."
		}
		p := filepath.Join(dir, name)
		err := executable(p)
		if err == nil {
			return p, nil
		}
		if errors.Is(err, fs.ErrPermission) {
			found = err
		}
	}
	if errors.Is(found, fs.ErrPermission) {
		return "", found
	}
	if runtime.GOOS == "windows" {
		return exec.LookPath(name)
	}
	return "", fmt.Errorf("not found in PATH (%w)", fs.ErrNotExist)
}

func executable(path string) error {
	fi, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case fi.IsDir(), fi.Mode()&0o111 == 0 && runtime.GOOS != "windows":
		return fs.ErrPermission
	}
	return nil
}
