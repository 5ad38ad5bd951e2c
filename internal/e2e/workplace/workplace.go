// Package workplace is what tests of whole programs have in common: a directory for all that they make, the programs of this checkout,
// commands, and the daemons that these leave.
//
//	DIR/programs        ccwrap and compile-cache
//	DIR/d1, DIR/d2 ...  a directory each for whoever asks
//
// Names are short, since sockets lie below them, and have no symbolic links in them, as the paths that programs tell. All functions may be
// called by several tests at once.
package workplace

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Place is the directory of one package's tests.
type Place struct {
	Dir        string
	Repository string // the checkout that the programs are built from
	Programs   string // directory of ccwrap and compile-cache

	mu   sync.Mutex
	dirs int // guarded by mu
}

// New makes a place and builds the programs of the checkout at repository, which may be relative. Whoever gets a Place removes it, also when
// there is an error too.
func New(repository string) (p *Place, err error) {
	p = &Place{}
	if p.Dir, err = os.MkdirTemp("", "e2e"); err != nil {
		return nil, err
	}
	if p.Dir, err = filepath.EvalSymlinks(p.Dir); err != nil {
		return p, err
	}
	if p.Repository, err = filepath.Abs(repository); err != nil {
		return p, err
	}
	p.Programs = filepath.Join(p.Dir, "programs")
	_, err = Output(p.Repository, nil, "go", "build", "-o", p.Programs+"/", "./cmd/ccwrap", "./cmd/compile-cache")
	return p, err
}

// Main runs the tests of a package at a new place of the checkout at repository, and returns the status to exit with. Before them it calls
// prepare with the place that they have in common.
func Main(m *testing.M, repository string, prepare func(*Place) error) int {
	p, err := New(repository)
	defer p.Remove()
	if err == nil {
		err = prepare(p)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// Remove removes the directory, and says on stderr what it could not.
func (p *Place) Remove() {
	if p == nil {
		return
	}
	if err := os.RemoveAll(p.Dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// Directory returns a new directory.
func (p *Place) Directory(t *testing.T) string {
	t.Helper()
	p.mu.Lock()
	p.dirs++
	dir := filepath.Join(p.Dir, fmt.Sprint("d", p.dirs))
	p.mu.Unlock()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Tool returns the path of a tool of this module's go.mod. Go builds it and keeps it in its cache.
func Tool(name string) (string, error) { return Output(".", nil, "go", "tool", "-n", name) }

// Output runs a command in dir and returns what it wrote to stdout, without space around it. A nil environment is ours.
func Output(dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, env
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// Result is how a command ended.
type Result struct {
	Status         int
	Stdout, Stderr string
	Took           time.Duration
}

// Start starts a command in dir; the function it returns waits for it. An error says that it could not be run, or was killed; with it is what
// the command had said.
func Start(ctx context.Context, dir string, env []string, argv ...string) func() (Result, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = dir, env
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Minute // a daemon that kept our pipes would be a defect, not a hang
	from := time.Now()
	err := cmd.Start()
	return func() (Result, error) {
		if err == nil {
			err = cmd.Wait()
		}
		r := Result{Status: -1, Stdout: stdout.String(), Stderr: stderr.String(), Took: time.Since(from)}
		if cmd.ProcessState == nil || err != nil && !cmd.ProcessState.Exited() {
			return r, fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, r.Stderr)
		}
		r.Status = cmd.ProcessState.ExitCode()
		return r, nil
	}
}

// Copy copies a file with its mode, but with the time of the copying. There must be none at the place; its directory is made.
func Copy(from, to string) error {
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
