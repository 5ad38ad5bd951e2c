package main

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// rustToolchain returns the files of the Rust compiler that builds in dir will use, and of what it links with, as far as that can be
// guessed: what libraries of a sysroot hold takes a third of a second to hash. In a directory that is no part of a cargo project it returns nothing.
// Large files come first, so that two processors have done with all at about the same time.
func (a *app) rustToolchain(dir string) []string {
	if !filepath.IsAbs(dir) || !ancestorHas(dir, "Cargo.toml") {
		return nil
	}
	sysroot := a.rustSysroot(dir)
	if sysroot == "" {
		return nil
	}
	compiler := filesOf(filepath.Join(sysroot, "bin", "rustc"), filepath.Join(sysroot, "lib", "*"))
	for _, target := range a.rustTargets(sysroot) {
		target = filepath.Join(sysroot, "lib", "rustlib", target)
		compiler = append(compiler, filesOf(filepath.Join(target, "lib", "*"), filepath.Join(target, "lib", "self-contained", "*"),
			filepath.Join(target, "codegen-backends", "*"), filepath.Join(target, "bin", "*"), filepath.Join(target, "bin", "*", "*"))...)
	}
	largestFirst(compiler)
	return append(compiler, linkers(a.getenv("PATH"))...)
}

// rustTargets returns those of a sysroot's targets for which builds compile: the host and the one that a variable names; all, where the
// host is not clear.
func (a *app) rustTargets(sysroot string) []string {
	libs, _ := filepath.Glob(filepath.Join(sysroot, "lib", "rustlib", "*", "lib"))
	var all, used []string
	host := false
	for _, lib := range libs {
		target := filepath.Base(filepath.Dir(lib))
		all = append(all, target)
		// A toolchain of rustup is named for its host.
		isHost := strings.HasSuffix(filepath.Base(sysroot), "-"+target)
		if host = host || isHost; isHost || target == a.getenv("CARGO_BUILD_TARGET") {
			used = append(used, target)
		}
	}
	if !host {
		return all
	}
	return used
}

// linkers returns the files of the first cc in path and of what it starts for a link, where that is gcc.
func linkers(path string) []string {
	for _, dir := range filepath.SplitList(path) {
		real, err := filepath.EvalSymlinks(filepath.Join(dir, "cc"))
		if err != nil {
			continue
		}
		version := "*"
		if _, after, ok := cutLast(filepath.Base(real), "gcc-"); ok {
			version = after // as Debian names them, where there may be several
		}
		lib := filepath.Join(filepath.Dir(dir), "lib", "gcc", "*", version)
		return filesOf(filepath.Join(lib, "lto1"), filepath.Join(lib, "collect2"), filepath.Join(lib, "lto-wrapper"), filepath.Join(lib, "liblto_plugin.so"),
			filepath.Join(dir, "cc"), filepath.Join(dir, "ld"))
	}
	return nil
}

// cutLast cuts s around the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// filesOf returns the regular files that match one of the patterns, each once whatever leads to it.
func filesOf(patterns ...string) []string {
	var files []string
	seen := map[string]bool{}
	for _, pattern := range patterns {
		matches, _ := filepath.Glob(pattern)
		for _, m := range matches {
			real, err := filepath.EvalSymlinks(m)
			if err != nil || seen[real] {
				continue
			}
			seen[real] = true
			if fi, err := os.Stat(real); err == nil && fi.Mode().IsRegular() {
				files = append(files, real)
			}
		}
	}
	return files
}

// largestFirst sorts files by size.
func largestFirst(files []string) {
	sizes := map[string]int64{}
	for _, file := range files {
		if fi, err := os.Stat(file); err == nil {
			sizes[file] = fi.Size()
		}
	}
	slices.SortStableFunc(files, func(a, b string) int { return cmp.Compare(sizes[b], sizes[a]) })
}

// ancestorHas reports whether dir or a directory above holds a file of this name.
func ancestorHas(dir, name string) bool {
	for ; ; dir = filepath.Dir(dir) {
		if exists(filepath.Join(dir, name)) {
			return true
		}
		if dir == filepath.Dir(dir) {
			return false
		}
	}
}

var (
	channelSetting   = regexp.MustCompile(`(?m)^\s*channel\s*=\s*"([^"]+)"`)
	toolchainSetting = regexp.MustCompile(`(?m)^default_toolchain\s*=\s*"([^"]+)"`)
)

// rustSysroot returns the sysroot of the rustc that cargo would call in dir, "" where it is not clear. What rustup chooses from is
// asked in its order, without its overrides by directory.
func (a *app) rustSysroot(dir string) string {
	home := a.getenv("RUSTUP_HOME")
	if home == "" {
		home = filepath.Join(a.getenv("HOME"), ".rustup")
	}
	toolchains := filepath.Join(home, "toolchains")
	if !exists(toolchains) {
		rustc, err := lookPath("rustc", a.getenv("PATH"))
		if err != nil {
			return ""
		}
		if rustc, err = filepath.EvalSymlinks(rustc); err != nil {
			return ""
		}
		return filepath.Dir(filepath.Dir(rustc))
	}
	name := a.getenv("RUSTUP_TOOLCHAIN")
	for d := dir; name == ""; d = filepath.Dir(d) {
		if text, err := os.ReadFile(filepath.Join(d, "rust-toolchain.toml")); err == nil {
			name = firstGroup(channelSetting, text)
		} else if text, err := os.ReadFile(filepath.Join(d, "rust-toolchain")); err == nil {
			if name = firstGroup(channelSetting, text); name == "" {
				name = firstGroup(regexp.MustCompile(`^\s*([\w.-]+)\s*$`), text)
			}
		}
		if d == filepath.Dir(d) {
			break
		}
	}
	if name == "" {
		if text, err := os.ReadFile(filepath.Join(home, "settings.toml")); err == nil {
			name = firstGroup(toolchainSetting, text)
		}
	}
	if name == "" {
		return ""
	}
	if whole := filepath.Join(toolchains, name); exists(whole) {
		return whole
	}
	// A channel without the host's name.
	if matches, _ := filepath.Glob(filepath.Join(toolchains, name+"-*")); len(matches) == 1 {
		return matches[0]
	}
	return ""
}

func firstGroup(re *regexp.Regexp, text []byte) string {
	if m := re.FindSubmatch(text); m != nil {
		return string(m[1])
	}
	return ""
}
