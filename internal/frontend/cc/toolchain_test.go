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

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

func (p *project) toolchain(args ...string) (*compile.Toolchain, error) {
	p.t.Helper()
	return p.frontend.Toolchain(p.t.Context(), p.parse(args...), p.files, p.ask)
}

func roles(tc *compile.Toolchain) []string {
	var list []string
	for _, file := range tc.Files {
		list = append(list, file.Role)
	}
	return list
}

func TestToolchainParts(t *testing.T) {
	want := map[string][]string{
		"gcc":   {"driver", "cc1", "as", "library libc.so.6"},
		"g++":   {"driver", "cc1plus", "as"},
		"clang": {"driver", "library libc.so.6"},
	}
	for _, program := range compilers(t, "gcc", "g++", "clang") {
		base := filepath.Base(program)
		p := newProject(t, program, map[string]string{"m.c": "int x;\n"})
		tc, err := p.toolchain("-c", "m.c")
		if err != nil {
			t.Errorf("Toolchain of %s: %v", program, err)
			continue
		}
		t.Logf("%s: files %v\nfacts %q\n%d probes", base, tc.Files, tc.Facts, len(p.ask.asked))
		for _, role := range want[base] {
			if !slices.Contains(roles(tc), role) {
				t.Errorf("Toolchain of %s lacks %q: %v", program, role, roles(tc))
			}
		}
		if base == "clang" && !slices.ContainsFunc(roles(tc), func(role string) bool {
			return strings.HasPrefix(role, "library libLLVM") || strings.HasPrefix(role, "library libclang")
		}) {
			t.Logf("%s is linked statically: %v", program, roles(tc))
		}
		if len(tc.Detail.(*chain).searchDirs) == 0 {
			t.Errorf("Toolchain of %s has no search directories", program)
		}
	}
}

// The answer is remembered, and asked for again when something that it rests on changed.
func TestToolchainMemory(t *testing.T) {
	program := compilers(t, "gcc")[0]
	p := newProject(t, program, map[string]string{"m.c": "int x;\n"})
	tools := filepath.Join(p.dir, "tools")
	if err := os.Mkdir(tools, 0o777); err != nil {
		t.Fatal(err)
	}
	p.setenv("PATH=" + tools + ":" + os.Getenv("PATH"))
	as, err := exec.LookPath("as")
	if err != nil {
		t.Skipf("no assembler: %v", err)
	}
	probes := func(what string, want bool) *compile.Toolchain {
		t.Helper()
		before := len(p.ask.asked)
		tc, err := p.toolchain("-c", "m.c")
		if err != nil {
			t.Fatalf("%s: Toolchain: %v", what, err)
		}
		if got := len(p.ask.asked) > before; got != want {
			t.Errorf("%s: Toolchain asked the compiler: %t, want %t", what, got, want)
		}
		return tc
	}
	probes("first", true)
	probes("second", false)
	text, err := os.ReadFile(as)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tools, "as"), text, 0o777); err != nil {
		t.Fatal(err)
	}
	tc := probes("another as appeared in PATH", true)
	if !slices.ContainsFunc(tc.Files, func(f compile.ToolFile) bool { return f.Path == filepath.Join(tools, "as") }) {
		t.Errorf("Toolchain has %v, want the as of PATH", tc.Files)
	}
	probes("same again", false)
	if err := os.WriteFile(filepath.Join(tools, "as"), append(bytes.Clone(text), 0), 0o777); err != nil {
		t.Fatal(err)
	}
	probes("as changed", true)
	p.setenv("COMPILER_PATH=" + p.dir)
	probes("another variable", true)
	if err := os.WriteFile(filepath.Join(p.dir, "as"), text, 0o777); err != nil {
		t.Fatal(err)
	}
	tc = probes("an as appeared in COMPILER_PATH", true)
	if !slices.ContainsFunc(tc.Files, func(f compile.ToolFile) bool { return f.Path == filepath.Join(p.dir, "as") }) {
		t.Errorf("Toolchain has %v, want the as of COMPILER_PATH", tc.Files)
	}
}

// gcc resolves a link that is its sysroot; where it leads is asked for again.
func TestToolchainSysroot(t *testing.T) {
	for _, args := range [][]string{{"--sysroot=now", "-c", "m.c"}, {"--sysroot", "now", "-c", "m.c"}} {
		program := compilers(t, "gcc")[0]
		p := newProject(t, program, map[string]string{"m.c": "int x;\n", "one/usr/include/k": "", "two/usr/include/k": ""})
		link := filepath.Join(p.dir, "now")
		for _, to := range []string{"one", "two"} {
			if err := os.RemoveAll(link); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(to, link); err != nil {
				t.Fatal(err)
			}
			tc, err := p.toolchain(args...)
			if err != nil {
				t.Fatal(err)
			}
			real, err := filepath.EvalSymlinks(link)
			if err != nil {
				t.Fatal(err)
			}
			if got := tc.Detail.(*chain).searchDirs; !slices.Contains(got, real+"/usr/include") {
				t.Errorf("%v with now -> %s: search directories %v, want %s/usr/include among them", args, to, got, real)
			}
		}
	}
}

// What is no compiler that we understand is refused.
func TestToolchainRefuses(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"script":   func(path string) error { return os.WriteFile(path, []byte("#!/bin/sh\nexec gcc \"$@\"\n"), 0o777) },
		"stranger": func(path string) error { return copyFile(path, "/bin/true") },
	} {
		p := newProject(t, "", map[string]string{"m.c": "int x;\n"})
		p.program = filepath.Join(p.dir, "gcc")
		if err := make(p.program); err != nil {
			t.Skipf("%s: %v", name, err)
		}
		for range 2 {
			_, err := p.toolchain("-c", "m.c")
			var declined *compile.Decline
			if !errors.As(err, &declined) || declined.Reason != compile.ReasonCompiler {
				t.Errorf("Toolchain of a %s: error %v, want %s", name, err, compile.ReasonCompiler)
			}
		}
	}
	if ccache, err := exec.LookPath("ccache"); err != nil {
		t.Logf("no ccache here, not tested as a compiler: %v", err)
	} else {
		p := newProject(t, "", map[string]string{"m.c": "int x;\n"})
		p.program = filepath.Join(p.dir, "gcc")
		if err := os.Symlink(ccache, p.program); err != nil {
			t.Fatal(err)
		}
		if _, err := p.toolchain("-c", "m.c"); asDecline(err) == nil {
			t.Errorf("Toolchain of ccache named gcc: error %v, want a refusal", err)
		}
	}
}

func copyFile(to, from string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o777)
}

// A binary that runs a compiler in its stead brings that compiler along; so does a configuration file of clang.
func TestToolchainBehindAnother(t *testing.T) {
	gcc := compilers(t, "gcc")[0]
	p := newProject(t, gcc, map[string]string{
		"m.c": "int x;\n",
		"w.c": "#include <unistd.h>\nint main(int n, char **v) { v[0] = \"" + gcc + "\"; execv(v[0], v); return 1; }\n",
	})
	p.program = filepath.Join(p.dir, "bin", "gcc")
	if err := os.Mkdir(filepath.Join(p.dir, "bin"), 0o777); err != nil {
		t.Fatal(err)
	}
	if said, err := p.ask.Probe(t.Context(), []string{gcc, "w.c", "-o", p.program}, nil); err != nil || said.Status != 0 {
		t.Skipf("gcc cannot link here: %v %s", err, said.Stderr)
	}
	tc, err := p.toolchain("-c", "m.c")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(tc.Files, func(f compile.ToolFile) bool { return f.Role == "driver behind gcc" && f.Path == gcc }) {
		t.Errorf("Toolchain of a wrapper of %s lacks it: %v", gcc, tc.Files)
	}
}

func TestToolchainConfiguration(t *testing.T) {
	clang := compilers(t, "clang")[0]
	p := newProject(t, clang, map[string]string{"m.c": "int x;\n"})
	p.program = filepath.Join(p.dir, "i386-clang")
	if err := copyFile(p.program, clang); err != nil {
		t.Fatal(err)
	}
	if _, err := p.toolchain("-c", "m.c"); err != nil {
		t.Fatal(err)
	}
	p.write("i386.cfg", "# plain\n-mno-sse -Wall\n")
	before := len(p.ask.asked)
	tc, err := p.toolchain("-c", "m.c")
	if err != nil {
		t.Fatal(err)
	}
	if len(p.ask.asked) == before {
		t.Errorf("Toolchain did not ask again when a configuration file appeared")
	}
	if !slices.ContainsFunc(tc.Files, func(f compile.ToolFile) bool { return f.Role == "configuration i386.cfg" }) {
		t.Errorf("Toolchain lacks the configuration file: %v", tc.Files)
	}
	p.write("i386.cfg", "-include secret.h\n")
	p.write("secret.h", "")
	if _, err := p.toolchain("-c", "m.c"); asDecline(err) == nil {
		t.Errorf("Toolchain with -include in a configuration file: error %v, want a refusal", err)
	}
	p.write("i386.cfg", "-Wall\n")
	if _, err := p.toolchain("-c", "m.c"); err != nil {
		t.Errorf("Toolchain after that was taken out: error %v", err)
	}
}

// Cargo calls gcc with several values of LD_LIBRARY_PATH, which hold none of its libraries: the loader is not asked for each.
func TestToolchainLoader(t *testing.T) {
	program := compilers(t, "gcc")[0]
	p := newProject(t, program, map[string]string{"m.c": "int x;\n", "lib/other": ""})
	loader := func(what string, want bool) *compile.Toolchain {
		t.Helper()
		before := len(p.ask.asked)
		tc, err := p.toolchain("-c", "m.c")
		if err != nil {
			t.Fatalf("%s: Toolchain: %v", what, err)
		}
		got := slices.ContainsFunc(p.ask.asked[before:], func(argv []string) bool { return len(argv) > 1 && argv[1] == "--list" })
		if got != want {
			t.Errorf("%s: Toolchain asked the loader: %t, want %t", what, got, want)
		}
		return tc
	}
	first := loader("first", true)
	i := slices.IndexFunc(first.Files, func(f compile.ToolFile) bool { return f.Role == "library libc.so.6" })
	if i < 0 {
		t.Skipf("%s loads no libc.so.6: %v", program, roles(first))
	}
	p.setenv("LD_LIBRARY_PATH=" + p.dir + "/lib")
	if tc := loader("a directory without libraries", false); !slices.Equal(tc.Files, first.Files) {
		t.Errorf("Toolchain has %v, want the same as without LD_LIBRARY_PATH: %v", tc.Files, first.Files)
	}
	if err := copyFile(filepath.Join(p.dir, "lib", "libc.so.6"), first.Files[i].Path); err != nil {
		t.Fatal(err)
	}
	tc := loader("a libc in that directory", true)
	if !slices.ContainsFunc(tc.Files, func(f compile.ToolFile) bool { return f.Path == filepath.Join(p.dir, "lib", "libc.so.6") }) {
		t.Errorf("Toolchain has %v, want the libc of LD_LIBRARY_PATH", tc.Files)
	}
}

// -march=native is recorded as what the driver made of it.
func TestToolchainNative(t *testing.T) {
	for _, program := range compilers(t, "gcc", "clang") {
		p := newProject(t, program, map[string]string{"m.c": "int x;\n"})
		facts := make(map[string]bool)
		for _, arg := range []string{"-O1", "-march=native"} {
			tc, err := p.toolchain("-c", arg, "m.c")
			if err != nil {
				t.Fatalf("Toolchain of %s %s: %v", program, arg, err)
			}
			for _, fact := range tc.Facts {
				if strings.HasPrefix(fact, "target options: ") {
					facts[fact] = true
				}
				if strings.Contains(fact, "native") {
					t.Errorf("Toolchain of %s %s has the fact %q, want the expansion", program, arg, fact)
				}
			}
		}
		if len(facts) != 2 {
			t.Errorf("Toolchain of %s: target options %v, want two different ones", program, facts)
		}
	}
}

// heldProber lets its first question wait until it is released.
type heldProber struct {
	frontend.Prober
	mu       sync.Mutex // guards count
	count    int
	asked    chan struct{}
	released chan struct{}
}

func (p *heldProber) Probe(ctx context.Context, argv, env []string) (frontend.ProbeResult, error) {
	p.mu.Lock()
	p.count++
	first := p.count == 1
	p.mu.Unlock()
	if first {
		close(p.asked)
		select {
		case <-p.released:
		case <-ctx.Done():
			return frontend.ProbeResult{}, ctx.Err()
		}
	}
	return p.Prober.Probe(ctx, argv, env)
}

// Many first calls ask once; one that gives up does not take the others with it.
func TestToolchainFlight(t *testing.T) {
	program := compilers(t, "gcc", "clang")[0]
	p := newProject(t, program, map[string]string{"m.c": "int x;\n"})
	if _, err := p.toolchain("-c", "m.c"); err != nil {
		t.Fatal(err)
	}
	single := len(p.ask.asked)
	p.frontend = New()
	c := p.parse("-c", "m.c")
	held := &heldProber{Prober: p.ask, asked: make(chan struct{}), released: make(chan struct{})}

	first, giveUp := context.WithCancel(t.Context())
	firstErr := make(chan error)
	go func() {
		_, err := p.frontend.Toolchain(first, c, p.files, held)
		firstErr <- err
	}()
	<-held.asked
	waiting := make(chan error)
	for range 4 {
		go func() {
			_, err := p.frontend.Toolchain(t.Context(), c, p.files, held)
			waiting <- err
		}()
	}
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.frontend.Toolchain(impatient, c, p.files, held); !errors.Is(err, context.Canceled) {
		t.Errorf("Toolchain with a cancelled context: error %v, want %v", err, context.Canceled)
	}
	giveUp()
	if err := <-firstErr; !errors.Is(err, context.Canceled) {
		t.Errorf("Toolchain of the first caller: error %v, want %v", err, context.Canceled)
	}
	for range 4 {
		if err := <-waiting; err != nil {
			t.Errorf("Toolchain of a caller that waited: %v", err)
		}
	}
	if held.count != single+1 {
		t.Errorf("all calls asked %d questions, want %d and the one that was given up", held.count, single)
	}
}

func TestReadVerbose(t *testing.T) {
	v := readVerbose([]byte(strings.Join([]string{
		"Reading specs from /x/specs", "COLLECT_GCC=/usr/bin/gcc", "gcc version 13.2.1 20240101 (X 13.2.1)",
		" /opt/my gcc/cc1plus -E -quiet -v /dev/null -mtune=generic --param l1-cache-size=32 --param=a=b",
		`ignoring nonexistent directory "/no/where"`, `#include "..." search starts here:`, "#include <...> search starts here:",
		" /a b", " /c", "End of search list.", "",
	}, "\n")))
	got := fmt.Sprintf("%s %d %s %s %q %q %q %q", v.kind, v.major, v.collectGCC, v.cc1, v.specs, v.targetOptions, v.searchDirs, v.missingDirs)
	want := `gcc 13 /usr/bin/gcc /opt/my gcc/cc1plus ["/x/specs"] ["-mtune=generic" "--param" "l1-cache-size=32" "--param=a=b"] ["/a b" "/c"] ["/no/where"]`
	if got != want {
		t.Errorf("readVerbose of gcc = %s, want %s", got, want)
	}
	v = readVerbose([]byte(strings.Join([]string{
		"Ubuntu clang version 18.1.3 (1ubuntu1)", "InstalledDir: /usr/bin", "Configuration file: /etc/clang/x.cfg",
		"System configuration file directory: /etc/clang", "Found candidate GCC installation: /usr/lib/gcc/x/13", " (in-process)",
		` "/opt/a b/clang" "-cc1" "-triple" "x86_64-pc-linux-gnu" "-target-cpu" "znver3" "-target-feature" "+avx2" "-resource-dir" "/r"`,
		"clang -cc1 version 18.1.3 based upon LLVM 18.1.3", "#include <...> search starts here:", " /d", "End of search list.", "",
	}, "\n")))
	got = fmt.Sprintf("%s %d %s %s %s %q %q %q %q %q", v.kind, v.major, v.cc1, v.triple, v.resourceDir, v.targetOptions, v.configs, v.configDirs, v.installations, v.searchDirs)
	want = `clang 18 /opt/a b/clang x86_64-pc-linux-gnu /r ["-triple" "x86_64-pc-linux-gnu" "-target-cpu" "znver3" "-target-feature" "+avx2"] ` +
		`["/etc/clang/x.cfg"] ["/etc/clang"] ["/usr/lib/gcc/x/13"] ["/d"]`
	if got != want {
		t.Errorf("readVerbose of clang = %s, want %s", got, want)
	}
}

func BenchmarkToolchain(b *testing.B) {
	for _, name := range []string{"gcc", "clang"} {
		b.Run(name, func(b *testing.B) {
			program := compilers(b, name)[0]
			dir := b.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "m.c"), nil, 0o666); err != nil {
				b.Fatal(err)
			}
			env := os.Environ()
			f := New()
			c, declined := f.Parse(&compile.Invocation{Program: program, Args: []string{"-c", "m.c"}, Dir: dir, Env: env}, sharedFiles)
			if declined != nil {
				b.Fatal(declined)
			}
			ask := &runProber{dir: dir, env: env}
			files := newFastFiles()
			tc, err := f.Toolchain(b.Context(), c, files, ask)
			if err != nil {
				b.Fatal(err)
			}
			b.Logf("%d files", len(tc.Files))
			for b.Loop() {
				if _, err := f.Toolchain(b.Context(), c, files, ask); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
