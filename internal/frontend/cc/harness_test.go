//go:build unix

package cc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
)

// memoFiles is frontendtest.DiskFiles that hashes a file again only when its size or times changed, since a libLLVM has 110 MB.
type memoFiles struct {
	frontendtest.DiskFiles
	mu      *sync.Mutex // guards digests
	digests map[string]digest.Digest
}

func newMemoFiles() memoFiles {
	return memoFiles{mu: new(sync.Mutex), digests: make(map[string]digest.Digest)}
}

// sharedFiles serves all tests of real compilers: they hash the same toolchains.
var sharedFiles = newMemoFiles()

func (f memoFiles) Digest(path string) (digest.Digest, error) {
	fi, err := f.Stat(path)
	if err != nil {
		return digest.Digest{}, err
	}
	if fi.Size < 1<<16 {
		return f.DiskFiles.Digest(path)
	}
	name := fmt.Sprint(path, fi)
	f.mu.Lock()
	d, ok := f.digests[name]
	f.mu.Unlock()
	if ok {
		return d, nil
	}
	d, err = f.DiskFiles.Digest(path)
	if err == nil {
		f.mu.Lock()
		f.digests[name] = d
		f.mu.Unlock()
	}
	return d, err
}

// runProber is a Prober that runs the program, and counts.
type runProber struct {
	dir string
	env []string

	mu    sync.Mutex // guards asked
	asked [][]string
}

func (p *runProber) Probe(ctx context.Context, argv []string, env []string) (frontend.ProbeResult, error) {
	p.mu.Lock()
	p.asked = append(p.asked, argv)
	p.mu.Unlock()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = p.dir, append(slices.Clone(p.env), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return frontend.ProbeResult{}, err
	}
	return frontend.ProbeResult{Status: cmd.ProcessState.ExitCode(), Stdout: stdout.Bytes(), Stderr: stderr.Bytes()}, nil
}

// project is a directory with files and what one compiler makes of them.
type project struct {
	t        *testing.T
	dir      string
	env      []string
	program  string
	frontend *Frontend
	files    frontend.Files
	ask      *runProber
	after    func() // called after the compile; nil for nothing
}

// compilers returns the paths of those among the names that are installed.
func compilers(t testing.TB, names ...string) []string {
	var found []string
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Logf("no %s here, not tested with it", name)
			continue
		}
		found = append(found, path)
	}
	if len(found) == 0 {
		t.Skipf("none of %v is installed", names)
	}
	return found
}

func newProject(t *testing.T, program string, tree map[string]string) *project {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &project{t: t, dir: dir, program: program, frontend: New(), files: sharedFiles,
		env: []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}}
	p.ask = &runProber{dir: dir, env: p.env}
	for name, text := range tree {
		p.write(name, text)
	}
	return p
}

func (p *project) write(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		p.t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		p.t.Fatal(err)
	}
}

func (p *project) setenv(kv string) {
	p.env = append([]string{kv}, p.env...)
	p.ask.env = p.env
}

func (p *project) parse(args ...string) *compile.Compilation {
	p.t.Helper()
	inv := &compile.Invocation{Program: p.program, Args: args, Dir: p.dir, Env: p.env, Umask: 0o22}
	c, declined := p.frontend.Parse(inv, p.files)
	if declined != nil {
		p.t.Fatalf("%s %v: parse: %v", p.program, args, declined)
	}
	return c
}

// compile runs a compile as on a miss and returns what it depended on; the compile itself must succeed.
func (p *project) compile(args ...string) (*frontend.Inputs, error) {
	p.t.Helper()
	ctx := p.t.Context()
	c := p.parse(args...)
	tc, err := p.frontend.Toolchain(ctx, c, p.files, p.ask)
	if err != nil {
		return nil, err
	}
	plan := p.frontend.Plan(c, tc, filepath.Join(p.t.TempDir(), "scratch file"))
	start := time.Now()
	result, err := p.ask.Probe(ctx, append([]string{p.program}, plan.Args...), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	if result.Status != 0 {
		p.t.Fatalf("%s %q: exit %d\n%s", p.program, plan.Args, result.Status, result.Stderr)
	}
	if p.after != nil {
		p.after()
	}
	return p.frontend.Inputs(ctx, c, tc, frontend.Run{Plan: plan, Start: start, Stdout: result.Stdout, Stderr: result.Stderr}, p.files, p.ask)
}

// isAbsent reports whether name in dir (below the project) is among the absent names.
func (p *project) isAbsent(in *frontend.Inputs, path string) bool {
	want := filepath.Join(p.dir, path)
	for _, group := range in.Absent {
		for _, dir := range group.Dirs {
			for _, name := range group.Names {
				if filepath.Join(dir, name) == want {
					return true
				}
			}
		}
	}
	return false
}

// has reports whether a path (below the project) is among the paths.
func (p *project) has(in *frontend.Inputs, path string) bool {
	return slices.ContainsFunc(in.Paths, func(got string) bool { return filepath.Clean(got) == filepath.Join(p.dir, path) })
}

func dump(in *frontend.Inputs) string {
	var b strings.Builder
	for _, path := range in.Paths {
		fmt.Fprintln(&b, "path", path)
	}
	for _, group := range in.Absent {
		fmt.Fprintln(&b, "absent", group.Dirs, group.Names)
	}
	return b.String()
}

// fastFiles remembers every answer for good: benchmarks then measure this package, not the file system.
type fastFiles struct {
	mu      sync.Mutex // guards all maps
	stats   map[string]frontend.FileInfo
	digests map[string]digest.Digest
	texts   map[string][]byte
	names   map[string][]string
}

func newFastFiles() *fastFiles {
	return &fastFiles{
		stats: make(map[string]frontend.FileInfo), digests: make(map[string]digest.Digest),
		texts: make(map[string][]byte), names: make(map[string][]string),
	}
}

// remember returns m[name], asked for once; what fails is asked for again.
func remember[V any](f *fastFiles, m map[string]V, name string, ask func(string) (V, error)) (V, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if v, ok := m[name]; ok {
		return v, nil
	}
	v, err := ask(name)
	if err == nil {
		m[name] = v
	}
	return v, err
}

func (f *fastFiles) Stat(path string) (frontend.FileInfo, error) {
	return remember(f, f.stats, path, frontendtest.DiskFiles{}.Stat)
}

func (f *fastFiles) Digest(path string) (digest.Digest, error) {
	return remember(f, f.digests, path, sharedFiles.Digest)
}

func (f *fastFiles) Read(path string, limit int64) ([]byte, digest.Digest, error) {
	text, err := remember(f, f.texts, path, func(path string) ([]byte, error) {
		text, _, err := frontendtest.DiskFiles{}.Read(path, limit)
		return text, err
	})
	if err != nil {
		return nil, digest.Digest{}, err
	}
	d, err := f.Digest(path)
	return text, d, err
}

func (f *fastFiles) Exists(dir, name string) bool {
	names, err := f.Names(dir)
	_, ok := slices.BinarySearch(names, name)
	return err == nil && ok
}

func (f *fastFiles) Names(dir string) ([]string, error) {
	return remember(f, f.names, dir, frontendtest.DiskFiles{}.Names)
}

// ToolDigest implements frontend.Files.
func (f *fastFiles) ToolDigest(path string) (digest.Digest, error) { return f.Digest(path) }

// ToolDigest implements frontend.Files.
func (f memoFiles) ToolDigest(path string) (digest.Digest, error) { return f.Digest(path) }

// asDecline returns the Decline that err is, or nil.
func asDecline(err error) *compile.Decline {
	var d *compile.Decline
	if errors.As(err, &d) {
		return d
	}
	return nil
}
