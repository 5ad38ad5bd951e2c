package cc

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/toolchain"
)

var _ frontend.Frontend = (*Frontend)(nil)

// chain is the Detail of a toolchain.
type chain struct {
	clang      bool
	apple      bool     // clang with versions of Apple's
	major      int      // of the version
	searchDirs []string // built-in directories of <name>, in order, as the compiler prints them
}

// Toolchain implements frontend.Frontend. What a compiler is made of is asked of it once, and known while every file that
// takes part is what it was, every name whose appearance would change the answer is still absent, and the directories
// whose contents were looked through list the same.
func (f *Frontend) Toolchain(ctx context.Context, c *compile.Compilation, files frontend.Files, ask frontend.Prober) (*compile.Toolchain, error) {
	tc, err := f.toolchain(ctx, c, files, ask)
	if err == nil {
		c.Facts = append(c.Facts, sameDirectories(c, tc.Detail.(*chain), files)...)
	}
	return tc, err
}

func (f *Frontend) toolchain(ctx context.Context, c *compile.Compilation, files frontend.Files, ask frontend.Prober) (*compile.Toolchain, error) {
	key, err := chainKeyOf(c, files)
	if err != nil {
		return nil, err
	}
	known, err := f.chains.Find(ctx, []toolchain.Key{key},
		func(known *toolchain.Answer) bool { return known.Basis.Current(files) },
		func() (*toolchain.Answer, toolchain.Key, error) {
			found, err := f.probeChain(ctx, c, files, ask)
			return found, key, err
		})
	if err != nil {
		return nil, err
	}
	return known.Toolchain, known.Refusal()
}

// chainVariables are those that decide which files make up a compiler, or what it answers when asked.
var chainVariables = []string{
	"PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX", "LIBRARY_PATH",
	"LD_LIBRARY_PATH", "LD_PRELOAD", "LD_AUDIT",
	"CCC_OVERRIDE_OPTIONS", "CLANG_CONFIG_FILE_SYSTEM_DIR", "CLANG_CONFIG_FILE_USER_DIR", "CLANG_NO_DEFAULT_CONFIG",
	"SDKROOT", "SYSROOT", "DEVELOPER_DIR",
}

// chainKeyOf names what is asked: which compiler, with which arguments and variables that change its answer.
func chainKeyOf(c *compile.Compilation, files frontend.Files) (toolchain.Key, error) {
	d := c.Detail.(*detail)
	var b strings.Builder
	b.Grow(512)
	part := func(s string) {
		b.WriteString(s)
		b.WriteByte(0)
	}
	part(c.Program)
	part(c.Language)
	relative := false
	for i, arg := range d.probeArgs {
		part(arg)
		relative = relative || dependsOnDir(arg)
		if path, ok := rootValue(d.probeArgs, i); ok {
			// gcc resolves links in its sysroot: where they lead is part of the answer.
			real, err := filepath.EvalSymlinks(frontend.Absolute(c.Dir, path))
			if err != nil {
				real = "-"
			}
			part(real)
		}
	}
	if d.splitDwarf {
		part("objcopy")
	}
	part("")
	for _, name := range chainVariables {
		value, ok := c.Getenv(name)
		if !ok {
			part("-")
			continue
		}
		part("=" + value)
		if strings.HasSuffix(name, "PATH") || strings.HasSuffix(name, "PREFIX") || strings.HasPrefix(name, "LD_") {
			relative = relative || toolchain.HasRelative(name, value)
		}
	}
	if relative {
		part(c.Dir)
	}
	return toolchain.KeyOf(c, files, b.String())
}

// rootValue returns the directory that args[i] names as the root of a compiler's own files.
func rootValue(args []string, i int) (path string, ok bool) {
	if i > 0 {
		switch args[i-1] {
		case "--sysroot", "-isysroot", "--gcc-toolchain", "-resource-dir", "-B":
			return args[i], true
		}
	}
	for _, option := range []string{"--sysroot=", "-isysroot", "--gcc-toolchain=", "--gcc-install-dir=", "-resource-dir=", "-B"} {
		if path, ok := strings.CutPrefix(args[i], option); ok && path != "" {
			return path, true
		}
	}
	return "", false
}

// dependsOnDir reports whether an argument may be, or hold, a path relative to the working directory.
func dependsOnDir(arg string) bool {
	if strings.HasPrefix(arg, "-") {
		option, value, ok := strings.Cut(arg, "=")
		switch option {
		case "--sysroot", "--gcc-toolchain", "--gcc-install-dir", "-resource-dir":
			return ok && !strings.HasPrefix(value, "/")
		}
		return strings.Contains(value, "/") && !strings.HasPrefix(value, "/")
	}
	return arg != "c" && arg != "c++" && !strings.HasPrefix(arg, "/")
}
