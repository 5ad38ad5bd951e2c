package cc

import "strings"

// Shimmable reports whether a program of this base name is a C or C++ compiler by its name: gcc, g++, cc, c++, clang or
// clang++, alone or behind a target (arm-none-eabi-gcc), with a version or a thread model after it (gcc-12,
// x86_64-w64-mingw32-g++-posix), with or without .exe. Tools that only bear such a name in theirs (gcc-ar, clang-format,
// clang-cl, afl-gcc) are not.
func Shimmable(base string) bool {
	_, ok := driverName(base)
	return ok
}

// driverName reduces a base name to one of the six drivers.
func driverName(base string) (string, bool) {
	name := strings.TrimSuffix(base, ".exe")
	name = strings.TrimSuffix(strings.TrimSuffix(name, "-posix"), "-win32")
	if i := strings.LastIndexByte(name, '-'); i > 0 && isVersion(name[i+1:]) {
		name = name[:i]
	}
	target := ""
	if i := strings.LastIndexByte(name, '-'); i >= 0 {
		target, name = name[:i], name[i+1:]
		if !isTarget(target) {
			return "", false
		}
	}
	switch name {
	case "gcc", "g++", "cc", "c++", "clang", "clang++":
		return name, true
	}
	return "", false
}

func isVersion(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		if s[i] != '.' && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return true
}

// architectures are the starts of the first component of a target. Without them afl-gcc, a program of its own with its own
// variables, would pass for a cross compiler.
var architectures = []string{
	"aarch64", "alpha", "amd", "arc", "arm", "avr", "bfin", "bpf", "csky", "cris", "epiphany", "ft32", "h8300", "hexagon", "hppa",
	"i386", "i486", "i586", "i686", "ia64", "iq2000", "lm32", "loongarch", "m32c", "m32r", "m68", "mcore", "mep", "microblaze",
	"mips", "mmix", "mn10300", "moxie", "msp430", "nds32", "nios2", "nvptx", "or1k", "pdp11", "powerpc", "ppc", "pru", "riscv", "rl78",
	"rx", "s390", "sh", "sparc", "spu", "thumb", "tic6x", "tricore", "v850", "vax", "visium", "wasm", "x86_64", "xstormy16", "xtensa",
}

func isTarget(s string) bool {
	for _, a := range architectures {
		if strings.HasPrefix(s, a) {
			return !strings.HasPrefix(s, "armclang")
		}
	}
	return false
}
