//go:build unix

package rustoracle

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/oracle"
)

// Host is the model compiler's target.
const Host = "x86_64-unknown-linux-gnu"

const (
	driverName = "cc"
	rustlib    = "lib/rustlib/" + Host
	gccLD      = rustlib + "/bin/gcc-ld"
)

// WriteToolchain writes a compiler below dir: bin/rustc, its libraries and the standard library. version is part of every file's
// content. The compiler finds them by the path it was started as.
func WriteToolchain(dir, version string) error {
	return writeAll(dir, map[string]string{
		"bin/rustc":                             string(oracle.Image("rustc " + version)),
		"lib/librustc_driver-0123.so":           "driver library " + version,
		"lib/libLLVM.so.22.1-rust-1.95.0":       "llvm " + version,
		rustlib + "/lib/libstd-0123.rlib":       "std " + version,
		rustlib + "/lib/libcore-0123.rlib":      "core " + version,
		rustlib + "/codegen-backends/README.md": "none " + version,
	})
}

// WriteDriver writes a linker's driver below dir: bin/cc, the linker that it starts, and the libraries of the system.
func WriteDriver(dir string) error {
	return writeAll(dir, map[string]string{
		"bin/cc":           string(oracle.Image("cc")),
		"libexec/collect2": string(oracle.Image("collect2")),
		"libexec/ld":       string(oracle.Image("ld")),
		"lib/crt1.o":       "start",
		"lib/libc.so":      "libc",
	})
}

func writeAll(dir string, files map[string]string) error {
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// sysroot returns the directory above the compiler's own. rustc follows the links of its path.
func (c *Call) sysroot() string {
	real, err := filepath.EvalSymlinks(c.Program)
	if err != nil {
		real = c.Program
	}
	return filepath.Dir(filepath.Dir(real))
}

// compiler returns a text that stands for all of the compiler.
func (c *Call) compiler() (string, error) {
	var b strings.Builder
	program, err := os.ReadFile(c.Program)
	if err != nil {
		return "", err
	}
	b.WriteString(sum(program))
	for _, dir := range []string{"lib", rustlib + "/lib"} {
		entries, err := os.ReadDir(filepath.Join(c.sysroot(), dir))
		if err != nil {
			return "", err
		}
		for _, e := range entries {
			if !e.Type().IsRegular() {
				continue
			}
			text, err := os.ReadFile(filepath.Join(c.sysroot(), dir, e.Name()))
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, " %s %s", e.Name(), sum(text))
		}
	}
	return sum([]byte(b.String())), nil
}

// drive is a call of the driver: it answers what it is asked about itself, as gcc does.
func (c *Call) drive() Answer {
	if slices.Contains(c.Args, "-print-search-dirs") {
		return Answer{Stdout: []byte("install: " + c.driverHome() + "/libexec/\nprograms: =" + strings.Join(c.programDirs(), "/:") +
			"/\nlibraries: =" + c.driverHome() + "/lib/\n")}
	}
	if !slices.Contains(c.Args, "-Wl,--version") {
		return Answer{Status: 1, Stderr: []byte("cc: fatal error: no input files\n")}
	}
	programs, err := c.linkers(c.Args)
	if err != nil {
		return Answer{Status: 1, Stderr: []byte("cc: fatal error: " + err.Error() + "\n")}
	}
	said := "Using built-in specs.\nCOLLECT_GCC=" + c.Program + "\nCOLLECT_GCC_OPTIONS='-v' '-Wl,--dependency-file=/dev/null'\n"
	for _, p := range programs {
		said += " " + p + " --dependency-file=/dev/null --version\n"
	}
	return Answer{Stderr: []byte(said)}
}

// driverHome is the directory above the driver's own.
func (c *Call) driverHome() string { return filepath.Dir(filepath.Dir(c.Program)) }

func (c *Call) programDirs() []string {
	return append(c.list("COMPILER_PATH"), c.driverHome()+"/libexec", c.driverHome()+"/mbin")
}

// linkers returns the programs that the driver starts for a link: collect2, and the linker that this one starts.
func (c *Call) linkers(args []string) ([]string, error) {
	dirs := c.programDirs()
	for _, arg := range args {
		if dir, ok := strings.CutPrefix(arg, "-B"); ok {
			dirs = append([]string{dir}, dirs...)
		}
	}
	collect := firstIn(dirs, "collect2")
	if collect == "" {
		return nil, fmt.Errorf("cannot execute 'collect2': execvp: No such file or directory")
	}
	names := []string{"real-ld", "collect-ld", "ld"}
	if slices.Contains(args, "-fuse-ld=lld") {
		names = []string{"ld.lld"}
	}
	for _, name := range names {
		if p := firstIn(append(dirs, c.list("PATH")...), name); p != "" {
			return []string{collect, p}, nil
		}
	}
	return nil, fmt.Errorf("cannot find 'ld'")
}

// firstIn returns the first program of a name, "" for none.
func firstIn(dirs []string, name string) string {
	for _, dir := range dirs {
		p := filepath.Join(dir, name)
		if fi, err := os.Stat(p); err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0 {
			return p
		}
	}
	return ""
}
