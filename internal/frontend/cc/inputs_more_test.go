//go:build unix

package cc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// Files that hold #pragma once are pointed at, and so is a twin that gcc took for one of them and does not name.
func TestInputsOnce(t *testing.T) {
	for _, program := range compilers(t, "gcc", "clang") {
		p := newProject(t, program, map[string]string{
			"m.c": "#include \"a/x.h\"\n#include \"b/x.h\"\n#include \"plain.h\"\n", "plain.h": "",
			"a/x.h": "#pragma once\nint f(void);\n", "b/x.h": "#pragma once\nint f(void);\n",
		})
		same := time.Now().Add(-time.Hour).Truncate(time.Second)
		for _, name := range []string{"a/x.h", "b/x.h"} {
			if err := os.Chtimes(filepath.Join(p.dir, name), same, same); err != nil {
				t.Fatal(err)
			}
		}
		in, err := p.compile("-c", "m.c")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, i := range in.Once {
			got = append(got, strings.TrimPrefix(in.Paths[i], p.dir+"/"))
		}
		if diff := cmp.Diff(got, []string{"a/x.h", "b/x.h"}); diff != "" {
			t.Errorf("Inputs of %s: once (-got +want):\n%s", program, diff)
		}
	}
}

// A link to a file that is read once is pointed at too: a copy in its place may be another file to the compiler.
func TestInputsOnceLinked(t *testing.T) {
	for _, program := range compilers(t, "gcc", "clang") {
		p := newProject(t, program, map[string]string{
			"m.c": "#include \"a/x.h\"\n#include \"b/x.h\"\n", "a/x.h": "#pragma once\nint f(void);\n", "b/k": "",
		})
		if err := os.Link(filepath.Join(p.dir, "a/x.h"), filepath.Join(p.dir, "b/x.h")); err != nil {
			t.Fatal(err)
		}
		in, err := p.compile("-c", "m.c")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, i := range in.Once {
			got = append(got, strings.TrimPrefix(in.Paths[i], p.dir+"/"))
		}
		if diff := cmp.Diff(got, []string{"a/x.h", "b/x.h"}); diff != "" {
			t.Errorf("Inputs of %s: once (-got +want):\n%s", program, diff)
		}
	}
}

// What appeared or changed after the start could have been read, or not.
func TestInputsChangedMeanwhile(t *testing.T) {
	program := compilers(t, "gcc", "clang")[0]
	p := newProject(t, program, map[string]string{"m.c": "#if 0\n#include \"x.h\"\n#endif\n", "x.h": ""})
	if err := os.Chtimes(filepath.Join(p.dir, "x.h"), time.Time{}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	_, err := p.compile("-c", "m.c")
	if declined := asDecline(err); declined == nil || declined.Reason != compile.ReasonInputChanged {
		t.Errorf("Inputs with a header that changed: error %v, want %s", err, compile.ReasonInputChanged)
	}
}

// A name that is there but leads nowhere can neither be an input nor absent.
func TestInputsDanglingLink(t *testing.T) {
	program := compilers(t, "gcc", "clang")[0]
	p := newProject(t, program, map[string]string{"m.c": "#if __has_include(\"x.h\")\n#endif\n"})
	if err := os.Symlink("nowhere", filepath.Join(p.dir, "x.h")); err != nil {
		t.Fatal(err)
	}
	_, err := p.compile("-c", "m.c")
	if declined := asDecline(err); declined == nil || declined.Reason != compile.ReasonInput {
		t.Errorf("Inputs with a dangling link: error %v, want %s", err, compile.ReasonInput)
	}
}

// gcc names a system header by its canonical path where that is shorter; the path that was searched is an input as well,
// since its links may come to lead elsewhere.
func TestInputsThroughLink(t *testing.T) {
	for _, program := range compilers(t, "gcc", "clang") {
		p := newProject(t, program, map[string]string{"m.c": "#include <x.h>\n", "v1/x.h": "", "v2/x.h": "int changed;\n"})
		if err := os.Symlink("v1", filepath.Join(p.dir, "the-current-version")); err != nil {
			t.Fatal(err)
		}
		in, err := p.compile("-c", "-isystem", "the-current-version", "m.c")
		if err != nil {
			t.Fatal(err)
		}
		if !p.has(in, "the-current-version/x.h") {
			t.Errorf("Inputs of %s lack the-current-version/x.h:\n%s", program, dump(in))
		}
	}
}

func TestQuotedFiles(t *testing.T) {
	stderr := "In file included from a.h:3,\n                 from b.c:1:\nc d.y:10:5: warning: x: 3\nC:4: error\n" +
		"\x1b[01m\x1b[Ke.c:2:1:\x1b[m\x1b[K note\n\x1b]8;;https://x/\x1b\\f.c:1\x1b]8;;\x1b\\: y\n<command-line>:1: z\nb.c: In function 'f':\n   10 | int x;\n"
	got := quotedFiles([]byte(stderr))
	want := []string{"a.h", "b.c", "c d.y", "C", "e.c", "f.c"}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("quotedFiles(%q) (-got +want):\n%s", stderr, diff)
	}
}

func TestAbsentGroups(t *testing.T) {
	var a absentSet
	a.init()
	for _, p := range []place{{"/b", "y"}, {"/a", "x"}, {"/b", "x"}, {"/a", "z"}, {"/b", "z"}, {"/a", "x"}} {
		a.add(p)
	}
	want := []compile.AbsentNames{
		{Dirs: []string{"/a", "/b"}, Names: []string{"x", "z"}},
		{Dirs: []string{"/b"}, Names: []string{"y"}},
	}
	if diff := cmp.Diff(a.groups(), want); diff != "" {
		t.Errorf("groups (-got +want):\n%s", diff)
	}
}

// Errors of the file system and the prober are not taken for refusals.
func TestInputsProberFails(t *testing.T) {
	program := compilers(t, "gcc", "clang")[0]
	p := newProject(t, program, map[string]string{"m.c": "int x;\n"})
	c := p.parse("-c", "-MMD", "m.c")
	tc, err := p.frontend.Toolchain(t.Context(), c, p.files, p.ask)
	if err != nil {
		t.Fatal(err)
	}
	p.ask.dir = filepath.Join(p.dir, "gone")
	_, err = p.frontend.Inputs(t.Context(), c, tc, frontend.Run{Plan: frontend.Plan{Scratch: "/nowhere"}}, p.files, p.ask)
	if err == nil || asDecline(err) != nil || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Inputs with a prober that fails: error %v, want that it does not exist", err)
	}
}

// One C++ file with all of the standard library's headers and 20 directories before them: what Inputs costs when the files
// are in memory, and what it stores.
func BenchmarkInputs(b *testing.B) {
	program := compilers(b, "g++")[0]
	dir := b.TempDir()
	args := []string{"-c", "m.cc", "-o", "m.o"}
	for i := range 20 {
		name := fmt.Sprintf("include%d", i)
		if err := os.MkdirAll(filepath.Join(dir, name, "lib"), 0o777); err != nil {
			b.Fatal(err)
		}
		args = append(args, "-I"+name)
	}
	if err := os.WriteFile(filepath.Join(dir, "m.cc"), []byte("#include <bits/stdc++.h>\n#include <unistd.h>\n"), 0o666); err != nil {
		b.Fatal(err)
	}
	f, files, env := New(), newFastFiles(), os.Environ()
	ask := &runProber{dir: dir, env: env}
	c, declined := f.Parse(&compile.Invocation{Program: program, Args: args, Dir: dir, Env: env}, files)
	if declined != nil {
		b.Fatal(declined)
	}
	tc, err := f.Toolchain(b.Context(), c, files, ask)
	if err != nil {
		b.Fatal(err)
	}
	plan := f.Plan(c, tc, filepath.Join(dir, "scratch"))
	said, err := ask.Probe(b.Context(), append([]string{program, "-fsyntax-only"}, plan.Args...), nil)
	if err != nil || said.Status != 0 {
		b.Fatalf("%s: %v %s", program, err, bytes.TrimSpace(said.Stderr))
	}
	run := frontend.Run{Plan: plan, Start: time.Now().Add(time.Hour)}
	in, err := f.Inputs(b.Context(), c, tc, run, files, ask)
	if err != nil {
		b.Fatal(err)
	}
	pairs, names := 0, 0
	for _, group := range in.Absent {
		pairs += len(group.Dirs) * len(group.Names)
		names += len(group.Names)
	}
	b.Logf("%d inputs, %d groups of %d names, %d pairs", len(in.Paths), len(in.Absent), names, pairs)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Inputs(b.Context(), c, tc, run, files, ask); err != nil {
			b.Fatal(err)
		}
	}
}
