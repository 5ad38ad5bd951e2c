//go:build unix

package cc

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

func TestPlan(t *testing.T) {
	gcc, clang := &compile.Toolchain{Detail: &chain{}}, &compile.Toolchain{Detail: &chain{clang: true}}
	for _, tt := range []struct {
		args    string
		tc      *compile.Toolchain
		deps    depsMode
		scratch string
		want    string
	}{
		{"-c a.c", gcc, depsNone, "/s/1", "-c a.c -MD -MF /s/1.d -Wa,--MD,/s/1.as"},
		{"-c a.c", clang, depsNone, "/s/1", "-c a.c -MD -MF /s/1.d"},
		{"-c -- a.c", gcc, depsNone, "/s/1", "-c -MD -MF /s/1.d -Wa,--MD,/s/1.as -- a.c"},
		{"-c -MD a.c", gcc, depsAll, "/s/1", "-c -MD a.c -Wa,--MD,/s/1.as"},
		{"-c -MMD a.c", clang, depsUser, "/s/1", "-c -MMD a.c"},
		{"-c -MP a.c", clang, depsNone, "/s/1", "-c -MP a.c"},
		{"-c -flto a.c", gcc, depsNone, "/s/1", "-c -flto a.c -MD -MF /s/1.d"},
		{"-c a.c", gcc, depsNone, "/s,1", "-c a.c -MD -MF /s,1.d"},
	} {
		args := strings.Fields(tt.args)
		c := &compile.Compilation{Invocation: &compile.Invocation{Args: args}, Args: args, Detail: &detail{userDeps: tt.deps}}
		plan := New().Plan(c, tt.tc, tt.scratch)
		got := strings.Join(plan.Args, " ")
		if named := strings.Count(got, tt.scratch+"."); len(plan.Hidden) != named {
			t.Errorf("Plan(%s) names %d files of its own, and Hidden has %q", tt.args, named, plan.Hidden)
		}
		if got != tt.want {
			t.Errorf("Plan(%s, clang %t, %s) = %s, want %s", tt.args, tt.tc == clang, tt.scratch, got, tt.want)
		}
	}
}

func TestDepsArgs(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"-c -MMD -MF x.d -MT y -MQz -MP -Wp,-MMD,q.d -o a.o -O2 a.c", "-O2 a.c -M -MT x"},
		{"-c -oa.o -O2 -Wp,-DX -- a.c", "-O2 -Wp,-DX -M -MT x -- a.c"},
	} {
		c := &compile.Compilation{Args: strings.Fields(tt.args), Detail: &detail{sourceArg: "a.c"}}
		if got := strings.Join(depsArgs(c), " "); got != tt.want {
			t.Errorf("depsArgs(%s) = %s, want %s", tt.args, got, tt.want)
		}
	}
}

// planOptions are the options under which the hidden ones must change nothing. Coverage and gcc's link-time optimisation write
// random names without a seed.
var planOptions = []string{
	"", "-O2", "-Os", "-g", "-g -O2", "-g3", "-gdwarf-4 -O1", "-gsplit-dwarf -g", "-gz -g", "-pipe", "-flto -frandom-seed=1",
	"-flto -ffat-lto-objects -frandom-seed=1", "-flto -g -frandom-seed=1", "-pg", "-fPIC", "-ffunction-sections -fdata-sections", "-fstack-usage", "--coverage -frandom-seed=1", "-fprofile-arcs -ftest-coverage -frandom-seed=1",
	"-Wall -Wextra", "-Wall -fdiagnostics-color=always", "-w", "-std=c99", "-std=gnu11 -pedantic", "-m32 -ffreestanding", "-march=native",
	"-fsanitize=address", "-fsanitize=undefined", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2 -O2", "-Wa,--noexecstack",
	"-fno-asynchronous-unwind-tables", "-fdebug-prefix-map=/tmp=/x -g", "-ffile-prefix-map=/tmp=/x -g", "-fvisibility=hidden", "-include string.h",
	"-MD", "-MMD", "-MD -MF other.d", "-MMD -MP -MT x", "-MD -MF /dev/null", "-x c", "-Werror=implicit", "-gno-record-gcc-switches -g", "-grecord-gcc-switches -g",
	"-fopenmp", "-masm=intel", "-fverbose-asm", "-fno-ident",
}

const planSource = `#include <stdio.h>
#include <stdlib.h>
#warning something to say
static int unused;
int f(int x) { int *p = malloc(sizeof *p * x); __asm__("nop"); printf("%s %p\n", __func__, (void *)p); if (p) *p = x; return x; }
`

// The hidden options change no byte of any output nor of what the compiler says.
func TestPlanChangesNothing(t *testing.T) { testPlanChangesNothing(t, "m.c", planSource, planOptions) }

// assemblyOptions are those that matter for assembly, beside some that a build gives to all its sources.
var assemblyOptions = []string{
	"", "-O2 -fPIC", "-g", "-gdwarf-4", "-gsplit-dwarf -g", "-gz -g", "-pipe", "-flto", "-std=gnu99 -Wall -Wextra", "-Wa,--noexecstack",
	"-Wa,--fatal-warnings -Wp,-DX", "-fdebug-prefix-map=/tmp=/x -g", "-ffile-prefix-map=/tmp=/x -g", "-include stdc-predef.h -DX=1", "-MD", "-MMD -MP -MT x",
	"-MD -MF /dev/null", "-x assembler-with-cpp", "-fdiagnostics-color=always", "--coverage -fstack-usage",
}

func TestPlanChangesNothingOfAssembly(t *testing.T) {
	testPlanChangesNothing(t, "m.S", "# don't\n#ifndef X\n#warning something\n#endif\n.globl f\nf: nop\n.ascii __FILE__\n", assemblyOptions)
	testPlanChangesNothing(t, "m.s", "# don't\n.file \"x.c\"\n.globl f\nf: nop\n", []string{"", "-O2 -g", "-pipe"})
}

func testPlanChangesNothing(t *testing.T, source, text string, lines []string) {
	t.Helper()
	for _, program := range compilers(t, "gcc", "clang") {
		kind := filepath.Base(program)
		shared := New()
		for _, options := range lines {
			t.Run(kind+"/"+options, func(t *testing.T) {
				p := newProject(t, program, map[string]string{source: text})
				p.frontend = shared
				inv := &compile.Invocation{Program: program, Args: append(strings.Fields(options), "-c", source), Dir: p.dir, Env: p.env}
				c, declined := p.frontend.Parse(inv, p.files)
				if declined != nil {
					t.Skipf("not cached: %v", declined)
				}
				tc, err := p.frontend.Toolchain(t.Context(), c, p.files, p.ask)
				if err != nil {
					t.Fatalf("Toolchain: %v", err)
				}
				dir, err := os.MkdirTemp("", "plan") // a test's own directory may have a comma in its name
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { os.RemoveAll(dir) })
				scratch := filepath.Join(dir, "scratch")
				plan := p.frontend.Plan(c, tc, scratch)
				plain := p.run(source, inv.Args)
				if plain == nil {
					t.Skipf("%s does not compile with %q here", kind, options)
				}
				planned := p.run(source, plan.Args)
				if diff := cmp.Diff(planned, plain); diff != "" {
					t.Errorf("%s %q differs from %q (-got +want):\n%.2000s", kind, plan.Args, inv.Args, diff)
				}
				if slices.Contains(plan.Args, "-MD") && hidesDeps(c) {
					if _, err := os.Stat(scratch + scratchDeps); err != nil {
						t.Errorf("%s %q: %v", kind, plan.Args, err)
					}
				}
				if kind == "gcc" && (source != "m.c" || !strings.Contains(options, "-flto")) {
					if _, err := os.Stat(scratch + scratchAssembler); err != nil {
						t.Errorf("%s %q: %v", kind, plan.Args, err)
					}
				}
			})
		}
	}
}

// run compiles and returns all files that came to be, stdout and stderr by name; nil where the compiler failed.
func (p *project) run(source string, args []string) map[string]string {
	p.t.Helper()
	said, err := p.ask.Probe(p.t.Context(), append([]string{p.program}, args...), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	if said.Status != 0 {
		return nil
	}
	got := map[string]string{"stdout": string(said.Stdout), "stderr": string(said.Stderr)}
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.Name() == source {
			continue
		}
		path := filepath.Join(p.dir, entry.Name())
		text, err := os.ReadFile(path)
		if err != nil {
			p.t.Fatal(err)
		}
		got["file "+entry.Name()] = string(text)
		if err := os.Remove(path); err != nil {
			p.t.Fatal(err)
		}
	}
	return got
}
