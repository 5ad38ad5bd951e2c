package cc

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func names(f *facts) []string {
	var list []string
	for _, in := range f.includes {
		name := `"` + in.name + `"`
		if in.angle {
			name = "<" + in.name + ">"
		}
		kind := [...]string{"include", "include_next", "import", "embed", "has", "has_next", "has_embed"}[in.kind]
		list = append(list, kind+" "+name)
	}
	return list
}

// Macros that stand for __has_include are found, and then where they are used.
func TestScanOperators(t *testing.T) {
	const alias = "#ifndef HAS\n# ifdef __has_include /* not HAS(x) */\n#  define HAS __has_include // yes\n# else\n#  define HAS(x) 0\n# endif\n#endif\n"
	const passing = "#define HAS( x ) (defined(__has_include) && __has_include( x ))\n"
	for _, tt := range []struct {
		text     string
		want     []string
		computed bool
	}{
		{alias + "#if defined(A) || HAS(<a.h>)\n#elif HAS (\"b.h\")\n#endif\n", []string{"has <a.h>", `has "b.h"`}, false},
		{alias + "#if defined HAS && \\\n HAS(<a.h>)\n#endif\n#undef HAS\n", []string{"has <a.h>"}, false},
		{alias + "/* HAS(x) */ char *s = \"HAS\"; // HAS(y)\n", nil, false},
		{alias + "#define A <a.h>\n#if HAS(A)\n#endif\n", nil, true},
		{alias + "#define ALSO HAS\n", nil, true},
		{alias + "#define ALSO(x) HAS(x)\n", nil, true},
		{alias + "#if F(HAS)\n#endif\n", nil, true},
		{alias + "int x = HAS;\n", nil, true},
		{passing + "#if HAS(\"a.h\")\n#endif\n", []string{`has "a.h"`}, false},
		{passing + "#if HAS(<linux/a.h>)\n#endif\n", nil, true},
	} {
		first := scan([]byte(tt.text))
		if len(first.operators) == 0 || first.computedHas {
			t.Errorf("scan(%q) finds the operators %v, computed %t", tt.text, first.operators, first.computedHas)
		}
		second := scan([]byte(tt.text), first.operators...)
		if got := names(second); second.computedHas != tt.computed || !tt.computed && !cmp.Equal(got, tt.want) {
			t.Errorf("scan(%q) finds %q, computed %t; want %q, %t", tt.text, got, second.computedHas, tt.want, tt.computed)
		}
	}
}

func TestScanNames(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"#include <a.h>\n", []string{"include <a.h>"}},
		{"#include \"a.h\"\n#include<b.h>", []string{`include "a.h"`, "include <b.h>"}},
		{"  #  include /* x */ <a.h> // y\n", []string{"include <a.h>"}},
		{"%:include <a.h>\n", []string{"include <a.h>"}},
		{"??=include <a.h>\n", []string{"include <a.h>"}},
		{"#inc\\\nlude <a\\\n.h>\n", []string{"include <a.h>"}},
		{"#inc\\ \t\nlude <a.h>\n", []string{"include <a.h>"}},
		{"#inc??/\nlude <a.h>\n", []string{"include <a.h>"}},
		{"#inc\\\r\nlude <a.h>\r\n", []string{"include <a.h>"}},
		{"/* c */ #include <a.h>\n", []string{"include <a.h>"}},
		{"/* c\n */ #include <a.h>\n", []string{"include <a.h>"}},
		{"/*/ #include <a.h>\n*/", nil},
		{"/*\n#include <a.h>\n*/\n", nil},
		{"/*\n#include <a.h>\n*\\\n/\n#include <b.h>\n", []string{"include <b.h>"}},
		{"// x \\\n#include <a.h>\n", nil},
		{"// x ??/\n#include <a.h>\n", []string{"include <a.h>"}},
		{"x #include <a.h>\n", nil},
		{"char *s = \"/*\";\n#include <a.h>\n", []string{"include <a.h>"}},
		{"char c = '\"';\n#include <a.h>\n", []string{"include <a.h>"}},
		{"char *s = \"a\\\"/*\";\n#include <a.h>\n", []string{"include <a.h>"}},
		{"#if 0\ndon't /*\n#endif\n#include <a.h>\n", []string{"include <a.h>"}},
		{"#error don't\n#include <a.h>\n", []string{"include <a.h>"}},
		{"int a = 1'000'000; /* ' */\n#include <a.h>\n", []string{"include <a.h>"}},
		{"#include <it's.h>\n#include <b//c.h>\n", []string{"include <it's.h>", "include <b//c.h>"}},
		{"#include_next <a.h>\n#import \"b.h\"\n#embed <c.bin>\n", []string{"include_next <a.h>", `import "b.h"`, "embed <c.bin>"}},
		{"#if __has_include(<a.h>) && __has_include_next ( \"b.h\" )\n", []string{"has <a.h>", `has_next "b.h"`}},
		{"#if defined(__has_include) && __has_include(<a.h>)\n", []string{"has <a.h>"}},
		{"#if __has_embed(\"a.bin\" limit(1))\n", []string{`has_embed "a.bin"`}},
		{"#if __has_in\\\nclude(<a.h>)\n", []string{"has <a.h>"}},
		{"\xef\xbb\xbf#include <a.h>\n", []string{"include <a.h>"}},
		{"\x00 #include <a.h>\n", []string{"include <a.h>"}},
		{"#define X(y) #y\n#include <a.h>\n", []string{"include <a.h>"}},
	} {
		if diff := cmp.Diff(names(scan([]byte(tt.text))), tt.want); diff != "" {
			t.Errorf("scan(%q) names (-got +want):\n%s", tt.text, diff)
		}
	}
}

// A raw string is a string in C++ and in gnu99, and none in C89: names are those of both readings.
func TestScanRawStrings(t *testing.T) {
	text := "auto s = R\"x(\n#include <in.h>\n)\" /* )x\" ;\n#include <a.h>\n"
	got := strings.Join(names(scan([]byte(text))), " ")
	if !strings.Contains(got, "include <a.h>") {
		t.Errorf("scan(%q) names = %s, want <a.h> among them", text, got)
	}
	// The splice within the delimiter is undone in a raw string, which therefore goes on.
	text = "auto s = R\"xy(\n)x\\\ny\" /* )xy\";\n#include <a.h>\n"
	got = strings.Join(names(scan([]byte(text))), " ")
	if !strings.Contains(got, "include <a.h>") {
		t.Errorf("scan(%q) names = %s, want <a.h> among them", text, got)
	}
}

func TestScanSigns(t *testing.T) {
	type sign struct {
		name string
		of   func(*facts) bool
	}
	computed := sign{"computed", func(f *facts) bool { return f.computed }}
	computedHas := sign{"computedHas", func(f *facts) bool { return f.computedHas }}
	once := sign{"once", func(f *facts) bool { return f.once }}
	refuse := sign{"refuse", func(f *facts) bool { return f.refuse != "" }}
	modules := sign{"modules", func(f *facts) bool { return f.modules }}
	asm := sign{"asm", func(f *facts) bool { return f.asm }}
	asmFiles := sign{"asmFiles", func(f *facts) bool { return f.asmFiles }}
	fileNames := sign{"fileNames", func(f *facts) bool { return f.fileNames }}
	named := sign{"named", func(f *facts) bool { return f.time.named != 0 }}
	pasted := sign{"pasted", func(f *facts) bool { return f.paste && f.time.pasted() != "" }}
	for _, tt := range []struct {
		text string
		sign sign
		want bool
	}{
		{"#include MACRO\n", computed, true},
		{"#include MACRO(<a.h>)\n", computed, true},
		{"#include <a.h>\n", computed, false},
		{"#include\n", computed, false},
		{"#if __has_include(MACRO)\n", computedHas, true},
		{"#ifdef __has_include\n", computedHas, false},
		{"#if defined(__has_include)\n", computedHas, false},
		{"#if defined __has_include && 1\n", computedHas, false},
		{"#define __has_include(x) 0\n", computedHas, false},
		{"#define HAS(x) __has_include(<x>)\n", computedHas, true},
		{"#define HAS(x) __has_include(x.h)\n", computedHas, true},
		{"#define HAS(x, y) __has_include(x)\n", computedHas, true},
		{"#define HAS __has_include_next\n", computedHas, true},
		{"#define HAS 0 __has_include\n", computedHas, true},
		{"#define HAS defined(__has_include)\n", computedHas, false},
		{"#define A 1\n#ifdef __has_include\n", computedHas, false},
		{"#pragma once\n", once, true},
		{"_Pragma(\"once\")\n", once, true},
		{"# pragma  once\r\n", once, true},
		{"// #pragma once\n", once, false},
		{"#pragma GCC dependency \"x\"\n", refuse, true},
		{"_Pragma(\"GCC dependency \\\"x\\\"\")\n", refuse, true},
		{"#pragma GCC system_header\n", refuse, false},
		{"#pragma clang module import X\n", refuse, true},
		{"#pragma include_alias(\"a\", \"b\")\n", refuse, true},
		{"a\rb\n", refuse, true},
		{"a\r\nb\n", refuse, false},
		{"import foo;\n", modules, true},
		{"import <vector>;\n", modules, true},
		{"export module a.b:c;\n", modules, true},
		{"module;\n", modules, true},
		{"export import foo;\n", modules, true},
		{"module = 3;\n", modules, false},
		{"module AP_MODULE x = {\n", modules, false},
		{"export int x;\n", modules, false},
		{"import::x y;\n", modules, false},
		{"int f(void) __asm__(\"g\");\n", asm, true},
		{"int f(void) __asm__(\"g\");\n", asmFiles, false},
		{"asm(\".incbin \\\"x\\\"\");\n", asmFiles, true},
		{"asm(\".inc\" \"bin \\\"x\\\"\");\n", asmFiles, true},
		{"asm(\".INC\" /* x */\n \"BIN \\\"x\\\"\");\n", asmFiles, true},
		{"asm(\".incbin\\t\\\"x\\\"\");\n", asmFiles, true},
		{"asm(\"\\056\\x69ncbin \\\"x\\\"\");\n", asmFiles, true},
		{"asm(\".include \\\"x\\\"\");\n", asmFiles, true},
		{"asm volatile (\".inc\" M \" \\\"x\\\"\");\n", asmFiles, true},
		{"#define M(x) \".incbin \" x\n", asmFiles, true},
		{"asm(\".\" S(incbin) \" \\\"x\\\"\");\n", asmFiles, true},
		{"asm(\".macro m a\\n.inc\\\\a \\\"x\\\"\\n.endm\\nm bin\");\n", asmFiles, true},
		{"asm(\"incl %0\" : \"+m\" (x));\n", asmFiles, false},
		{"char *s = \"include x\";\n", asmFiles, false},
		{"__FILE__", fileNames, true},
		{"std::source_location", fileNames, true},
		{"\"__FILE__\"", fileNames, false},
		{"__DATE__\n", named, true},
		{"__TI\\\nME__\n", named, true},
		{"__TI??/\nME__\n", named, true},
		{"x__DATE__\n", named, false},
		{"/* __DATE__ */ \"__TIME__\"\n", named, false},
		{"#define P(a,b) a##b\nP(__TI,ME__)\n", pasted, true},
		{"#define P(a,b) a%:%:b\nP(__TI,ME__)\n", pasted, true},
		{"#define P(a) __##a##__\nP(TIME)\n", pasted, true},
		{"#define P(a,b) a##b\nP(__TIME__S,x)\n", pasted, false},
		{"__TI ME__\n", pasted, false},
	} {
		if got := tt.sign.of(scan([]byte(tt.text))); got != tt.want {
			t.Errorf("scan(%q).%s = %t, want %t", tt.text, tt.sign.name, got, tt.want)
		}
	}
}

// The headers of a usual system must stay cacheable: this counts those that would not be.
func TestScanSystemHeaders(t *testing.T) {
	var files, bytes, pasting int
	var union timeWords
	refused := make(map[string][]string)
	err := filepath.WalkDir("/usr/include", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		f := scan(text)
		files++
		bytes += len(text)
		union.merge(f.time)
		for sign, is := range map[string]bool{
			"time macro": f.time.named != 0, "computed __has_include": f.computedHas, f.refuse: f.refuse != "",
			"module": f.modules, "assembler file": f.asmFiles,
		} {
			if is {
				refused[sign] = append(refused[sign], path)
			}
		}
		if f.paste {
			pasting++
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Skipf("no headers in /usr/include: %v", err)
	}
	t.Logf("%d headers, %d bytes, %d with ##, pasted over all: %q", files, bytes, pasting, union.pasted())
	count := 0
	for sign, paths := range refused {
		t.Logf("%s: %d: %v", sign, len(paths), paths[:min(5, len(paths))])
		count += len(paths)
	}
	if count*100 > files {
		t.Errorf("%d of %d system headers would be uncacheable, want at most 1 %%", count, files)
	}
}

func BenchmarkScan(b *testing.B) {
	var texts [][]byte
	size := 0
	for _, pattern := range []string{"/usr/include/*.h", "/usr/include/c++/*/bits/*", "/usr/include/x86_64-linux-gnu/bits/*.h"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			b.Fatal(err)
		}
		for _, path := range paths {
			if text, err := os.ReadFile(path); err == nil {
				texts = append(texts, text)
				size += len(text)
			}
		}
	}
	if size == 0 {
		b.Skip("no headers in /usr/include")
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		for _, text := range texts {
			scan(text)
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte("#include <a.h>\n/* */ R\"x(a)x\" 'b' 1'0 \\\n??/\n"))
	f.Add([]byte("#if __has_include(\n_Pragma(\"once\nasm(\".inc\" \"bin"))
	f.Add([]byte("export module x:y [[a]];%:%:define %:"))
	f.Add([]byte("# don't\n.macro m a\n.inc\\a \"x\"\n.endm\n.byte 'a; .byte 1b"))
	f.Fuzz(func(t *testing.T, text []byte) {
		said := scan(text)
		if assembly := scanAs(text, true, nil); said.asmFiles && !assembly.asmFiles || !slices.Equal(assembly.includes, said.includes) {
			t.Errorf("scan(%q) finds more as C than as assembly", text)
		}
		for _, in := range said.includes {
			if in.name == "" || strings.Contains(in.name, "\n") {
				t.Errorf("scan(%q) includes %q", text, in.name)
			}
		}
	})
}
