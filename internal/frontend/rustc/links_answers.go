package rustc

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// The driver and the linkers are asked by a dozen processes, and cargo compiles each package in a directory of its own: who asked anew in each
// would ask hundreds of times. What they say does not depend on the directory where nothing that they are told is relative to it, and the driver
// is the compiler itself: a program that chooses one by directory (those that manage versions do) says by its answers that another one gave them.

// driverVariables decide which programs a driver starts, or what it answers when asked.
var driverVariables = []string{
	"PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX", "LIBRARY_PATH", "SYSROOT",
	"CLANG_CONFIG_FILE_SYSTEM_DIR", "CLANG_CONFIG_FILE_USER_DIR", "CLANG_NO_DEFAULT_CONFIG",
}

// linkKey is the part of a chain's key that a link adds; anywhere leaves out the working directory.
func linkKey(c *compile.Compilation, link *linkage, anywhere bool) string {
	dir := c.Dir
	if anywhere {
		dir = "" // which no working directory is
	}
	b := "\x00link " + link.driver + "\x00" + strings.Join(link.choice, "\x00") + fmt.Sprint(link.lld, dir)
	for _, name := range driverVariables {
		value, ok := c.Getenv(name)
		b += fmt.Sprintf("\x00%t%s", ok, value)
	}
	return b
}

// bound reports whether something that the driver is told may be relative to the working directory.
func bound(c *compile.Compilation, link *linkage) bool {
	if strings.Contains(link.driver, "/") && !filepath.IsAbs(link.driver) {
		return true
	}
	for _, word := range link.choice {
		named := hasAnyPrefix(word, []string{"-fuse-ld=", "-m", "-static", "-nostartfiles", "--target="}) && !strings.Contains(word, "/")
		if !named && !hasAnyPrefix(word, []string{"-B/", "--sysroot=/"}) {
			return true
		}
	}
	for _, name := range driverVariables {
		value, set := c.Getenv(name)
		lists := strings.HasSuffix(name, "PATH")
		switch {
		case name == "CLANG_NO_DEFAULT_CONFIG", !set && name != "PATH":
		case lists && slices.ContainsFunc(strings.Split(value, ":"), func(dir string) bool { return !filepath.IsAbs(dir) }):
			return true
		case !lists && !filepath.IsAbs(value):
			return true
		}
	}
	return false
}

// saysRelative reports whether a driver's -print-search-dirs names a relative directory.
func saysRelative(said string) bool {
	for line := range strings.SplitSeq(said, "\n") {
		_, list, ok := strings.Cut(line, ": =")
		for dir := range strings.SplitSeq(list, ":") {
			if ok && dir != "" && !filepath.IsAbs(dir) {
				return true
			}
		}
	}
	return false
}

// isDriver reports whether it was the driver itself that said what it starts.
func (p *probe) isDriver(driver string, s started) bool {
	if s.relative {
		return false
	}
	if s.otherDriver != "" {
		return p.gcc && filepath.IsAbs(s.otherDriver) && p.Same(s.otherDriver, driver)
	}
	real, err := filepath.EvalSymlinks(driver)
	if err != nil || !strings.HasPrefix(filepath.Base(real), "clang") {
		return false
	}
	return s.installed != "" && (p.Same(s.installed, filepath.Dir(driver)) || p.Same(s.installed, filepath.Dir(real)))
}

// linkAnswers is what the driver and the linkers said to one call, and the chain that followed from it.
type linkAnswers struct {
	chain *knownChain
	said  map[string]frontend.ProbeResult
}

// isLoader tells questions to the loader, which have a memory of their own.
func isLoader(argv []string) bool { return len(argv) > 1 && argv[1] == "--list" }

func questionOf(argv, env []string) string { return fmt.Sprintf("%q %q", argv, env) }

// record returns a prober that notes what it hears.
func (a *linkAnswers) record(ask frontend.Prober) frontend.Prober {
	a.said = map[string]frontend.ProbeResult{}
	return proberFunc(func(ctx context.Context, argv, env []string) (frontend.ProbeResult, error) {
		said, err := ask.Probe(ctx, argv, env)
		if err == nil && !isLoader(argv) {
			a.said[questionOf(argv, env)] = said
		}
		return said, err
	})
}

// replay returns a prober that knows the answers.
func (a *linkAnswers) replay(ask frontend.Prober) frontend.Prober {
	return proberFunc(func(ctx context.Context, argv, env []string) (frontend.ProbeResult, error) {
		if said, ok := a.said[questionOf(argv, env)]; ok {
			return said, nil
		}
		return ask.Probe(ctx, argv, env)
	})
}

type proberFunc func(ctx context.Context, argv, env []string) (frontend.ProbeResult, error)

func (f proberFunc) Probe(ctx context.Context, argv, env []string) (frontend.ProbeResult, error) {
	return f(ctx, argv, env)
}
