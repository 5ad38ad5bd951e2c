package rust

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/e2e/workplace"
)

// What TestMain makes for all tests.
var (
	work   *workplace.Place
	crates string // CARGO_HOME, with the crates that testdata/small uses
	rustup string // RUSTUP_HOME; "" where cargo is no proxy of rustup's
)

func TestMain(m *testing.M) { os.Exit(workplace.Main(m, "../../..", prepare)) }

func prepare(p *workplace.Place) error {
	work = p
	crates = filepath.Join(work.Dir, "crates")
	if rustup = os.Getenv("RUSTUP_HOME"); rustup == "" {
		if home, err := os.UserHomeDir(); err == nil {
			rustup = filepath.Join(home, ".rustup")
		}
	}
	if _, err := os.Stat(filepath.Join(rustup, "toolchains")); err != nil {
		rustup = ""
	}
	return fetch("testdata/small")
}

// fetch brings the crates of a workspace into CARGO_HOME. Registries have bad minutes.
func fetch(workspace string) (err error) {
	for range 3 {
		if _, err = workplace.Output(workspace, append(os.Environ(), "CARGO_HOME="+crates), "cargo", "fetch", "--locked"); err == nil {
			return nil
		}
	}
	return err
}

// directory returns a new directory with a short name.
func directory(t *testing.T) string {
	t.Helper()
	return work.Directory(t)
}

// checkout copies a workspace to dir, as a fresh clone would: each file gets the time of the copying. A target directory of whoever
// works on the workspace stays behind.
func checkout(t *testing.T, workspace, dir string) {
	t.Helper()
	err := filepath.WalkDir(workspace, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "target":
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		name, err := filepath.Rel(workspace, path)
		if err != nil {
			return err
		}
		return workplace.Copy(path, filepath.Join(dir, name))
	})
	if err != nil {
		t.Fatal(err)
	}
	// The nearest .git is where a checkout begins.
	if err := os.MkdirAll(filepath.Join(dir, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// files are a workspace in a test: name -> contents.
type files map[string]string

// checkout writes the files to dir.
func (f files) checkout(t *testing.T, dir string) {
	t.Helper()
	for name, text := range f {
		write(t, filepath.Join(dir, name), text)
	}
	if err := os.MkdirAll(filepath.Join(dir, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// write writes a file, as an editor would: the directory is made where it is missing.
func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// edit replaces text in a file, which has to be there.
func edit(t *testing.T, name, old, new string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), old) {
		t.Fatalf("%s has no %q", name, old)
	}
	write(t, name, strings.ReplaceAll(string(b), old, new))
}

// clean removes what builds left.
func clean(t *testing.T, dir string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(dir, "target")); err != nil {
		t.Fatal(err)
	}
}
