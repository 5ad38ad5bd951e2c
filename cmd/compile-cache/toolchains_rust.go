package main

import (
	"os"
	"path/filepath"
	"regexp"
)

// rustToolchain returns the files of the Rust compiler that builds in dir will use, as far as that can be guessed: what libraries of a
// sysroot hold takes a third of a second to hash. In a directory that is no part of a cargo project it returns nothing.
func (a *app) rustToolchain(dir string) []string {
	if !filepath.IsAbs(dir) || !ancestorHas(dir, "Cargo.toml") {
		return nil
	}
	sysroot := a.rustSysroot(dir)
	if sysroot == "" {
		return nil
	}
	var files []string
	for _, pattern := range []string{"bin/rustc", "lib/*.so*", "lib/*.dylib", "lib/rustlib/*/lib/*.rlib", "lib/rustlib/*/lib/*.so", "lib/rustlib/*/lib/*.dylib"} {
		matches, _ := filepath.Glob(filepath.Join(sysroot, pattern))
		files = append(files, matches...)
	}
	return files
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
