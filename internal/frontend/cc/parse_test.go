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
	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
)

// parseLine parses a command line in dir; words are separated by spaces.
func parseLine(dir, line string, env ...string) (*compile.Compilation, *compile.Decline) {
	words := strings.Fields(line)
	inv := &compile.Invocation{Program: "/usr/bin/" + words[0], Args: words[1:], Dir: dir, Env: env}
	return New().Parse(inv, frontendtest.DiskFiles{})
}

// TestDeclines lists what is not cached, with its reason and what exactly caused it.
func TestDeclines(t *testing.T) {
	dir := layout(t)
	write(t, dir, "x.h", "")
	write(t, dir, "x.i", "")
	write(t, dir, "linked.o", "")
	write(t, dir, "readonly.o", "")
	write(t, dir, "open", "'")
	write(t, dir, "loop", "@loop")
	for _, err := range []error{
		os.Link(filepath.Join(dir, "linked.o"), filepath.Join(dir, "twin.o")),
		os.Symlink("elsewhere.o", filepath.Join(dir, "link.o")),
		os.Chmod(filepath.Join(dir, "readonly.o"), 0o444),
		os.Mkdir(filepath.Join(dir, "dir.o"), 0o755),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	const exec = compile.ReasonID("exec") // stands for NotCompile
	tests := []struct {
		line   string
		reason compile.ReasonID
		detail string
	}{
		{"gcc", exec, "no source"},
		{"gcc -v", exec, "no source"},
		{"gcc --version", exec, "--version"},
		{"clang -dumpversion -c x.c", exec, "-dumpversion"},
		{"gcc -print-prog-name=as", exec, "-print-prog-name=as"},
		{"gcc -### -c x.c", exec, "-###"},
		{"gcc x.o -o x", exec, "no source"},
		{"gcc -c x.o", exec, "no source"},
		{"gcc -shared -o libx.so x.o y.a -lm --unheard-of", exec, "no source"},
		{"gcc x.c", compile.ReasonCompileLink, "x.c"},
		{"gcc x.c -o x -lm", compile.ReasonCompileLink, "x.c"},
		{"gcc -E x.c", compile.ReasonPreprocess, "-E"},
		{"gcc -S x.c", compile.ReasonAssembly, "-S"},
		{"gcc -M x.c", compile.ReasonDependencies, "-M"},
		{"gcc -MM -c x.c", compile.ReasonDependencies, "-MM"},
		{"gcc -fsyntax-only x.c", compile.ReasonSyntax, "-fsyntax-only"},
		{"gcc -c -x c -", compile.ReasonStdin, "-"},
		{"gcc -c x.c two.dots.c", compile.ReasonMultipleSources, "two.dots.c"},
		{"gcc -c x.c y.o", compile.ReasonMultipleSources, "x.c"},
		{"gcc -c x.asm", compile.ReasonLanguage, "x.asm"},
		{"clang -c x.sx", compile.ReasonLanguage, "x.sx"},
		{"clang -c --target=arm64-apple-macos x.s", compile.ReasonLanguage, "x.s"},
		{"gcc -c x.S -ansi", compile.ReasonOption, "-ansi"},
		{"gcc -c x.S -std=iso9899:199409", compile.ReasonOption, "-std=iso9899:199409"},
		{"gcc -c x.S -traditional-cpp", compile.ReasonOption, "-traditional-cpp"},
		{"gcc -S x.S", compile.ReasonAssembly, "-S"},
		{"gcc -E x.S", compile.ReasonPreprocess, "-E"},
		{"gcc -c x.S x.c", compile.ReasonMultipleSources, "x.c"},
		{"gcc -c x.S -o -", compile.ReasonArguments, "-o"},
		{"clang -c x.S -fno-integrated-as", compile.ReasonOption, "-fno-integrated-as"},
		{"gcc -c x.i", compile.ReasonLanguage, "x.i"},
		{"gcc -c -xobjective-c x.c", compile.ReasonLanguage, "x.c"},
		{"gcc -c x.h", compile.ReasonPCH, "x.h"},
		{"g++ -c -x c++-header x.c", compile.ReasonPCH, "x.c"},
		{"clang -c x.c -include-pch p.pch", compile.ReasonPCH, "-include-pch"},
		{"clang++ -c x.cc -fmodules", compile.ReasonModules, "-fmodules"},
		{"clang++ -c x.cc -fmodule-file=a.pcm", compile.ReasonModules, "-fmodule-file=a.pcm"},
		{"g++ -c x.cc -fmodules-ts", compile.ReasonModules, "-fmodules-ts"},
		{"clang -c x.cppm", compile.ReasonModules, "x.cppm"},

		{"gcc -c x.c --unheard-of", compile.ReasonUnknownOption, "--unheard-of"},
		{"gcc -c x.c -fno-unheard-of", compile.ReasonUnknownOption, "-fno-unheard-of"},
		{"gcc -c x.c -ffunction-sections=2", compile.ReasonUnknownOption, "-ffunction-sections=2"},
		{"gcc -c x.c -gunheard", compile.ReasonUnknownOption, "-gunheard"},
		{"gcc -c x.c -Ounheard", compile.ReasonUnknownOption, "-Ounheard"},
		{"gcc -c x.c -m", compile.ReasonUnknownOption, "-m"},
		{"gcc -c x.c --", compile.ReasonUnknownOption, "--"},
		{"gcc -c x.c -Rpass=.", compile.ReasonUnknownOption, "-Rpass=."},

		{"gcc -c x.c -v", compile.ReasonOption, "-v"},
		{"gcc -c x.c -Q", compile.ReasonOption, "-Q"},
		{"gcc -c x.c -H", compile.ReasonOption, "-H"},
		{"gcc -c x.c -dD", compile.ReasonOption, "-dD"},
		{"gcc -c x.c -dumpbase y", compile.ReasonOption, "-dumpbase"},
		{"gcc -c x.c -save-temps=obj", compile.ReasonOption, "-save-temps=obj"},
		{"gcc -c x.c -aux-info y", compile.ReasonOption, "-aux-info"},
		{"gcc -c x.c -fdump-tree-all", compile.ReasonOption, "-fdump-tree-all"},
		{"gcc -c x.c -fdump-ipa-clones", compile.ReasonOption, "-fdump-ipa-clones"},
		{"gcc -c x.c -fsave-optimization-record", compile.ReasonOption, "-fsave-optimization-record"},
		{"clang -c x.c -foptimization-record-file=y", compile.ReasonOption, "-foptimization-record-file=y"},
		{"gcc -c x.c -fopt-info-vec=y", compile.ReasonOption, "-fopt-info-vec=y"},
		{"gcc -c x.c -fopt-info=y", compile.ReasonOption, "-fopt-info=y"},
		{"gcc -c x.c -ftime-report", compile.ReasonOption, "-ftime-report"},
		{"clang -c x.c -ftime-trace", compile.ReasonOption, "-ftime-trace"},
		{"clang -c x.c -ftime-trace=y", compile.ReasonOption, "-ftime-trace=y"},
		{"gcc -c x.c -fcallgraph-info=su", compile.ReasonOption, "-fcallgraph-info=su"},
		{"gcc -c x.c -fdiagnostics-format=sarif-file", compile.ReasonOption, "-fdiagnostics-format=sarif-file"},
		{"gcc -c x.c -fdiagnostics-add-output=sarif", compile.ReasonOption, "-fdiagnostics-add-output=sarif"},
		{"gcc -c x.c -fplugin=p.so", compile.ReasonOption, "-fplugin=p.so"},
		{"clang -c x.c -fpass-plugin=p.so", compile.ReasonOption, "-fpass-plugin=p.so"},
		{"gcc -c x.c -fprofile-use", compile.ReasonOption, "-fprofile-use"},
		{"gcc -c x.c -fprofile-use=x.gcda", compile.ReasonOption, "-fprofile-use=x.gcda"},
		{"gcc -c x.c -fauto-profile=y", compile.ReasonOption, "-fauto-profile=y"},
		{"gcc -c x.c -frecord-gcc-switches", compile.ReasonOption, "-frecord-gcc-switches"},
		{"clang -c x.c -grecord-command-line", compile.ReasonOption, "-grecord-command-line"},
		{"clang -c x.c -grecord-gcc-switches", compile.ReasonOption, "-grecord-gcc-switches"},
		{"gcc -c x.c -specs=x.specs", compile.ReasonOption, "-specs=x.specs"},
		{"gcc -c x.c -B.", compile.ReasonOption, "-B."},
		{"gcc -c x.c -wrapper time", compile.ReasonOption, "-wrapper"},
		{"clang -c x.c -mllvm -stats", compile.ReasonOption, "-mllvm"},
		{"clang -c x.c -fno-integrated-as", compile.ReasonOption, "-fno-integrated-as"},
		{"clang -c x.c --config y", compile.ReasonOption, "--config"},
		{"clang -c x.c -arch arm64", compile.ReasonOption, "-arch"},
		{"clang -c x.c -Xarch_arm64 -O2", compile.ReasonOption, "-Xarch_arm64"},
		{"clang -c x.c -Xclang -load -Xclang p.so", compile.ReasonOption, "-Xclang -load"},
		{"gcc -c x.c -Xassembler -a", compile.ReasonOption, "-Xassembler -a"},
		{"gcc -c x.c -Xassembler -I -Xassembler sub", compile.ReasonArguments, "-Xassembler -I"},
		{"gcc -c x.c -Xpreprocessor -MD", compile.ReasonOption, "-Xpreprocessor -MD"},
		{"gcc -c x.c -Wp,-MD,y.d,-MP", compile.ReasonOption, "-Wp,-MD,y.d,-MP"},
		{"gcc -c x.c -Wp,-MD", compile.ReasonOption, "-Wp,-MD"},
		{"gcc -c x.c -Wp,-P", compile.ReasonOption, "-Wp,-P"},
		{"gcc -c x.c -MD -Wp,-MD,y.d -Wp,-MMD,z.d", compile.ReasonOption, "-Wp,-MMD,z.d"},
		{"gcc -c x.c -Wa,-a=y.lst", compile.ReasonOption, "-Wa,-a=y.lst"},
		{"gcc -c x.c -Wa,--MD,y", compile.ReasonOption, "-Wa,--MD,y"},
		{"gcc -c x.c -Wa,-I", compile.ReasonArguments, "-Wa,-I"},
		{"gcc -c x.c -Wa,--defsym", compile.ReasonOption, "-Wa,--defsym"},
		{"gcc -c x.c -I=sub", compile.ReasonOption, "-I=sub"},
		{"gcc -c x.c -I-", compile.ReasonOption, "-I-"},
		{"gcc -c x.c -iprefix sub", compile.ReasonOption, "-iprefix"},
		{"gcc -c x.c -MD -MG", compile.ReasonOption, "-MG"},
		{"clang -c x.c -MJ y", compile.ReasonOption, "-MJ"},

		{"gcc -c x.c -o", compile.ReasonArguments, "-o"},
		{"gcc -c x.c -o y.o -o z.o", compile.ReasonArguments, "-o"},
		{"gcc -c x.c -o -", compile.ReasonArguments, "-o"},
		{"gcc -c x.c -MF y.d", compile.ReasonArguments, "-MF"},
		{"gcc -c x.c -MT y", compile.ReasonArguments, "-MT"},
		{"gcc -c x.c -MP", compile.ReasonArguments, "-MP"},
		{"gcc -c x.c -Wp,-MD,y.d -MF z.d", compile.ReasonArguments, "-MF"},
		{"gcc -c x.c @open", compile.ReasonArguments, "@open"},
		{"gcc -c x.c @loop", compile.ReasonArguments, "@loop"},
		{"gcc -c x.c @absent", compile.ReasonInput, "@absent"},
		{"gcc -c absent.c", compile.ReasonInput, "absent.c"},
		{"clang -c x.c -fsanitize-ignorelist=absent", compile.ReasonInput, "-fsanitize-ignorelist=absent"},

		{"gcc -c x.c -o linked.o", compile.ReasonOutputFile, dir + "/linked.o"},
		{"gcc -c x.c -o link.o", compile.ReasonOutputFile, dir + "/link.o"},
		{"gcc -c x.c -o dir.o", compile.ReasonOutputFile, dir + "/dir.o"},
		{"gcc -c x.c -o readonly.o", compile.ReasonOutputFile, dir + "/readonly.o"},
		{"gcc -c x.c -o absent/x.o", compile.ReasonOutputFile, dir + "/absent/x.o"},
		{"gcc -c x.c -o /dev/null", compile.ReasonOutputFile, "/dev/null"},
		{"gcc -c x.c -o x.c", compile.ReasonOutputFile, dir + "/x.c"},
		{"gcc -c x.c -MD -o y.d", compile.ReasonOutputFile, dir + "/y.d"},
		{"gcc -c x.c -MD -MF x.o", compile.ReasonOutputFile, dir + "/x.o"},
		{"gcc -c x.c -MD -MF -", compile.ReasonOutputFile, "-"},
		{"gcc -c x.c -MD -MF /dev/stderr", compile.ReasonOutputFile, "/dev/stderr"},
		{"gcc -c x.c --coverage -o .y", compile.ReasonOutputFile, ".y"},
		{"clang -c x.c --target=x86_64-pc-windows-msvc", compile.ReasonOutputFile, "x.c"},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			c, d := parseLine(dir, tt.line)
			if d == nil {
				t.Fatalf("Parse(%s) = %+v, want a decline for %s", tt.line, c, tt.reason)
			}
			want := compile.Decline{Outcome: compile.Uncacheable, Reason: tt.reason, Detail: tt.detail}
			if tt.reason == exec {
				want = compile.Decline{Outcome: compile.NotCompile, Detail: tt.detail}
			}
			if *d != want {
				t.Errorf("Parse(%s) = %v, want %v", tt.line, d, &want)
			}
		})
	}
}

// TestNewlines declines paths that no line of a recipe or of a dependency file can hold.
func TestNewlines(t *testing.T) {
	dir := layout(t)
	write(t, dir, "a\nb.c", "")
	for _, args := range [][]string{
		{"-c", "a\nb.c", "-o", "y.o"}, {"-c", "x.c", "-o", "a\nb"}, {"-c", "x.c", "-MD", "-MF", "a\nb"}, {"-c", "x.c", "-I", "a\nb"},
		{"-c", "x.c", "-include", "a\nb"},
	} {
		_, d := New().Parse(&compile.Invocation{Program: "/usr/bin/gcc", Args: args, Dir: dir}, frontendtest.DiskFiles{})
		if d == nil || d.Reason != compile.ReasonArguments {
			t.Errorf("Parse(%q) = %v, want uncacheable (arguments)", args, d)
		}
	}
}

func TestEnvironment(t *testing.T) {
	dir := layout(t)
	for _, name := range []string{"DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES", "CC_PRINT_OPTIONS", "CC_LOG_DIAGNOSTICS"} {
		_, d := parseLine(dir, "gcc -c x.c", "A=b", name+"=y")
		if d == nil || d.Reason != compile.ReasonEnvironment || d.Detail != name {
			t.Errorf("Parse with %s = %v, want uncacheable (environment: %s)", name, d, name)
		}
	}
	plain, d := parseLine(dir, "gcc -c x.c")
	if d != nil {
		t.Fatal(d)
	}
	colour, d := parseLine(dir, "gcc -c x.c -fdiagnostics-color=always")
	if d != nil {
		t.Fatal(d)
	}
	for _, c := range []*compile.Compilation{plain, colour} {
		if !slices.IsSorted(c.EnvNames) || !slices.Contains(c.EnvNames, "CPATH") || slices.Contains(c.EnvNames, "PATH") {
			t.Errorf("EnvNames = %q, want them sorted, with CPATH, without PATH", c.EnvNames)
		}
	}
	if slices.Contains(plain.EnvNames, "TERM") || !slices.Contains(colour.EnvNames, "TERM") {
		t.Error("TERM must be in the key exactly where colour is asked for")
	}
}

func TestApparentDirectory(t *testing.T) {
	dir := layout(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		pwd   string
		facts []string
		bind  string
	}{
		{dir, nil, ""},
		{link, []string{"apparent directory " + link}, "apparent-directory"},
		{dir + "/sub", nil, ""},
		{"relative", nil, ""},
		{"/absent", nil, ""},
	}
	for _, tt := range tests {
		c, d := parseLine(dir, "gcc -c x.c", "PWD="+tt.pwd)
		if d != nil {
			t.Fatal(d)
		}
		if !slices.Equal(c.Facts, tt.facts) || c.BindAll != tt.bind {
			t.Errorf("with PWD=%s facts, bind = %q, %q, want %q, %q", tt.pwd, c.Facts, c.BindAll, tt.facts, tt.bind)
		}
	}
}

// TestCompilation looks at everything that Parse says about some compiles.
func TestCompilation(t *testing.T) {
	dir := layout(t)
	write(t, dir, "conftest.c", "")
	write(t, dir, "march", "")
	tests := []struct {
		line string
		want compile.Compilation
	}{
		{"gcc -c x.c", compile.Compilation{Kind: "gcc", Language: "c", Source: "x.c",
			Detail: &detail{sourceArg: "x.c"}}},
		{"g++ -c ./x.c -Isub/. -I ../q -isystem/s -iquote q -idirafter a -include h.h -imacros m.h -DX -D Y=1",
			compile.Compilation{Kind: "gcc", Language: "c++", Source: "x.c",
				Detail: &detail{sourceArg: "./x.c", includeDirs: []string{dir + "/sub", dir + "/../q"}, systemDirs: []string{"/s"},
					quoteDirs: []string{dir + "/q"}, afterDirs: []string{dir + "/a"}, preIncludes: []string{"h.h", "m.h"}}}},
		{"clang-14 -c -x c++ noext -x none -std=c++17 -march=native -O2 -stdlib=libc++ --sysroot /r -I x",
			compile.Compilation{Kind: "clang", Language: "c++", Source: "noext",
				Detail: &detail{clang: true, sourceArg: "noext", native: true, includeDirs: []string{dir + "/x"},
					probeArgs: []string{"-std=c++17", "-march=native", "-stdlib=libc++", "--sysroot", "/r", "-x", "c++"}}}},
		{"x86_64-w64-mingw32-gcc -c conftest.c -MMD -MF q.d -flto -mabi=march", compile.Compilation{Kind: "gcc", Language: "c",
			Source: "conftest.c", PerSource: true, BindAll: "lto", Inputs: []string{dir + "/conftest.c", dir + "/march"},
			Detail: &detail{sourceArg: "conftest.c", userDeps: depsUser, depFile: dir + "/q.d", probeArgs: []string{"-mabi=march"}}}},
		{"clang -c -MD -MF /dev/null -fsanitize-ignorelist=ignore -fbasic-block-sections=list=args -- x.c",
			compile.Compilation{Kind: "clang", Language: "c", Source: "x.c",
				Inputs: []string{dir + "/x.c", dir + "/ignore", dir + "/args"},
				Detail: &detail{clang: true, sourceArg: "x.c", userDeps: depsAll}}},
		{"gcc -c x.c -g -gsplit-dwarf -gz -Wa,--noexecstack,-mbig-obj -Wno-anything -Werror=q -Wl,-z,now -Lq -lq -z now",
			compile.Compilation{Kind: "gcc", Language: "c", Source: "x.c", BindAll: "compressed sections",
				Detail: &detail{sourceArg: "x.c", splitDwarf: true}}},
		{"clang -c x.c -funique-internal-linkage-names", compile.Compilation{Kind: "clang", Language: "c", Source: "x.c",
			BindAll: "names made of a digest of the path", Detail: &detail{clang: true, sourceArg: "x.c"}}},
		{"clang -c x.c -fpseudo-probe-for-profiling", compile.Compilation{Kind: "clang", Language: "c", Source: "x.c",
			BindAll: "names made of a digest of the path", Detail: &detail{clang: true, sourceArg: "x.c"}}},
		{"gcc -c x.c -fmessage-length=60", compile.Compilation{Kind: "gcc", Language: "c", Source: "x.c",
			BindAll: "messages in lines", Detail: &detail{sourceArg: "x.c"}}},
		{"gcc -c x.c -fmessage-length=0", compile.Compilation{Kind: "gcc", Language: "c", Source: "x.c",
			Detail: &detail{sourceArg: "x.c"}}},
		{"gcc -c x.c -Wa,--gdwarf-5", compile.Compilation{Kind: "gcc", Language: "c", Source: "x.c",
			BindAll: "assembler debug info", Detail: &detail{sourceArg: "x.c"}}},
		{"g++ -c x.S -MD -Iq -Wa,-I,sub,-Ir -Wa,--defsym,X=1 -Xassembler -Isub", compile.Compilation{Kind: "gcc", Language: "assembler-with-cpp", Source: "x.S",
			Detail: &detail{sourceArg: "x.S", userDeps: depsAll, depFile: dir + "/x.d", includeDirs: []string{dir + "/q"},
				assemblerDirs: []string{dir + "/sub", dir + "/r", dir + "/sub"}}}},
		{"gcc -c x.s -MD -Wp,-DX", compile.Compilation{Kind: "gcc", Language: "assembler", Source: "x.s", Detail: &detail{sourceArg: "x.s"}}},
		{"gcc -c x.sx", compile.Compilation{Kind: "gcc", Language: "assembler-with-cpp", Source: "x.sx", Detail: &detail{sourceArg: "x.sx"}}},
		{"clang -c -x assembler-with-cpp noext", compile.Compilation{Kind: "clang", Language: "assembler-with-cpp", Source: "noext",
			Detail: &detail{clang: true, sourceArg: "noext"}}},
		{"clang -c x.c -Xclang -target-feature -Xclang +avx -Rpass=. -fmacro-prefix-map=/a=ignore",
			compile.Compilation{Kind: "clang", Language: "c", Source: "x.c", Detail: &detail{clang: true, sourceArg: "x.c", maps: []prefixMap{{mapsMacro, "/a"}}}}},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			c, d := parseLine(dir, tt.line)
			if d != nil {
				t.Fatalf("Parse(%s) declined: %v", tt.line, d)
			}
			got := compile.Compilation{Kind: c.Kind, Language: c.Language, Source: c.Source, PerSource: c.PerSource,
				BindAll: c.BindAll, Inputs: c.Inputs, Facts: c.Facts, Detail: c.Detail}
			want := tt.want
			want.Source = filepath.Join(dir, want.Source)
			if want.Inputs == nil {
				want.Inputs = []string{want.Source}
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(detail{}, prefixMap{})); diff != "" {
				t.Errorf("Parse(%s) (-want +got):\n%s", tt.line, diff)
			}
			if words := strings.Fields(tt.line)[1:]; !slices.Equal(c.Args, words) {
				t.Errorf("Args = %q, want %q", c.Args, words)
			}
		})
	}
}

// TestDriverLinks checks that cc counts as what it leads to.
func TestDriverLinks(t *testing.T) {
	dir := layout(t)
	bin := t.TempDir()
	for name, target := range map[string]string{"cc": "alternatives-cc", "alternatives-cc": "clang-14", "c++": "clang++-14", "clang-14": "x", "clang++-14": "x"} {
		if err := os.Symlink(target, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct{ program, kind, language string }{
		{bin + "/c++", "clang", "c++"},
		{bin + "/cc", "gcc", "c"}, // a link by a name that says nothing is not followed
		{"/absent/cc", "gcc", "c"},
	}
	for _, tt := range tests {
		inv := &compile.Invocation{Program: tt.program, Args: []string{"-c", "x.c"}, Dir: dir}
		c, d := New().Parse(inv, frontendtest.DiskFiles{})
		if d != nil {
			t.Fatal(d)
		}
		if c.Kind != tt.kind || c.Language != tt.language {
			t.Errorf("%s is %s for %s, want %s for %s", tt.program, c.Kind, c.Language, tt.kind, tt.language)
		}
	}
}

const typicalLine = "-DNDEBUG -DVERSION=\"1.2.3\" -D_GNU_SOURCE -Iinclude -Isrc -Ithird_party/a/include -Ithird_party/b/include " +
	"-isystem /opt/include -O2 -g -std=c++17 -fPIC -fvisibility=hidden -fno-exceptions -fno-rtti -ffunction-sections -fdata-sections " +
	"-fstack-protector-strong -Wall -Wextra -Wshadow -Wno-unused-parameter -Werror=return-type -Wformat=2 -march=x86-64 -mtune=generic " +
	"-pthread -fdiagnostics-color=always -pipe -MD -MT sub/y.o -MF sub/y.o.d -o sub/y.o -c x.cc"

func BenchmarkParse(b *testing.B) {
	dir := b.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "x.cc"), nil, 0o644); err != nil {
		b.Fatal(err)
	}
	f := New()
	inv := &compile.Invocation{Program: "/usr/bin/g++", Args: strings.Fields(typicalLine), Dir: dir, Env: os.Environ()}
	for b.Loop() {
		if _, d := f.Parse(inv, frontendtest.DiskFiles{}); d != nil {
			b.Fatal(d)
		}
	}
}

func FuzzParse(f *testing.F) {
	dir := f.TempDir()
	for _, name := range []string{"x.c", "x.cc"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			f.Fatal(err)
		}
	}
	f.Add("gcc", strings.ReplaceAll(typicalLine, " ", "\n"))
	for _, line := range outputLines {
		f.Add("clang", strings.ReplaceAll(line, " ", "\n"))
	}
	f.Fuzz(func(t *testing.T, program, text string) {
		inv := &compile.Invocation{Program: "/usr/bin/" + program, Args: strings.Split(text, "\n"), Dir: dir}
		c, d := New().Parse(inv, frontendtest.DiskFiles{})
		if c == nil && d == nil || c != nil && d != nil && c.Outputs != nil {
			t.Fatalf("Parse(%q) = %v, %v, want a compilation or a decline", inv.Args, c, d)
		}
		if d == nil && (len(c.Outputs) == 0 || c.Outputs[0].Role != roleObject || c.Source == "") {
			t.Fatalf("Parse(%q) = %+v, want a source and an object", inv.Args, c)
		}
	})
}
