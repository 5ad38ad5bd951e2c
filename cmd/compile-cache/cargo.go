package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"syscall"

	"github.com/compile-cache/compile-cache-action/internal/github"
)

// incrementalNote is said once by what set CARGO_INCREMENTAL, where Rust is compiled.
const incrementalNote = "CARGO_INCREMENTAL=0 was set: incremental compiles are not cached; set the variable to 1 to have them anyway"

// cargoSettings returns the variables by which cargo calls rustc through ccwrap, without those that the user set, to whatever value.
// cargo's own directory holds rustc behind a proxy, so a shim in PATH would come too late.
func (a *app) cargoSettings() (settings []github.Pair) {
	if runtime.GOOS == "windows" {
		return nil
	}
	ccwrap := filepath.Join(a.shims(), "ccwrap")
	wrapper, set := a.lookupEnv("RUSTC_WRAPPER")
	_, configured := a.lookupEnv("CARGO_BUILD_RUSTC_WRAPPER")
	inner, _ := a.lookupEnv("RUSTC_WORKSPACE_WRAPPER")
	switch {
	case set && filepath.Base(wrapper) != "ccwrap", configured, !set && a.cargoConfigured():
		return nil // another cache, or none
	case !set && filepath.Base(inner) != "ccwrap":
		settings = append(settings, github.Pair{Name: "RUSTC_WRAPPER", Value: ccwrap})
	}
	if _, set := a.lookupEnv("CARGO_INCREMENTAL"); !set {
		settings = append(settings, github.Pair{Name: "CARGO_INCREMENTAL", Value: "0"})
	}
	return settings
}

// wrapperSetting is a wrapper in cargo's configuration, which a variable would override.
var wrapperSetting = regexp.MustCompile(`(?m)^[^#\n]*\brustc-wrapper\b`)

// cargoConfigured reports whether cargo's configuration names a wrapper of rustc: that of the working directory, of those above it
// and of the user. A file that cannot be read is taken to.
func (a *app) cargoConfigured() bool {
	here, err := os.Getwd()
	if err != nil {
		return true
	}
	var dirs []string
	for dir := here; ; dir = filepath.Dir(dir) {
		dirs = append(dirs, filepath.Join(dir, ".cargo"))
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if home := a.getenv("CARGO_HOME"); home != "" {
		dirs = append(dirs, home)
	} else if home := a.getenv("HOME"); home != "" {
		dirs = append(dirs, filepath.Join(home, ".cargo"))
	}
	for _, dir := range dirs {
		for _, name := range []string{"config.toml", "config"} {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) || wrapperSetting.Match(text) {
				return true
			}
		}
	}
	return false
}

// lookupEnv tells an empty variable from one that is not set.
func (a *app) lookupEnv(name string) (string, bool) {
	return a.getenv(name), len(without(a.env, name)) < len(a.env)
}
