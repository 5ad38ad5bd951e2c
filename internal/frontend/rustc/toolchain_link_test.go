//go:build linux

package rustc

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
)

// fakeDriver answers as a compiler of Rust and a gcc that links for it.
type fakeDriver struct {
	dir    string
	behind string // the gcc that says it was called; "": the driver
	relIn  string // a relative directory among those searched

	mu    sync.Mutex
	asked map[string]int // guarded by mu
	held  chan struct{}  // a question to the driver waits for it, unless nil
}

// Probe implements frontend.Prober.
func (f *fakeDriver) Probe(_ context.Context, argv []string, _ []string) (frontend.ProbeResult, error) {
	kind := "driver"
	last := argv[len(argv)-1]
	var stdout, stderr string
	switch {
	case argv[1] == "--list":
		kind = "loader"
		stdout = "libx.so.1 => " + f.dir + "/lib/libx.so.1 (0x1234)\n"
	case last == "sysroot":
		kind, stdout = "rustc", f.dir+"\n"
	case last == "-vV":
		kind, stdout = "rustc", "rustc 1.0\nhost: x86_64-unknown-linux-gnu\n"
	case filepath.Base(argv[0]) == "ld":
		kind, stdout = "linker", "SEARCH_DIR(\"/lib\");\n"
	case last == "-print-search-dirs":
		stdout = "install: " + f.dir + "/cc\nprograms: =" + f.dir + "/cc\nlibraries: =" + f.dir + "/lib" + f.relIn + "\n"
	default:
		driver := f.behind
		if driver == "" {
			driver = argv[0]
		}
		stderr = "COLLECT_GCC=" + driver + "\n " + f.dir + "/cc/collect2 --dependency-file=/dev/null --version\n" +
			f.dir + "/cc/ld --dependency-file=/dev/null --version\n"
		stdout = "ld\n"
	}
	f.mu.Lock()
	f.asked[kind]++
	f.mu.Unlock()
	if kind == "driver" && f.held != nil {
		<-f.held
	}
	return frontend.ProbeResult{Stdout: []byte(stdout), Stderr: []byte(stderr)}, nil
}

func newFakeDriver(t *testing.T) *fakeDriver {
	t.Helper()
	program, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	elf := string(program)
	dir := workDir(t, map[string]string{
		"one/a.rs": "", "two/a.rs": "", "one/target/debug/deps/x": "", "two/target/debug/deps/x": "", "bin/rustc": elf, "lib/libx.so.1": "x", "lib/rustlib/x86_64-unknown-linux-gnu/lib/libstd.rlib": "s",
		"cc/cc": elf + "COLLECT_GCC_OPTIONS", "cc/other": elf + "other", "cc/collect2": elf + "collect2", "cc/ld": elf + "ld",
	})
	for _, name := range []string{"cc", "other", "collect2", "ld"} {
		if err := os.Chmod(filepath.Join(dir, "cc", name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return &fakeDriver{dir: dir, asked: map[string]int{}}
}

// link finds the toolchain of a link in a directory below f's, and returns what was asked for that, and what it is.
func (f *fakeDriver) link(t *testing.T, fe *Frontend, dir, args string, env ...string) (asked map[string]int, id string) {
	t.Helper()
	before := maps.Clone(f.asked)
	args = strings.Replace(cargoLine, "--crate-type lib", "--crate-type bin", 1) + " " + args
	inv := &compile.Invocation{
		Program: filepath.Join(f.dir, "bin", "rustc"), Dir: filepath.Join(f.dir, dir), Args: strings.Fields(args),
		Env: env,
	}
	if len(env) == 0 || !strings.HasPrefix(env[0], "PATH=") {
		inv.Env = append([]string{"PATH=" + f.dir + "/cc"}, env...)
	}
	c, d := fe.Parse(inv, frontendtest.DiskFiles{})
	if d != nil {
		t.Fatal(d)
	}
	tc, err := fe.Toolchain(t.Context(), c, frontendtest.DiskFiles{}, f)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range tc.Files {
		id += file.Role + " " + file.Path + " " + file.Digest.String() + "\n"
	}
	asked = maps.Clone(f.asked)
	for kind, n := range before {
		if asked[kind] -= n; asked[kind] == 0 {
			delete(asked, kind)
		}
	}
	return asked, id
}

func TestLinkerIsAskedOnce(t *testing.T) {
	f, fe := newFakeDriver(t), New()
	first, id := f.link(t, fe, "one", "")
	if first["driver"] != 2 || !strings.Contains(id, "collect2 ") {
		t.Fatalf("the first link asks %v and has the toolchain\n%s\nwant two questions to the driver, and collect2", first, id)
	}
	for _, again := range []struct {
		what, dir string
		env       []string
	}{
		{"the same link", "one", nil},
		{"a link in another directory", "two", nil},
		{"another LD_LIBRARY_PATH, without libraries", "two", []string{"LD_LIBRARY_PATH=" + f.dir + "/one"}},
		{"another LD_LIBRARY_PATH, by which the same libraries are found", "one", []string{"LD_LIBRARY_PATH=" + f.dir + "/two:" + f.dir + "/lib"}},
	} {
		asked, got := f.link(t, fe, again.dir, "", again.env...)
		if len(asked) > 0 || got != id {
			t.Errorf("%s asks %v and has the toolchain\n%s\nwant nothing asked, and\n%s", again.what, asked, got, id)
		}
	}

	// What may lead to other programs is asked for.
	for _, other := range []struct {
		what, args string
		env        []string
		change     func()
		want       string // who is asked
	}{
		{"a relative directory of programs", "-C link-arg=-Bcc", nil, nil, "driver"},
		{"a relative directory in PATH", "", []string{"PATH=cc:" + f.dir + "/cc"}, nil, "driver"},
		{"another COMPILER_PATH", "", []string{"COMPILER_PATH=/c"}, nil, "driver"},
		{"LD_PRELOAD", "", []string{"LD_PRELOAD=/x.so"}, nil, "driver"},
		{"a library in LD_LIBRARY_PATH", "", []string{"LD_LIBRARY_PATH=" + f.dir + "/one"}, func() { writeFile(t, f.dir+"/one/libx.so.1", "x") }, "loader"},
		{"a directory for other processors in LD_LIBRARY_PATH", "", []string{"LD_LIBRARY_PATH=" + f.dir + "/two"}, func() { writeFile(t, f.dir+"/two/glibc-hwcaps/x", "") }, "loader"},
	} {
		if other.change != nil {
			other.change()
		}
		if asked, _ := f.link(t, fe, "one", other.args, other.env...); asked[other.want] == 0 {
			t.Errorf("%s: asked %v, want the %s too", other.what, asked, other.want)
		}
	}
}

// TestLinkerIsAskedAgain: what the answers rest on has changed.
func TestLinkerIsAskedAgain(t *testing.T) {
	for what, path := range map[string]string{"its linker": "cc/ld", "a library that it loads": "lib/libx.so.1", "the driver": "cc/cc"} {
		f, fe := newFakeDriver(t), New()
		_, first := f.link(t, fe, "one", "")
		path = filepath.Join(f.dir, path)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, path, string(b)+"changed")
		for _, dir := range []string{"one", "two"} {
			_, got := f.link(t, fe, dir, "")
			if got == first {
				t.Errorf("after a change of %s the toolchain in %s is the same", what, dir)
			}
			if _, want := f.link(t, New(), dir, ""); got != want {
				t.Errorf("after a change of %s the toolchain in %s is\n%s\nwant that of who knows nothing:\n%s", what, dir, got, want)
			}
		}
	}
}

// TestLinkerByDirectory: a driver that is none but starts one may choose it by the working directory.
func TestLinkerByDirectory(t *testing.T) {
	for what, change := range map[string]func(*fakeDriver){
		"another program answers":          func(f *fakeDriver) { f.behind = f.dir + "/cc/other" },
		"an answer names a relative place": func(f *fakeDriver) { f.relIn = ":lib" },
		"the driver is no gcc": func(f *fakeDriver) {
			b, err := os.ReadFile(f.dir + "/cc/other")
			if err != nil {
				t.Fatal(err)
			}
			writeFile(t, f.dir+"/cc/cc", string(b))
		},
	} {
		f, fe := newFakeDriver(t), New()
		change(f)
		f.link(t, fe, "one", "")
		if asked, _ := f.link(t, fe, "one", ""); len(asked) > 0 {
			t.Errorf("%s: the same link asks %v, want nothing", what, asked)
		}
		if asked, _ := f.link(t, fe, "two", ""); asked["driver"] == 0 {
			t.Errorf("%s: a link in another directory does not ask the driver", what)
		}
	}
}

// TestLinkersAtOnce: of links that begin together one asks.
func TestLinkersAtOnce(t *testing.T) {
	f, fe := newFakeDriver(t), New()
	f.held = make(chan struct{})
	ids := make([]string, 4)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			inv := &compile.Invocation{
				Program: filepath.Join(f.dir, "bin", "rustc"), Dir: f.dir + "/one",
				Args: strings.Fields(strings.Replace(cargoLine, "--crate-type lib", "--crate-type bin", 1)), Env: []string{"PATH=" + f.dir + "/cc"},
			}
			c, d := fe.Parse(inv, frontendtest.DiskFiles{})
			if d != nil {
				t.Error(d)
				return
			}
			tc, err := fe.Toolchain(t.Context(), c, frontendtest.DiskFiles{}, f)
			if err != nil {
				t.Error(err)
				return
			}
			for _, file := range tc.Files {
				ids[i] += file.Role + " " + file.Digest.String() + "\n"
			}
		})
	}
	close(f.held)
	all.Wait()
	if f.asked["driver"] != 2 || f.asked["rustc"] != 2 {
		t.Errorf("links that begin together ask %v, want two questions to the driver and two to the compiler", f.asked)
	}
	for i, id := range ids {
		if id != ids[0] {
			t.Errorf("toolchain of link %d is\n%s\nwant that of the first:\n%s", i, id, ids[0])
		}
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}
