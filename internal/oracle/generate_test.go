//go:build unix

package oracle

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// headerText is a random header; it includes only headers with a higher number, so that includes end.
func headerText(rng *rand.Rand, number int) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	name := strings.NewReplacer("/", "_", ".", "_").Replace(headers[number])
	switch rng.IntN(4) {
	case 0, 1:
		line("#pragma once")
	case 2:
		line("#ifndef GUARD_%s\n#define GUARD_%s", name, name)
	}
	guarded := strings.HasPrefix(b.String(), "#ifndef")
	line("int %s_%d;", name, rng.IntN(4))
	for range rng.IntN(3) {
		body(rng, number, line)
	}
	if guarded {
		line("#endif")
	}
	return b.String()
}

func sourceText(rng *rand.Rand) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	for range 2 + rng.IntN(3) {
		includeLine(rng, -1, line)
	}
	for range rng.IntN(3) {
		body(rng, -1, line)
	}
	if rng.IntN(2) == 0 {
		line("#if FROM_M\nint from_m;\n#endif")
	}
	if rng.IntN(4) == 0 {
		line("#include \"../inc0/a.h\"\n#include \"../inc1/a.h\"")
	}
	if rng.IntN(4) == 0 {
		line("__asm__(\".pushsection .rodata; .inc\" \"bin \\\"blob.bin\\\"; .popsection\");")
	}
	if rng.IntN(4) == 0 {
		line("__asm__(\".pushsection .rodata; .ascii \\\"\" __FILE__ \"\\\"; .popsection\");")
	}
	if rng.IntN(4) == 0 {
		line("#line 4 \"%s\"\n#warning from another file", []string{"data/p.y", "../data/p.y", "gone.y"}[rng.IntN(3)])
	}
	line("int source_%d;", rng.IntN(4))
	return b.String()
}

func includeLine(rng *rand.Rand, number int, line func(string, ...any)) {
	if number+1 >= len(headers) {
		line("int leaf;")
		return
	}
	name := headers[number+1+rng.IntN(len(headers)-number-1)]
	switch rng.IntN(9) {
	case 0, 1, 2, 3:
		line("#include \"%s\"", name)
	case 4, 5:
		line("#include <%s>", name)
	case 6:
		line("#define HEADER_%d \"%s\"\n#include HEADER_%d", number+1, name, number+1)
	case 7:
		line("#inc\\\nlude \"%s\" /* spliced */", name)
	case 8:
		line("#import \"%s\"", name)
	}
}

// body writes one construct.
func body(rng *rand.Rand, number int, line func(string, ...any)) {
	switch rng.IntN(22) {
	case 0, 1, 2, 3:
		includeLine(rng, number, line)
	case 4, 5:
		name := optional[0]
		line("#if __has_include(\"%s\")\n#include \"%s\"\n#endif", name, name)
	case 6:
		line("#if __has_include(<%s>) && !defined(NOPE)\nint has_it;\n#endif", optional[rng.IntN(2)])
	case 7, 8:
		line("#ifdef FLAG%d", rng.IntN(2))
		includeLine(rng, number, line)
		line("#else\nint otherwise;\n#endif")
	case 9:
		line("#if defined(FLAG0) || FROM_M")
		includeLine(rng, number, line)
		line("#endif")
	case 10, 11:
		line("#warning about %d", rng.IntN(3))
	case 12, 13:
		line("__asm__(\".pushsection .rodata; .ascii \\\"\" __FILE__ \"\\\"; .popsection\");")
	case 14:
		if number >= 0 {
			line("#if __has_include_next(<%s>)\n#include_next <%s>\n#endif", headers[number], headers[number])
		}
	case 15, 16:
		line("__asm__(\".pushsection .rodata; .inc\" \"bin \\\"blob.bin\\\"; .popsection\");")
	case 17:
		line("#line 4 \"%s\"\n#warning from another file", []string{"data/p.y", "../data/p.y", "gone.y"}[rng.IntN(3)])
	case 18:
		line("/* #include \"nowhere.h\" */ // #include \"nowhere.h\"\nint c%d;", rng.IntN(3))
	case 19:
		line("#pragma say hello %d", rng.IntN(2))
	case 20:
		switch rng.IntN(30) {
		case 0:
			line("__asm__(\".pushsection .rodata; .ascii \\\"\" __TI\\\nME__ \"\\\"; .popsection\");")
		case 1:
			line("__asm__(\".pushsection .rodata; .ascii \\\"\" __DATE__ \"\\\"; .popsection\");")
		case 2:
			line("__asm__(\".pushsection .rodata; .ascii \\\"\" __TIMESTAMP__ \"\\\"; .popsection\");")
		default:
			line("extern char line[__LINE__ ? 1 : 2];")
		}
	case 21:
		line("#if __has_include(<systemheader.h>)\n#include <systemheader.h>\n#endif")
	}
}

// flagPool is what options are chosen from.
var flagPool = [][]string{
	{"-I", "{r}/inc1"}, {"-I", "{r}/inc2"}, {"-I", "{R}/inc1"}, {"-I", "{R}/inc2"}, {"-I", "{r}/link"}, {"-I", "{r}/missing"}, {"-I", "{r}/src"},
	{"-isystem", "{r}/sys"}, {"-isystem", "{R}/sys"}, {"-isystem", "{r}/inc1"}, {"-iquote", "{r}/quote"}, {"-iquote", "{r}/inc2"},
	{"-idirafter", "{r}/after"}, {"-idirafter", "{r}/inc0"}, {"-I", "."}, {"-I", "{r}/inc0/"},
	{"-D", "FLAG0"}, {"-D", "FLAG1=2"}, {"-D", "ROOT=\"{R}\""}, {"-UFLAG0"}, {"-Wp,-DFLAG1,-UFLAG0"}, {"@{r}/src/flags.rsp"},
	{"-imacros", "{R}/src/m.h"}, {"-include", "a.h"}, {"-include", "{r}/inc0/b.h"}, {"-imacros", "{r}/src/m.h"},
	{"-O0"}, {"-O2"}, {"-fPIC"}, {"-std=gnu11"}, {"-Wall"}, {"-w"}, {"-pipe"}, {"-Werror=unused"},
	{"-g"}, {"-g0"}, {"-gsplit-dwarf"}, {"-Wa,--gdwarf-5"}, {"-Wa,--noexecstack"},
	{"-fdebug-prefix-map={R}=."}, {"-ffile-prefix-map={R}=/x"}, {"-fmacro-prefix-map={R}/inc0=I"}, {"-fdebug-prefix-map={R}=/y"},
	{"-MD"}, {"-MMD"}, {"-MD", "-MF", "{r}/build/deps.d"}, {"-MMD", "-MP"}, {"-MD", "-MT", "target"}, {"-Wp,-MD,{r}/build/wp.d"},
	{"--coverage"}, {"-fstack-usage"}, {"-flto"}, {"-gz"}, {"-fdiagnostics-color=always"}, {"-nostdinc"},
	{"-I", "{r}/inc1/../inc2"}, {"-I", "{r}/link/../inc1"},
}

func insertFlag(rng *rand.Rand, flags [][]string) [][]string {
	f := flagPool[rng.IntN(len(flagPool))]
	if rng.IntN(4) < 2 {
		// Half of all changes are about search directories.
		f = flagPool[rng.IntN(16)]
	}
	if len(f) == 2 && rng.IntN(2) == 0 && f[0] != "-MD" && f[0] != "-MMD" {
		f = []string{f[0] + f[1]}
	}
	return slices.Insert(slices.Clone(flags), rng.IntN(len(flags)+1), f)
}
