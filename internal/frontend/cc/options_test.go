package cc

import (
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// TestOptionTable checks the table itself: that it reads, and that the details of classes are what Parse expects.
func TestOptionTable(t *testing.T) {
	gcc, clang, err := readOptions(optionText)
	if err != nil {
		t.Fatal(err)
	}
	for name, table := range map[string]*optionTable{"gcc": gcc, "clang": clang} {
		rows := 0
		check := func(o option) {
			rows++
			switch o.class {
			case classDecline, classMode:
				if compile.Lookup(compile.ReasonID(o.detail)).Outcome != compile.Uncacheable {
					t.Errorf("%s: detail of %s = %q, want a reason of uncacheable compiles", name, o.name, o.detail)
				}
			case classSide:
				if sideExtensions[o.detail] == "" {
					t.Errorf("%s: detail of %s = %q, want a role", name, o.name, o.detail)
				}
			case classBind:
				if o.detail == "" {
					t.Errorf("%s: %s says not why it binds", name, o.name)
				}
			default:
				if o.detail != "" {
					t.Errorf("%s: %s has detail %q, want none", name, o.name, o.detail)
				}
			}
			if !strings.HasPrefix(o.name, "-") {
				t.Errorf("%s: %q starts without a dash", name, o.name)
			}
		}
		for _, o := range table.exact {
			check(o)
		}
		for _, o := range table.equals {
			check(o)
		}
		for _, list := range table.prefixes {
			for _, o := range list {
				check(o)
			}
		}
		if rows < 1000 {
			t.Errorf("%s: %d rows, want more than 1,000", name, rows)
		}
	}
}

func TestReadOptionsRejects(t *testing.T) {
	for _, text := range []string{
		"[plain]\n", "[unheard flag]\n", "[plain flag msvc]\n", "[plain unheard]\n-a\n", "[plain flag]\n-a -a\n",
		"[plain joined]\n-a= -a=\n", "[plain joined]\n-a -a\n", "[plain f]\na\n[plain flag gcc]\n-fno-a\n", "[plain either]\n-a\n[plain joined]\n-a\n",
	} {
		if _, _, err := readOptions(text); err == nil {
			t.Errorf("readOptions(%q) = nil error, want one", text)
		}
	}
}

func TestLookupOption(t *testing.T) {
	tests := []struct {
		arg, name, value string
		class            optClass
	}{
		{"-Ifoo", "-I", "foo", classIncludeDir},
		{"-I", "-I", "", classIncludeDir},
		{"-include", "-include", "", classPreInclude},
		{"-includefoo", "-include", "foo", classPreInclude},
		{"-include-pch", "-include-pch", "", classDecline},
		{"-Wp,-MD,x", "-Wp,", "-MD,x", classPreprocessor},
		{"-Wpedantic", "-W", "pedantic", classWarning},
		{"-Wl,-z,now", "-Wl,", "-z,now", classPlain},
		{"-mtune=native", "-m", "tune=native", classToolchain},
		{"-mllvm", "-mllvm", "", classDecline},
		{"-mllvm=-x", "-mllvm=", "-x", classDecline},
		{"-fno-inline", "-fno-inline", "", classPlain},
		{"-fdump-tree-all", "-fdump", "-tree-all", classDecline},
		{"-fdump-tree-all=x", "-fdump", "-tree-all=x", classDecline},
		{"-fbasic-block-sections=list=x", "-fbasic-block-sections=list=", "x", classFile},
		{"-fbasic-block-sections=all", "-fbasic-block-sections=", "all", classPlain},
		{"-fsanitize=address", "-fsanitize=", "address", classPlain},
		{"-fsanitize-ignorelist=x", "-fsanitize-ignorelist=", "x", classFile},
		{"-MFx", "-MF", "x", classDepFile},
		{"-dumpversion", "-dumpversion", "", classQuestion},
		{"-dumpdir", "-dumpdir", "", classDecline},
		{"-g", "-g", "", classPlain},
		{"-specs=x", "-specs=", "x", classDecline},
	}
	for _, tt := range tests {
		o, value, ok := gccOptions.lookup(tt.arg)
		if !ok || o.name != tt.name || value != tt.value || o.class != tt.class {
			t.Errorf("lookup(%s) = %s, %q, class %d, %v, want %s, %q, class %d", tt.arg, o.name, value, o.class, ok, tt.name, tt.value, tt.class)
		}
	}
	for _, arg := range []string{"-", "--", "-unheard", "-fno-", "-g4unheard", "-finline=x"} {
		if o, _, ok := gccOptions.lookup(arg); ok {
			t.Errorf("lookup(%s) = %s, want nothing", arg, o.name)
		}
	}
}

func TestShimmable(t *testing.T) {
	for _, name := range []string{
		"gcc", "g++", "cc", "c++", "clang", "clang++", "gcc-12", "g++-4.8", "clang-14", "clang++-14", "x86_64-linux-gnu-gcc",
		"x86_64-linux-gnu-gcc-12", "x86_64-w64-mingw32-gcc", "x86_64-w64-mingw32-g++-posix", "x86_64-w64-mingw32-gcc-12-win32",
		"arm-none-eabi-g++-10", "aarch64-linux-gnu-c++", "gcc.exe", "clang++.exe", "avr-gcc", "riscv64-unknown-elf-clang",
	} {
		if !Shimmable(name) || !New().Match(name) {
			t.Errorf("Shimmable(%s) = false, want true", name)
		}
	}
	for _, name := range []string{
		"", "gcc-ar", "gcc-nm", "gcc-ranlib-12", "clang-format", "clang-cl", "clang-tidy-14", "clang-cpp", "cpp", "ld", "as", "gccgo",
		"gcc-", "x86_64-linux-gnu-gcc-ar", "afl-gcc", "afl-clang++", "ccache", "distcc-gcc", "musl-gcc", "tcc", "icc", "nvcc", "mpicc", "-gcc",
		"armclang", "rustc", "gcc.sh",
	} {
		if Shimmable(name) {
			t.Errorf("Shimmable(%s) = true, want false", name)
		}
	}
}
