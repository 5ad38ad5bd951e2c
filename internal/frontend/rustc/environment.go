package rustc

import (
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// noise are variables that differ between calls, jobs or terminals and count only where a macro names them. Those that hold secrets
// are among them: what is in a key may be compared.
var noise = set(
	"PWD", "OLDPWD", "SHLVL", "TERM", "COLORTERM", "COLUMNS", "LINES", "PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
	"DYLD_FALLBACK_LIBRARY_PATH", "LS_COLORS", "HOSTNAME", "WINDOWID", "DISPLAY", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "TMPDIR", "TMP", "TEMP",
	"CARGO_MAKEFLAGS", "NUM_JOBS", "CARGO_BUILD_JOBS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER",
	"RUSTUP_TOOLCHAIN_SOURCE", "RUST_BACKTRACE", "INVOCATION_ID", "JOURNAL_STREAM", "HISTFILE", "MAIL", "EDITOR", "PAGER",
)

var noisePrefixes = []string{
	"COMPILE_CACHE_", "GITHUB_", "RUNNER_", "ACTIONS_", "AWS_", "XDG_", "SSH_", "GPG_", "DBUS_", "TMUX", "VSCODE_", "CARGO_TERM_", "BASH_FUNC_",
}

// secretWords are in names of variables that hold secrets.
var secretWords = []string{"TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "PRIVATE", "_KEY", "_PASS", "_AUTH"}

// noiseFor returns whether a variable is noise, and the text by which a program that reads it would name it: its name, or the
// beginning that it shares with others, since names are also put together.
func noiseFor(name string) (text string, isNoise bool) {
	for _, prefix := range noisePrefixes {
		if strings.HasPrefix(name, prefix) {
			return prefix, true
		}
	}
	if noise[name] {
		return name, true
	}
	for _, secret := range secretWords {
		if strings.Contains(name, secret) {
			return name, true
		}
	}
	return "", false
}

// lastCommand is a variable that shells set for each command, to its path. It never counts: every library and source holds such a name, and would
// be compiled again by another script.
const lastCommand = "_"

// everyMacroNames is what the standard library itself names in each macro.
const everyMacroNames = "RUST_BACKTRACE"

// valueBytes is how much of a value's digest tells it from others.
const valueBytes = 16

// environmentFacts are a line for each variable but noise that no program names: which ones a macro reads nobody tells. Values stand
// as digests, since facts are kept where people read them.
func environmentFacts(env []string, names func(text string) bool) []string {
	named := map[string]bool{}
	var facts []string
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		if name == lastCommand {
			continue
		}
		if text, isNoise := noiseFor(name); isNoise {
			known, ok := named[text]
			if !ok {
				known = text != everyMacroNames && names(text)
				named[text] = known
			}
			if !known {
				continue
			}
		}
		facts = append(facts, variableFact(name, value))
	}
	slices.Sort(facts)
	return facts
}

// variableFact is the line of one variable.
func variableFact(name, value string) string {
	return "macro-variable " + name + "=" + digest.KeyOf([]byte(value)).String()[:2*valueBytes]
}
