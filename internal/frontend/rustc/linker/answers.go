package linker

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// driverVariables decide which programs a driver starts, or what it answers when asked.
var driverVariables = []string{
	"PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX", "LIBRARY_PATH", "SYSROOT",
	"CLANG_CONFIG_FILE_SYSTEM_DIR", "CLANG_CONFIG_FILE_USER_DIR", "CLANG_NO_DEFAULT_CONFIG",
}

// keyOf is what a link adds to the key of its compiler; anywhere leaves out the working directory.
func keyOf(c *compile.Compilation, call Call, anywhere bool) string {
	dir := c.Dir
	if anywhere {
		dir = "" // which no working directory is
	}
	b := "\x00link " + call.Driver + "\x00" + strings.Join(call.Choice, "\x00") + fmt.Sprint(call.LLD, dir)
	for _, name := range driverVariables {
		value, ok := c.Getenv(name)
		b += fmt.Sprintf("\x00%t%s", ok, value)
	}
	return b
}

// bound reports whether something that the driver is told may be relative to the working directory.
func bound(c *compile.Compilation, call Call) bool {
	if strings.Contains(call.Driver, "/") && !filepath.IsAbs(call.Driver) {
		return true
	}
	for _, word := range call.Choice {
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

// answers is what the driver and the linkers said to one call, and the chain that followed from it.
type answers struct {
	chain *linked
	said  map[string]frontend.ProbeResult
}

// isLoader tells questions to the loader, which have a memory of their own.
func isLoader(argv []string) bool { return len(argv) > 1 && argv[1] == "--list" }

func questionOf(argv, env []string) string { return fmt.Sprintf("%q %q", argv, env) }

// record returns a prober that notes what it hears.
func (a *answers) record(ask frontend.Prober) frontend.Prober {
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
func (a *answers) replay(ask frontend.Prober) frontend.Prober {
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

func hasAnyPrefix(s string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(s, prefix) })
}
