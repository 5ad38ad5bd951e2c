package engine_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/engine"
)

// mapped is what COMPILE_CACHE_ROOTS=auto calls a directory that lies in no checkout.
const mapped = "/compile-cache/directory"

// mapsCase is one source, compiled in two directories with COMPILE_CACHE_ROOTS. In the texts ONE, TWO and HERE are the first, the
// second and the present directory, and PARENT is the one that holds both.
type mapsCase struct {
	name  string
	args  string // beside -c, the source and -o
	text  string // of a.c
	roots string // "": auto
	home  string // "": one that is not there
	plain string // maps of a plain compile that makes the same object; "": the directory's
	two   compile.Outcome
}

var mapsCases = []mapsCase{
	{name: "debug information", args: "-g HERE/a.c", text: "int f(void) { return 1; }\n", two: compile.Hit},
	{name: "name of the file", args: "-O2 HERE/a.c", text: "const char *f(void) { return __FILE__; }\n", two: compile.Hit},
	{name: "length of the name", args: "-O2 HERE/a.c", text: "int f(void) { return sizeof __FILE__; }\n", two: compile.Hit},
	{name: "split debug information", args: "-g -gsplit-dwarf a.c", text: "int f(void) { return 1; }\n", two: compile.Hit},
	{name: "assert in a header", args: "-g -IHERE/inc a.c", text: "#include \"h.h\"\nint f(int a) { return h(a); }\n", two: compile.Hit},
	{name: "off", args: "-g a.c", text: "int f(void) { return 1; }\n", roots: "off", plain: "-c", two: compile.Miss},
	{name: "explicit", args: "-g HERE/a.c", text: "int f(void) { return 2; }\n", roots: "HERE:relative:/elsewhere/x",
		plain: "-ffile-prefix-map=HERE=/compile-cache/root1", two: compile.Hit},
	// Only what was named is mapped.
	{name: "another", args: "-g HERE/a.c", text: "int f(void) { return 3; }\n", roots: "/elsewhere/x",
		plain: "-ffile-prefix-map=/elsewhere/x=/compile-cache/root1", two: compile.Miss},
	// The parent's map leaves the names of both directories in the outputs.
	{name: "parent", args: "-g HERE/a.c", text: "int f(void) { return 4; }\n", roots: "PARENT",
		plain: "-ffile-prefix-map=PARENT=/compile-cache/root1", two: compile.Miss},
	{name: "parent by the user", args: "-g -ffile-prefix-map=PARENT=. a.c", text: "int f(void) { return 5; }\n", two: compile.Miss},
	{name: "the user's map", args: "-g -ffile-prefix-map=HERE=. HERE/a.c", text: "const char *f(void) { return __FILE__; }\n", two: compile.Hit},
	{name: "the user's map alone", args: "-O2 -fmacro-prefix-map=HERE=. HERE/a.c", text: "int f(void) { return sizeof __FILE__; }\n",
		roots: "off", plain: "-c", two: compile.Hit},
	{name: "the user's other map alone", args: "-O2 -fdebug-prefix-map=HERE=. HERE/a.c", text: "int f(void) { return sizeof __FILE__; }\n",
		roots: "off", plain: "-c", two: compile.Miss},
	// The text is the same in both, and mapped in one only.
	{name: "name in the text", args: "-g a.c", text: "#line 3 \"ONE/a.y\"\nint f(void) { return sizeof __FILE__; }\n", two: compile.Miss},
	{name: "computed name in the text", args: "-g a.c", text: "#define NAME \"ONE/a.y\"\n#line 3 NAME\nint f(void) { return sizeof __FILE__; }\n", two: compile.Miss},
	{name: "marker in the text", args: "-g a.c", text: "# 3 \"ONE/a.y\"\nint f(void) { return sizeof __FILE__; }\n", two: compile.Miss},
	// The name of the directory is the beginning of another's.
	{name: "beginning of a name", args: "-g -IPARENT/one-more a.c", text: "#include \"more.h\"\nint f(void) { return more(); }\n",
		roots: "HERE", plain: "-ffile-prefix-map=HERE=/compile-cache/root1", home: "PARENT", two: compile.Miss},
	{name: "macro", args: "-O2 -DDIR=\"HERE\" a.c", text: "#include <string.h>\nvoid f(char *to) { strcpy(to, DIR); }\n", two: compile.Miss},
	{name: "coverage", args: "--coverage -frandom-seed=1 a.c", text: "int f(void) { return 6; }\n", two: compile.Miss},
	{name: "sanitizer", args: "-fsanitize=undefined -O1 HERE/a.c", text: "int f(int a, int b) { return a / b; }\n", two: compile.Miss},
	{name: "assembler", args: "-pipe -Wa,--gdwarf-5 a.c", text: "int f(void) { return 7; }\n", two: compile.Miss},
	{name: "link-time optimisation", args: "-flto -frandom-seed=1 HERE/a.c", text: "const char *f(void) { return __FILE__; }\n", two: compile.Miss},
	{name: "absolute include", args: "-g a.c", text: "#include \"ONE/inc/h.h\"\nint f(int a) { return h(a); }\n", two: compile.Miss},
	{name: "absolute include by a macro", args: "a.c", text: "#define H \"ONE/inc/h.h\"\n#include H\nint f(int a) { return h(a); }\n", two: compile.Miss},
	{name: "absolute include by the assembler", args: "a.c", text: "__asm__(\".incbin \\\"ONE/inc/h.h\\\"\");\n", two: compile.Miss},
}

// What is made in one directory with its roots mapped is what a plain compiler makes with the same maps, there and in another.
func TestMappedRoots(t *testing.T) {
	for _, compiler := range []string{"gcc", "clang"} {
		t.Run(compiler, func(t *testing.T) {
			program := compilerPath(t, compiler)
			e, events := newEngine(t, nil)
			for _, tt := range mapsCases {
				if compiler == "clang" && strings.HasSuffix(tt.name, "assembler") {
					continue // clang's takes no such option, and reads files that it does not name
				}
				t.Run(tt.name, func(t *testing.T) {
					parent, err := filepath.EvalSymlinks(t.TempDir())
					if err != nil {
						t.Fatal(err)
					}
					m := &mapsProject{t: t, mapsCase: tt, parent: parent, program: program, engine: e, events: events}
					m.compile("one", compile.Miss)
					m.compile("two", tt.two)
				})
			}
		})
	}
}

type mapsProject struct {
	mapsCase
	t               *testing.T
	parent, program string
	engine          *engine.Engine
	events          *[]compile.Event
}

// compile compiles in a directory and compares with a plain compile.
func (m *mapsProject) compile(name string, want compile.Outcome) {
	m.t.Helper()
	dir := filepath.Join(m.parent, name)
	at := strings.NewReplacer("ONE", m.parent+"/one", "TWO", m.parent+"/two", "HERE", dir, "PARENT", m.parent)
	for file, text := range map[string]string{
		"a.c": m.text, "inc/h.h": "#include <assert.h>\nstatic int h(int a) { assert(a); return a; }\n",
		"../one-more/more.h": "static int more(void) { return 1; }\n",
	} {
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			m.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(at.Replace(text)), 0o644); err != nil {
			m.t.Fatal(err)
		}
	}
	args := append([]string{"-c", "-o", "a.o"}, strings.Fields(at.Replace(m.args))...)
	roots, maps := m.roots, m.plain
	if roots == "" {
		roots = "auto"
	}
	if maps == "" {
		maps = "-ffile-prefix-map=HERE=" + mapped
	}
	home := at.Replace(m.home)
	if home == "" {
		home = "/nonexistent/home"
	}
	inv := &compile.Invocation{
		Program: m.program, Args: args, Dir: dir, Umask: 0o022,
		Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "COMPILE_CACHE_ROOTS=" + at.Replace(roots)},
	}
	m.engine.Handle(context.Background(), inv, processes{inv})
	got := (*m.events)[len(*m.events)-1]
	if got.Outcome != want {
		m.t.Errorf("%q in %s: %s (%s: %s), want %s", args, name, got.Outcome, got.Reason, got.Detail, want)
	}
	object := read(m.t, filepath.Join(dir, "a.o"))
	plain := exec.Command(m.program, append(strings.Fields(at.Replace(maps)), args...)...)
	plain.Dir, plain.Env = dir, inv.Env
	if out, err := plain.CombinedOutput(); err != nil {
		m.t.Fatalf("%q: %v\n%s", plain.Args, err, out)
	}
	if !bytes.Equal(object, read(m.t, filepath.Join(dir, "a.o"))) {
		m.t.Errorf("%q in %s: the object differs from that of %q", args, name, plain.Args)
	}
}
