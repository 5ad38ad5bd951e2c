package engine

import (
	"path/filepath"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/config"
	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// settings come with each invocation, so two builds on one daemon may differ in them.
type settings struct {
	readOnly    bool         // COMPILE_CACHE_READONLY: no tier is written
	recache     bool         // COMPILE_CACHE_RECACHE: no lookup, results replaced
	recheck     float64      // COMPILE_CACHE_RECHECK: percent of the hits that are compiled again and compared
	salt        string       // COMPILE_CACHE_KEY_SALT
	keyEnv      []string     // COMPILE_CACHE_KEY_ENV: names of further variables, separated by commas or spaces
	extraInputs []string     // COMPILE_CACHE_EXTRA_INPUTS: further input files, separated like PATH
	roots       config.Roots // COMPILE_CACHE_ROOTS: which paths are mapped
	run         string       // COMPILE_CACHE_RUN: set by compile-cache run, so that it can tell its own events
}

func readSettings(inv *compile.Invocation) settings {
	var s settings
	for _, kv := range inv.Env {
		name, value, ok := strings.Cut(kv, "=")
		if !ok || !strings.HasPrefix(name, "COMPILE_CACHE_") {
			continue
		}
		switch name[len("COMPILE_CACHE_"):] {
		case "READONLY":
			s.readOnly, _ = protocol.Bool(value)
		case "RECACHE":
			s.recache, _ = protocol.Bool(value)
		case "RECHECK":
			s.recheck, _ = config.ParseRecheck(value) // the daemon's configuration warns
		case "KEY_SALT":
			s.salt = value
		case "KEY_ENV":
			s.keyEnv = strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
		case "EXTRA_INPUTS":
			for _, p := range filepath.SplitList(value) {
				if !filepath.IsAbs(p) {
					p = filepath.Join(inv.Dir, p)
				}
				s.extraInputs = append(s.extraInputs, p)
			}
		case "ROOTS":
			s.roots, _ = config.ParseRoots(value) // the daemon's configuration warns
		case "RUN":
			s.run = value
		}
	}
	return s
}
