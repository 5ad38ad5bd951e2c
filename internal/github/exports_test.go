package github

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func getenv(env map[string]string) func(string) string {
	return func(name string) string { return env[name] }
}

func TestInput(t *testing.T) {
	a := New(getenv(map[string]string{"INPUT_MAX-SIZE": " 5GiB ", "INPUT_BINARY_PATH": "/opt", "INPUT_DIR": "/d"}), io.Discard)
	for _, tt := range [][2]string{{"max-size", "5GiB"}, {"binary-path", "/opt"}, {"dir", "/d"}, {"readonly", ""}} {
		if got := Input(a, tt[0]); got != tt[1] {
			t.Errorf("Input(%s) = %q, want %q", tt[0], got, tt[1])
		}
	}
}

func TestExport(t *testing.T) {
	dir := t.TempDir()
	env := map[string]string{}
	for _, name := range []string{"GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT"} {
		env[name] = filepath.Join(dir, name)
	}
	e := Exports{Env: []Pair{{"A", "1"}, {"B", "two words"}}, Path: []string{"/shims"}, Outputs: []Pair{{"dir", "/d"}}}
	if err := Export(New(getenv(env), io.Discard), e); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{"GITHUB_ENV": {"A", "1", "B", "two words"}, "GITHUB_PATH": {"/shims"}, "GITHUB_OUTPUT": {"dir", "/d"}} {
		b, err := os.ReadFile(env[name])
		for _, w := range want {
			if err != nil || !strings.Contains(string(b), w) {
				t.Errorf("%s = %q, %v; want %q in it", name, b, err, w)
			}
		}
	}
}

func TestExportFails(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "env")
	inWorkflow := getenv(map[string]string{"GITHUB_ENV": file, "GITHUB_OUTPUT": dir})
	one := []Pair{{"A", "1"}}
	for _, tt := range []struct {
		what   string
		getenv func(string) string
		e      Exports
		want   error // nil: any
	}{
		{"outside of a workflow", getenv(nil), Exports{Env: one}, ErrNoWorkflow},
		{"without one of the files", inWorkflow, Exports{Env: one, Path: []string{"/x"}}, ErrNoWorkflow},
		{"a line break in a value", inWorkflow, Exports{Env: []Pair{{"A", "1\nB=2"}}}, nil},
		{"a line break in a path", getenv(map[string]string{"GITHUB_PATH": file}), Exports{Path: []string{"/x\n/y"}}, nil},
		{"into a directory", inWorkflow, Exports{Outputs: one}, nil},
	} {
		err := Export(New(tt.getenv, io.Discard), tt.e)
		if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("Export %s = %v, want an error (%v)", tt.what, err, tt.want)
		}
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("a refused export wrote %s (%v)", file, err)
	}
}
