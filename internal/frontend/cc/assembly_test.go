//go:build unix

package cc

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// Words by which an assembler could read a file are found wherever the preprocessor leaves them, and pieces where something joins them.
func TestScanAssembly(t *testing.T) {
	for _, tt := range []struct {
		text string
		want bool
	}{
		{".incbin \"x\"\n", true},
		{".INCLUDE \"x\"\n", true},
		{"#define D include\n.D \"x\"\n", true},
		{"nop; .include \"x\"\n", true},
		{"# don't\n.include \"x\" # isn't\n", true},
		{".byte 'a; .include \"x\"; .byte 'b\n", true},
		{".ascii \"/*\"\n.include \"x\"\n.ascii \"*/\"\n", true},
		{"\".incbin\" \"x\"\n", true},
		{".altmacro\n", true},
		{"#define P(a,b) .a##b\nP(inc,bin) \"x\"\n", true},
		{"#define P(a,b) /*\n*/ .a##b\nP(inc,bin) \"x\"\n", true},
		{"# define nothing ## here\nincl %eax ## clear\n.byte ude\n", true},
		{"incl %eax ## clear\n.byte ude\n", false},
		{"#define P(a,b,c) .a##b##c\nP(inc,l,ude) \"x\"\n", true},
		{".macro m a\n.inc\\a \"x\"\n.endm\nm bin\n", true},
		{".macro m\n.inc\\()lude \"x\"\n.endm\n", true},
		{".macro m a b c d e f\n.\\a\\b\\c\\d\\e\\f \"x\"\n.endm\nm i n c b i n\n", true},
		{".irpc c,xi\n.\\c\n.endr\n", true},
		{"#define P(a,b) a##b\n.macro m a\n.in\\()c\\()\\a \"x\"\n.endm\nm bin\n", true},
		{".macro m a\ninc \\a\nbsf \\a,\\a\n.endm\n1: jmp 1b\n", false},
		{".irp d,bin\n.inc\\d \"x\"\n.endr\n", true},
		{".macro m a\n\\a\n.endm\nm \".include \\\"x\\\"\"\n", true},

		{"#include <incbin.h>\n/* .incbin */ // .include\nnop\n", false},
		{"# we include files\n", true}, // what is a comment depends on the machine
		{"f: inc %eax\n.byte bin\n", false},
		{"#define P(a,b) a##b\ninc %eax\n", false},
		{".macro m a\ninc \\a\n.endm\nm %eax\n", false},
		{".globl included\n.ascii \"include x\"\n", true}, // a macro could be given it
		{".globl included\n", false},
	} {
		said := scanAs([]byte(tt.text), true, nil)
		got := said.asmFiles || (said.paste || said.directives.glue) && said.directives.made()
		if got != tt.want {
			t.Errorf("scanAs(%q) says %t of files that an assembler reads, want %t", tt.text, got, tt.want)
		}
	}
}

// Directives for the preprocessor are found beside what only an assembler understands.
func TestScanAssemblyDirectives(t *testing.T) {
	for _, text := range []string{
		"# don't \"say\n#include <a.h>\n",
		"movb $'\\'', %al ; it's\n#include <a.h>\n",
		"@ comment, isn't it\n#include <a.h>\n",
		"1: mov r0, #'a\n#include <a.h>\n",
		"# 12 \"x\n#include <a.h>\n",
	} {
		if got := names(scanAs([]byte(text), true, nil)); len(got) != 1 || got[0] != "include <a.h>" {
			t.Errorf("scanAs(%q) names %q, want include <a.h>", text, got)
		}
	}
}

var assemblyCases = []inputsCase{
	{
		name: "headers", args: []string{"-c", "-Ione", "-Itwo", "src/a.S", "-o", "a.o"},
		tree:   map[string]string{"src/a.S": "# isn't\n#include <x.h>\n#include \"y.h\"\nf: .byte X\n", "two/x.h": "#define X 1\n", "two/y.h": "", "one/k": ""},
		paths:  []string{"src/a.S", "two/x.h", "two/y.h"},
		absent: []string{"one/x.h", "src/y.h", "one/y.h"},
	},
	{
		name: "has_include false", args: []string{"-c", "-Ia", "m.S"},
		tree: map[string]string{"m.S": "#if __has_include(<opt.h>)\n.byte 1\n#endif\n", "a/k": ""}, absent: []string{"a/opt.h"},
	},
	{
		name: "pre-included", args: []string{"-c", "-Ia", "-include", "pre.h", "src/m.S"},
		tree: map[string]string{"src/m.S": ".byte X\n", "a/pre.h": "#define X 1\n"}, paths: []string{"a/pre.h"}, absent: []string{"pre.h"},
	},
	{
		name: "language by option", args: []string{"-c", "-x", "assembler-with-cpp", "m.txt"},
		tree: map[string]string{"m.txt": "# don't\n#include \"x.h\"\n", "x.h": ""}, paths: []string{"m.txt", "x.h"},
	},
	{
		name: "user's partial dependency file", args: []string{"-c", "-MMD", "-isystem", "a", "m.S"},
		tree: map[string]string{"m.S": "#include <x.h>\n", "a/x.h": ""}, paths: []string{"m.S", "a/x.h"},
	},
	{
		name: "time", args: []string{"-c", "m.S"}, refused: compile.ReasonTimeMacro,
		tree: map[string]string{"m.S": "# don't\n.ascii __DATE__\n"},
	},
	{
		name: "files of the assembler", args: []string{"-c", "-Ione", "-Wa,-Itwo,-I,three", "m.S"}, only: "gcc",
		tree: map[string]string{"m.S": ".include \"x.inc\"\n.incbin \"x.bin\"\n.include \"y.inc\"\n", "one/y.inc": ".include \"z.inc\"\n", "two/x.bin": "x",
			"three/x.inc": "", "z.inc": ""},
		paths:  []string{"one/y.inc", "two/x.bin", "three/x.inc", "z.inc"},
		absent: []string{"x.inc", "one/x.inc", "two/x.inc", "x.bin", "one/x.bin", "y.inc"},
	},
	{
		name: "put together by the preprocessor", args: []string{"-c", "-DD=incbin", "m.S"}, only: "gcc",
		tree: map[string]string{"m.S": "#define E(x) .D x\nE(\"x.bin\")\n", "x.bin": "x"}, paths: []string{"x.bin"},
	},
	{
		name: "put together by the assembler", args: []string{"-c", "-pipe", "m.S"}, only: "gcc",
		tree:  map[string]string{"m.S": ".macro m a b c d e f\n.\\a\\b\\c\\d\\e\\f \"x.bin\"\n.endm\nm i n c b i n\n", "x.bin": "x"},
		paths: []string{"x.bin"},
	},
	{
		name: "file macro", args: []string{"-c", "m.S"}, tree: map[string]string{"m.S": ".ascii __FILE__\n"},
	},
	{
		name: "a file of the assembler, clang", args: []string{"-c", "m.S"}, only: "clang", refused: compile.ReasonDirective,
		tree: map[string]string{"m.S": ".incbin \"x.bin\"\n", "x.bin": "x"},
	},
	{
		name: "by an argument, clang", args: []string{"-c", "-DD=incbin", "m.S"}, only: "clang", refused: compile.ReasonDirective,
		tree: map[string]string{"m.S": ".D \"x.bin\"\n", "x.bin": "x"},
	},
	{
		name: "pieces in two files, clang", args: []string{"-c", "m.S"}, only: "clang", refused: compile.ReasonDirective,
		tree: map[string]string{"m.S": "#include \"x.h\"\nP(inc,bin) \"x.bin\"\n", "x.h": "#define P(a,b) .a##b\n", "x.bin": "x"},
	},
	{
		name: "plain", args: []string{"-c", "-MD", "-MF", "d", "-Iinc", "m.s"}, only: "gcc",
		tree:  map[string]string{"m.s": "#include <nothing.h>\n.include \"x.inc\"\n", "inc/x.inc": ""},
		paths: []string{"m.s", "inc/x.inc"}, absent: []string{"x.inc"},
	},
	{
		name: "plain without files", args: []string{"-c", "m.s"}, tree: map[string]string{"m.s": "# it's nothing\n.byte 1\n"}, paths: []string{"m.s"},
	},
	{
		name: "plain, clang", args: []string{"-c", "m.s"}, only: "clang", refused: compile.ReasonDirective,
		tree: map[string]string{"m.s": "# /*\n.include \"x.inc\"\n", "x.inc": ""},
	},
	{
		name: "messages of macros", args: []string{"-c", "m.S"},
		tree: map[string]string{"m.S": ".macro m\n.warning \"hi\"\n.endm\nm\n"},
	},
}

func TestInputsOfAssembly(t *testing.T) { testInputs(t, assemblyCases) }

// The absolute name of an included file is looked for below the search directories first.
func TestInputsOfAssemblyAbsolute(t *testing.T) {
	program := compilers(t, "gcc")[0]
	p := newProject(t, program, map[string]string{"x.inc": "", "d/k": ""})
	p.write("m.S", ".include \""+p.dir+"/x.inc\"\n")
	in, err := p.compile("-c", "-Id", "m.S")
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := cutFirst(p.dir)
	for _, path := range []string{first, "d/" + first} {
		if !p.isAbsent(in, path) {
			t.Errorf("Inputs: %s is not among the absent names:\n%s", path, dump(in))
		}
	}
	if in.BindAll != "absolute-include" {
		t.Errorf("Inputs bind for %q, want absolute-include", in.BindAll)
	}
}

// cutFirst returns the first component of an absolute path, and the rest.
func cutFirst(path string) (first, rest string, more bool) {
	return strings.Cut(strings.TrimPrefix(path, "/"), "/")
}

// A file that the assembler read and that is gone is no result.
func TestInputsOfAssemblyGone(t *testing.T) {
	program := compilers(t, "gcc")[0]
	p := newProject(t, program, map[string]string{"m.S": ".include \"x.inc\"\n", "x.inc": ""})
	p.after = func() { _ = os.Remove(filepath.Join(p.dir, "x.inc")) }
	_, err := p.compile("-c", "m.S")
	var declined *compile.Decline
	if !errors.As(err, &declined) || declined.Reason != compile.ReasonInputChanged {
		t.Errorf("Inputs with a file that is gone: %v, want %s", err, compile.ReasonInputChanged)
	}
}

// Names of files in a source are the same in every checkout, but a map applies to them in one only.
func TestInputsOfAssemblyMapped(t *testing.T) {
	for _, program := range compilers(t, "gcc", "clang") {
		p := newProject(t, program, map[string]string{"a.S": ".byte 1\n", "b.S": ".file \"/x/b.S\"\n", "c.s": ".byte 1\n"})
		for source, want := range map[string]string{"a.S": "", "b.S": "line-directive", "c.s": "line-directive"} {
			in, err := p.compile("-c", "-g", "-fdebug-prefix-map=/x=/y", source)
			if err != nil {
				t.Fatal(err)
			}
			if in.BindAll != want {
				t.Errorf("Inputs of %s bind for %q, want %q", source, in.BindAll, want)
			}
		}
		// gcc's assembler is given the debug map last, wherever it stands.
		in, err := p.compile("-c", "-g", "-fdebug-prefix-map="+p.dir[:len(p.dir)-1]+"=/y", "-ffile-prefix-map="+p.dir+"=/z", "a.S")
		if err != nil {
			t.Fatal(err)
		}
		if in.BindAll != "prefix-map" {
			t.Errorf("Inputs of a.S with a map that cuts bind for %q, want prefix-map", in.BindAll)
		}
	}
}

func TestNamesTemporary(t *testing.T) {
	for text, want := range map[string]bool{
		"/tmp/ccAb12x9.s:3: Warning: x\n":           true,
		"m.S:1: note: in `/var/tmp/m-12ab9f.s'\n":   true,
		"m.S:3: Warning: cc.s\nsrc/cchello.s: no\n": false,
		"": false,
	} {
		if got := namesTemporary([]byte(text), "/p/m.S"); got != want {
			t.Errorf("namesTemporary(%q) = %t, want %t", text, got, want)
		}
	}
}
