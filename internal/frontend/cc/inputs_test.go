//go:build unix

package cc

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// inputsCase is a small project, one compile of it, and what must be found.
type inputsCase struct {
	name    string
	tree    map[string]string
	args    []string
	only    string   // "gcc" or "clang"; "" for both
	paths   []string // that are inputs
	noPaths []string // that are none
	absent  []string // whose appearance would change the result
	refused compile.ReasonID
	bind    string
	env     string
}

var inputsCases = []inputsCase{
	{
		name: "earlier directories", args: []string{"-c", "-Ione", "-Itwo", "-isystem", "three", "src/a.c", "-o", "a.o"},
		tree:   map[string]string{"src/a.c": "#include <x.h>\n#include \"y.h\"\n", "two/x.h": "", "three/y.h": "", "one/keep": ""},
		paths:  []string{"src/a.c", "two/x.h", "three/y.h"},
		absent: []string{"one/x.h", "src/y.h", "one/y.h", "two/y.h"},
	},
	{
		name: "order of kinds", args: []string{"-c", "-idirafter", "d", "-isystem", "c", "-Ib", "-iquote", "a", "m.c"},
		tree:   map[string]string{"m.c": "#include \"x.h\"\n", "a/k": "", "b/k": "", "c/k": "", "d/x.h": ""},
		absent: []string{"x.h", "a/x.h", "b/x.h", "c/x.h"}, paths: []string{"d/x.h"},
	},
	{
		name: "missing search directory", args: []string{"-c", "-Igone/sub", "-Ib", "m.c"},
		tree: map[string]string{"m.c": "#include \"x.h\"\n", "b/x.h": ""}, absent: []string{"gone", "x.h"},
	},
	{
		name: "first missing component", args: []string{"-c", "-Ia", "-Ib", "m.c"},
		tree:   map[string]string{"m.c": "#include \"bits/x.h\"\n#include \"lib/y.h\"\n", "a/lib/k": "", "b/bits/x.h": "", "b/lib/y.h": ""},
		absent: []string{"bits", "a/bits", "a/lib/y.h"},
	},
	{
		name: "nested quoted include", args: []string{"-c", "-Ia", "m.c"},
		tree:  map[string]string{"m.c": "#include <p/x.h>\n", "a/p/x.h": "#include \"y.h\"\n", "a/y.h": ""},
		paths: []string{"a/p/x.h", "a/y.h"}, absent: []string{"a/p/y.h"},
	},
	{
		name: "has_include false", args: []string{"-c", "-Ia", "m.c"},
		tree: map[string]string{"m.c": "#if __has_include(<opt.h>)\nint x;\n#endif\n", "a/k": ""}, absent: []string{"a/opt.h"},
	},
	{
		name: "has_include true, not read", args: []string{"-c", "-Ia", "-Ib", "m.c"},
		tree:  map[string]string{"m.c": "#if __has_include(<opt.h>)\nint x;\n#endif\n", "a/k": "", "b/opt.h": ""},
		paths: []string{"b/opt.h"}, absent: []string{"a/opt.h"},
	},
	{
		name: "has_include computed", args: []string{"-c", "m.c"}, refused: compile.ReasonComputed,
		tree: map[string]string{"m.c": "#define O <opt.h>\n#if __has_include(O)\nint x;\n#endif\n"},
	},
	{
		name: "has_include by another name", args: []string{"-c", "-Ia", "-Ib", "m.c"},
		tree: map[string]string{
			"m.c": "#include <has.h>\n#if HAS(<opt.h>) || HAS(\"gone.h\")\nint x;\n#endif\n", "a/has.h": "#define HAS __has_include\n", "b/opt.h": "",
		},
		paths: []string{"a/has.h", "b/opt.h"}, absent: []string{"a/opt.h", "gone.h", "a/gone.h", "b/gone.h"},
	},
	{
		name: "has_include by another name, computed", args: []string{"-c", "-Ia", "m.c"}, refused: compile.ReasonComputed,
		tree: map[string]string{"m.c": "#include <has.h>\n#define O <opt.h>\n#if HAS(O)\nint x;\n#endif\n", "a/has.h": "#define HAS __has_include\n"},
	},
	{
		name: "has_include by another name in an argument", args: []string{"-c", "-Ia", "-DO=HAS(<opt.h>)", "m.c"}, refused: compile.ReasonComputed,
		tree: map[string]string{"m.c": "#include <has.h>\n#if O\nint x;\n#endif\n", "a/has.h": "#define HAS __has_include\n"},
	},
	{
		name: "has_include in an argument", args: []string{"-c", "-DHAS(x)=__has_include(x)", "m.c"}, refused: compile.ReasonComputed,
		tree: map[string]string{"m.c": "#if HAS(<opt.h>)\nint x;\n#endif\n"},
	},
	{
		name: "branch not taken", args: []string{"-c", "-Ia", "-Ib", "m.c"},
		tree:    map[string]string{"m.c": "#if 0\n#include <x.h>\n#endif\n", "a/x.h": "", "b/x.h": ""},
		noPaths: []string{"a/x.h", "b/x.h"},
	},
	{
		name: "include_next", args: []string{"-c", "-Ia", "-Ib", "-Ic", "m.c"},
		tree:  map[string]string{"m.c": "#include <x.h>\n", "a/x.h": "#include_next <x.h>\n", "b/k": "", "c/x.h": ""},
		paths: []string{"a/x.h", "c/x.h"}, absent: []string{"b/x.h"},
	},
	{
		name: "same directory twice", args: []string{"-c", "-Ib", "-Ia", "-isystem", "b", "m.c"},
		tree:   map[string]string{"m.c": "#include <x.h>\n", "a/k": "", "b/x.h": ""},
		absent: []string{"a/x.h"},
	},
	{
		name: "computed include", args: []string{"-c", "-Ia", "-Ib", "m.c"},
		tree:  map[string]string{"m.c": "#define H <p/x.h>\n#include H\n", "a/k": "", "b/p/x.h": ""},
		paths: []string{"b/p/x.h"}, absent: []string{"a/p"},
	},
	{
		name: "implicit stdc-predef", args: []string{"-c", "-Ia", "m.c"}, only: "gcc",
		tree: map[string]string{"m.c": "int x;\n", "a/k": ""}, absent: []string{"a/stdc-predef.h"},
	},
	{
		name: "pre-included", args: []string{"-c", "-Ia", "-include", "pre.h", "src/m.c"},
		tree:  map[string]string{"src/m.c": "int x;\n", "a/pre.h": ""},
		paths: []string{"a/pre.h"}, absent: []string{"pre.h", "pre.h.gch"},
	},
	{
		name: "pre-included, spelled long", args: []string{"-c", "-Ia", "--include=pre.h", "--imacros", "mac.h", "src/m.c"},
		tree:  map[string]string{"src/m.c": "int x;\n", "a/pre.h": "", "a/mac.h": ""},
		paths: []string{"a/pre.h", "a/mac.h"}, absent: []string{"pre.h", "pre.h.gch", "mac.h"},
	},
	{
		name: "split incbin", args: []string{"-c", "m.c"}, only: "gcc",
		tree:  map[string]string{"m.c": "asm(\".inc\" \"bin \\\"data.bin\\\"\");\n", "data.bin": "x"},
		paths: []string{"data.bin"},
	},
	{
		name: "incbin with pipe", args: []string{"-c", "-pipe", "m.c"}, only: "gcc",
		tree:  map[string]string{"m.c": "asm(\".incbin \\\"data.bin\\\"\");\n", "data.bin": "x"},
		paths: []string{"data.bin"},
	},
	{
		name: "assembler include", args: []string{"-c", "-Wa,--noexecstack", "m.c"}, only: "gcc",
		tree:  map[string]string{"m.c": "asm(\".include \\\"x.s\\\"\");\n", "x.s": ".byte 1\n"},
		paths: []string{"x.s"},
	},
	{
		name: "split incbin, clang", args: []string{"-c", "m.c"}, only: "clang", refused: compile.ReasonDirective,
		tree: map[string]string{"m.c": "asm(\".inc\" \"bin \\\"data.bin\\\"\");\n", "data.bin": "x"},
	},
	{
		name: "asm labels of libc", args: []string{"-c", "m.c"},
		tree: map[string]string{"m.c": "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <sys/stat.h>\n"},
	},
	{
		name: "once twins", args: []string{"-c", "-Ia", "-Ib", "m.c"},
		tree: map[string]string{"m.c": "#include \"a/x.h\"\n#include \"b/x.h\"\n", "a/x.h": "#pragma once\nint f(void);\n",
			"b/x.h": "#pragma once\nint f(void);\n"},
		paths: []string{"a/x.h", "b/x.h"},
	},
	{
		name: "line names another file", args: []string{"-c", "-Wall", "p.c"},
		tree: map[string]string{"p.c": "#line 1 \"p.y\"\nint f(void) { int unused; return 0; }\n#line 1 \"q.y\"\nint g(void) { int unused; return 0; }\n",
			"p.y": "int f(void) { int unused; return 0; }\n"},
		paths: []string{"p.y"}, absent: []string{"q.y"},
	},
	{
		name: "precompiled header beside one", args: []string{"-c", "m.c"}, only: "gcc", refused: compile.ReasonPCH,
		tree: map[string]string{"m.c": "#include \"x.h\"\n", "x.h": "", "x.h.gch": "no pch"},
	},
	{
		name: "precompiled header could appear", args: []string{"-c", "m.c"}, only: "gcc", absent: []string{"x.h.gch"},
		tree: map[string]string{"m.c": "#include \"x.h\"\n", "x.h": ""},
	},
	{
		name: "time", args: []string{"-c", "m.c"}, refused: compile.ReasonTimeMacro,
		tree: map[string]string{"m.c": "const char *d = __DA\\\nTE__;\n"},
	},
	{
		name: "time pasted across files", args: []string{"-c", "m.c"}, refused: compile.ReasonTimeMacro,
		tree: map[string]string{"m.c": "#include \"p.h\"\nconst char *d = P(__TI,ME__);\n", "p.h": "#define P(a,b) a##b\n"},
	},
	{
		name: "time by argument", args: []string{"-c", "-DWHEN=__TIME__", "m.c"}, refused: compile.ReasonTimeMacro,
		tree: map[string]string{"m.c": "const char *d = WHEN;\n"},
	},
	{
		name: "time with an epoch", args: []string{"-c", "m.c"}, only: "gcc", env: "SOURCE_DATE_EPOCH=1",
		tree: map[string]string{"m.c": "const char *d = __DATE__;\n"},
	},
	{
		name: "timestamp with an epoch", args: []string{"-c", "m.c"}, env: "SOURCE_DATE_EPOCH=1", refused: compile.ReasonTimeMacro,
		tree: map[string]string{"m.c": "const char *d = __TIMESTAMP__;\n"},
	},
	{
		name: "user's dependency file", args: []string{"-c", "-MD", "-MF", "u.d", "-Ia", "m.c"},
		tree: map[string]string{"m.c": "#include <x.h>\n", "a/x.h": ""}, paths: []string{"m.c", "a/x.h"},
	},
	{
		name: "user's partial dependency file", args: []string{"-c", "-MMD", "-isystem", "a", "m.c"},
		tree: map[string]string{"m.c": "#include <x.h>\n", "a/x.h": ""}, paths: []string{"m.c", "a/x.h"},
	},
	{
		name: "user's discarded dependency file", args: []string{"-c", "-MD", "-MF", "/dev/null", "-Ia", "m.c"},
		tree: map[string]string{"m.c": "#include <x.h>\n", "a/x.h": ""}, paths: []string{"m.c", "a/x.h"},
	},
	{
		name: "CPATH", args: []string{"-c", "-Ia", "m.c"}, env: "CPATH=b::c",
		tree: map[string]string{"m.c": "#include <x.h>\n", "a/k": "", "b/k": "", "c/x.h": ""}, paths: []string{"c/x.h"},
		absent: []string{"a/x.h", "b/x.h", "x.h"},
	},
	{
		name: "names with blanks", args: []string{"-c", "-Ia b", "m c.c"},
		tree: map[string]string{"m c.c": "#include <x $y#.h>\n", "a b/x $y#.h": ""}, paths: []string{"m c.c", "a b/x $y#.h"},
	},
	{
		name: "link to a header", args: []string{"-c", "-Ia", "m.c"},
		tree: map[string]string{"m.c": "#include <x/y.h>\n", "a/k": "", "real/y.h": "", "a/x/y.h": ""}, paths: []string{"a/x/y.h"},
	},
	{
		name: "a directory where a header could be", args: []string{"-c", "-Ia", "-Ib", "m.c"},
		tree: map[string]string{"m.c": "#include <x>\n", "a/x/k": "", "b/x": ""}, paths: []string{"b/x"},
	},
	{
		name: "a file where a directory could be", args: []string{"-c", "-Ia", "-Ib", "m.c"},
		tree: map[string]string{"m.c": "#include <x/y.h>\n", "a/x": "", "b/x/y.h": ""}, paths: []string{"b/x/y.h"},
		absent: []string{"a/x/y.h"},
	},
	{
		name: "header map", args: []string{"-c", "-Ix.hmap", "m.c"}, only: "clang", refused: compile.ReasonInput,
		tree: map[string]string{"m.c": "int x;\n", "x.hmap": ""},
	},
	{
		name: "byte order mark", args: []string{"-c", "-Ia", "m.c"},
		tree:   map[string]string{"m.c": "\xef\xbb\xbf#include <x.h>\n", "x.h": "", "a/x.h": ""},
		absent: []string{}, paths: []string{"a/x.h"},
	},
	{
		name: "file macro, relative", args: []string{"-c", "m.c"},
		tree: map[string]string{"m.c": "const char *f = __FILE__;\n"},
	},
	{
		name: "pragma dependency", args: []string{"-c", "m.c"}, only: "gcc", refused: compile.ReasonDirective,
		tree: map[string]string{"m.c": "#pragma GCC dependency \"x.h\"\n", "x.h": ""},
	},
}

func TestInputs(t *testing.T) { testInputs(t, inputsCases) }

func testInputs(t *testing.T, cases []inputsCase) {
	for _, program := range compilers(t, "gcc", "clang") {
		kind := filepath.Base(program)
		for _, tt := range cases {
			if tt.only != "" && tt.only != kind {
				continue
			}
			t.Run(kind+"/"+tt.name, func(t *testing.T) {
				p := newProject(t, program, tt.tree)
				if tt.env != "" {
					p.setenv(tt.env)
				}
				in, err := p.compile(tt.args...)
				if tt.refused != "" {
					var declined *compile.Decline
					if !errors.As(err, &declined) || declined.Reason != tt.refused {
						t.Fatalf("Inputs of %q: error %v, want %s", tt.args, err, tt.refused)
					}
					return
				}
				if err != nil {
					t.Fatalf("Inputs of %q: %v", tt.args, err)
				}
				for _, path := range tt.paths {
					if !p.has(in, path) {
						t.Errorf("Inputs of %q lack %s:\n%s", tt.args, path, dump(in))
					}
				}
				for _, path := range tt.noPaths {
					if p.has(in, path) {
						t.Errorf("Inputs of %q have %s:\n%s", tt.args, path, dump(in))
					}
				}
				for _, path := range tt.absent {
					if !p.isAbsent(in, path) {
						t.Errorf("Inputs of %q: %s is not among the absent names:\n%s", tt.args, path, dump(in))
					}
				}
				if in.BindAll != tt.bind {
					t.Errorf("Inputs of %q bind for %q, want %q", tt.args, in.BindAll, tt.bind)
				}
				p.checkAbsent(in)
			})
		}
	}
}

// checkAbsent checks that every absent name is absent and has one component.
func (p *project) checkAbsent(in *frontend.Inputs) {
	p.t.Helper()
	for _, group := range in.Absent {
		for _, dir := range group.Dirs {
			for _, name := range group.Names {
				if strings.Contains(name, "/") || p.files.Exists(dir, name) {
					p.t.Errorf("absent name %q in %s: has a slash or is there", name, dir)
				}
			}
		}
	}
}

// A project's file that asks for its name while one is spelled by absolute path binds.
func TestInputsBindAll(t *testing.T) {
	program := compilers(t, "gcc", "clang")[0]
	p := newProject(t, program, map[string]string{"m.c": "#include \"x.h\"\n", "x.h": "static const char *f = __FILE__;\n", "n.c": "#include <assert.h>\n"})
	for _, tt := range []struct{ source, want string }{
		{"m.c", ""}, {filepath.Join(p.dir, "m.c"), "file-macro"}, {filepath.Join(p.dir, "n.c"), ""},
	} {
		in, err := p.compile("-c", tt.source, "-o", "m.o")
		if err != nil {
			t.Fatal(err)
		}
		if in.BindAll != tt.want {
			t.Errorf("Inputs of %s bind for %q, want %q", tt.source, in.BindAll, tt.want)
		}
	}
}
