package main

import (
	"path/filepath"
	"runtime"

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
	case set && filepath.Base(wrapper) != "ccwrap", configured:
		return nil // another cache, or none
	case !set && filepath.Base(inner) != "ccwrap":
		settings = append(settings, github.Pair{Name: "RUSTC_WRAPPER", Value: ccwrap})
	}
	if _, set := a.lookupEnv("CARGO_INCREMENTAL"); !set {
		settings = append(settings, github.Pair{Name: "CARGO_INCREMENTAL", Value: "0"})
	}
	return settings
}

// lookupEnv tells an empty variable from one that is not set.
func (a *app) lookupEnv(name string) (string, bool) {
	return a.getenv(name), len(without(a.env, name)) < len(a.env)
}
