//go:build unix

package cc

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
)

// layout fills a directory for command lines to run in.
func layout(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "sub", "d.x"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := "#include \"h.h\"\nint f(int a) { return a + 1; }\n"
	for _, name := range []string{"x.c", "two.dots.c", "noext", "sub/deep.c", "x.cc"} {
		write(t, dir, name, text)
	}
	for _, name := range []string{"x.s", "x.S", "x.sx", "noasm"} {
		write(t, dir, name, "# don't\n.globl f\nf: .byte 1\n")
	}
	write(t, dir, "h.h", "int f(int);\n")
	write(t, dir, "sub/h.h", "int f(int);\n")
	write(t, dir, "ignore", "fun:none\n")
	write(t, dir, "args", "-c x.c -MD\n-o 'sub/y z.o' @more\n")
	write(t, dir, "more", "-DA=\\\"b\\\" -fstack-usage")
	return dir
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// outputLines are command lines that both compilers are run with.
var outputLines = []string{
	"-c x.c",
	"-c two.dots.c",
	"-c -x c noext",
	"-c sub/deep.c",
	"-c sub/../x.c",
	"-c x.c -oy.o",
	"-c x.c -o sub/y.o",
	"-c x.c -MD",
	"-c x.c -MMD",
	"-c x.c -MMD -MD",
	"-c two.dots.c -MD",
	"-c -x c noext -MD",
	"-c sub/deep.c -MD",
	"-c x.c -MD -o y.o",
	"-c x.c -MD -o y",
	"-c x.c -MD -o y.",
	"-c x.c -MD -o y..o",
	"-c x.c -MD -o .y",
	"-c x.c -MD -o .y.z",
	"-c x.c -MD -o a.b.o",
	"-c x.c -MD -o sub/a.b.o",
	"-c x.c -MD -o sub/d.x/y",
	"-c x.c -MD -o sub/d.x/.y",
	"-c x.c -MD -o y.obj",
	"-c x.c -MD -MF q.d -o y.o",
	"-c x.c -MD -MFq.d -o y.o",
	"-c x.c -MD -MF=q.d -o y.o",
	"-c x.c -MD -MF q.d -MF r.d -o y.o",
	"-c x.c -MD -MF sub/q -o y.o",
	"-c x.c -MD -MF /dev/null -o y.o",
	"-c x.c -MMD -MP -MT foo -MQ bar -o y.o",
	"-c x.c -MD -MTfoo -MQbar -o y.o",
	"-c x.c -Wp,-MD,q.d -o y.o",
	"-c x.c -Wp,-MMD,sub/q.d -o y.o",
	"-c x.c -Wp,-MMD,.y.o.d -o y.o",
	"-c x.c -Wp,-DA,-UB -o y.o",
	"-c x.c -g -gsplit-dwarf",
	"-c x.c -g -gsplit-dwarf -o y",
	"-c x.c -g -gsplit-dwarf -o y.",
	"-c x.c -g -gsplit-dwarf -o a.b.o",
	"-c x.c -g -gsplit-dwarf -o sub/d.x/y",
	"-c x.c -g0 -gsplit-dwarf -o y.o",
	"-c x.c -gsplit-dwarf -gno-split-dwarf -o y.o",
	"-c two.dots.c -g -gsplit-dwarf",
	"-c x.c --coverage",
	"-c x.c --coverage -o y",
	"-c x.c --coverage -o y.",
	"-c x.c --coverage -o .y.z",
	"-c x.c --coverage -o a.b.o",
	"-c x.c --coverage -o sub/d.x/y",
	"-c two.dots.c --coverage",
	"-c x.c -ftest-coverage -o y.o",
	"-c x.c -fprofile-arcs -o y.o",
	"-c x.c --coverage -fno-test-coverage -o y.o",
	"-c x.c -fprofile-generate -o y.o",
	"-c x.c -fstack-usage",
	"-c x.c -fstack-usage -o y",
	"-c x.c -fstack-usage -o a.b.o",
	"-c x.c -fstack-usage -o sub/d.x/y",
	"-c two.dots.c -fstack-usage",
	"-c -x c noext -MD -g -gsplit-dwarf --coverage -fstack-usage",
	"-c x.c -MD -o sub/y.o -MF sub/q.d --coverage -fstack-usage -g -gsplit-dwarf",
	"-c x.cc -MMD -O2 -g",
	"-c x.c -flto -MD",
	"-c x.c -O2 -fverbose-asm -pipe",
	"-c x.c -I sub -iquote . -isystem sub -idirafter sub -include h.h",
	"-c x.c -Wall -Wextra -Werror=format -std=gnu11 -march=x86-64 -fPIC -fno-plt -pthread -l m -Lsub -Wl,-O1",
	"@args",
	"-c x.S",
	"-c x.S -MD -o sub/y.o",
	"-c x.S -MMD -MP -MT foo -o y",
	"-c x.S -MD -MF q.d -o y.o",
	"-c x.S -Wp,-MMD,.y.o.d -o y.o",
	"-c x.S -g -gsplit-dwarf -o y.o",
	"-c x.S -MD --coverage -fstack-usage -O2 -std=gnu99 -flto",
	"-c x.S -Xassembler --noexecstack",
	"-c x.c -fopenmp-simd -O2 --static",
	"-c x.c --include=h.h --imacros h.h",
	"-c x.S -Wa,--noexecstack -Wa,-I,sub -Isub -pipe",
	"-c -x assembler-with-cpp noasm -MD",
	"-c -x assembler-with-cpp x.s -MD",
	"-c x.s",
	"-c x.s -MD -o sub/y.o",
	"-c x.s -Wp,-MMD,.y.o.d -o y.o",
	"-c -x assembler x.S -MD -MF q.d",
	"-c x.s -g -gsplit-dwarf",
}

// TestOutputs runs gcc and clang and compares the files they wrote with those that Parse announced.
func TestOutputs(t *testing.T) {
	for _, name := range []string{"gcc", "clang"} {
		for _, line := range outputLines {
			t.Run(name+" "+line, func(t *testing.T) {
				program := lookPath(t, name)
				dir := layout(t)
				args := strings.Fields(line)
				inv := &compile.Invocation{Program: program, Args: args, Dir: dir, Env: []string{"PWD=" + dir}}
				c, d := New().Parse(inv, frontendtest.DiskFiles{})
				if d != nil {
					t.Fatalf("Parse declined: %v", d)
				}
				want := tree(t, dir)
				cmd := exec.Command(program, args...)
				cmd.Dir, cmd.Env = dir, append(os.Environ(), "LC_ALL=C", "PWD="+dir)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%s %s: %v\n%s", name, line, err, out)
				}
				var wrote, missing []string
				for _, path := range tree(t, dir) {
					if !slices.Contains(want, path) {
						wrote = append(wrote, path)
					}
				}
				for _, o := range c.Outputs {
					i := slices.Index(wrote, o.Path)
					switch {
					case i >= 0:
						wrote = slices.Delete(wrote, i, i+1)
					case !o.Optional:
						missing = append(missing, o.Path)
					}
				}
				if len(wrote) > 0 || len(missing) > 0 {
					t.Errorf("not announced: %q; announced but not written: %q", wrote, missing)
				}
			})
		}
	}
}

func lookPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

func tree(t *testing.T, dir string) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// TestReplaced writes over existing outputs and compares what became of inode and mode with Output.Replaced.
func TestReplaced(t *testing.T) {
	for _, name := range []string{"gcc", "clang"} {
		for _, tt := range []struct{ source, old string }{{"x.c", ""}, {"x.c", "old"}, {"x.S", ""}, {"x.S", "old"}} {
			t.Run(fmt.Sprintf("%s %s over %q", name, tt.source, tt.old), func(t *testing.T) {
				program := lookPath(t, name)
				dir := layout(t)
				args := strings.Fields("-c -MD -g -gsplit-dwarf --coverage -fstack-usage " + tt.source)
				inv := &compile.Invocation{Program: program, Args: args, Dir: dir}
				held := map[string]*os.File{}
				for _, ext := range []string{".o", ".d", ".dwo", ".gcno", ".su"} {
					path := filepath.Join(dir, "x"+ext)
					write(t, dir, "x"+ext, tt.old)
					if err := os.Chmod(path, 0o600); err != nil {
						t.Fatal(err)
					}
					// An open file keeps its inode number from being given to the file that replaces it.
					f, err := os.Open(path)
					if err != nil {
						t.Fatal(err)
					}
					defer f.Close()
					held[path] = f
				}
				c, d := New().Parse(inv, frontendtest.DiskFiles{})
				if d != nil {
					t.Fatalf("Parse declined: %v", d)
				}
				cmd := exec.Command(program, args...)
				cmd.Dir = dir
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%s: %v\n%s", name, err, out)
				}
				for _, o := range c.Outputs {
					before, err := held[o.Path].Stat()
					if err != nil {
						t.Fatal(err)
					}
					after, err := os.Stat(o.Path)
					if err != nil {
						t.Fatal(err)
					}
					replaced := !os.SameFile(before, after)
					if o.Replaced != replaced {
						t.Errorf("Replaced of %s = %v, want %v", o.Role, o.Replaced, replaced)
					}
					if kept := after.Mode().Perm() == 0o600; kept == replaced {
						t.Errorf("mode of %s = %v though replaced is %v", o.Role, after.Mode(), replaced)
					}
				}
			})
		}
	}
}
