package rustc

import (
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// A macro that reads files may find them by a variable: APP_CONFIG=/etc/app.toml. The variable's value counts in any case. A file that it names is
// an input; what a directory holds that lies elsewhere than the files that count is not known, so a macro that names such a variable is declined.

// knownPlaces are variables whose directories macros name for other reasons: the standard library does, and what they read there of the package counts.
var knownPlaces = set("HOME", "CARGO_HOME", "RUSTUP_HOME", "TMPDIR", "TMP", "TEMP", "PWD", "OLDPWD", "CARGO_MANIFEST_DIR", "CARGO_TARGET_DIR", "OUT_DIR", "CARGO_TARGET_TMPDIR")

// othersFiles are variables that name files of machines, for programs of other kinds.
var othersFiles = set("SSL_CERT_FILE", "NIX_SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO", "CARGO_HTTP_CAINFO", "BASH_ENV", "ENV", "KUBECONFIG")

// variablePlaces adds the files that variables name to what the compile depends on. names is as for environmentFacts.
func (p *parser) variablePlaces(names func(text string) bool) *compile.Decline {
	counted := func(path string) bool {
		return slices.ContainsFunc(p.det.trees, func(t tree) bool { return isBelow(path, t.root) && (t.skip == "" || !isBelow(path, t.skip)) })
	}
	for _, kv := range slices.Sorted(slices.Values(p.inv.Env)) {
		name, value, _ := strings.Cut(kv, "=")
		if text, isNoise := noiseFor(name); value == "" || name == lastCommand || othersFiles[name] || isNoise && !names(text) {
			continue
		}
		for _, from := range []string{p.inv.Dir, p.det.pkg} {
			path := frontend.Absolute(from, value)
			info, err := p.files.Stat(path)
			if err != nil || counted(path) || slices.Contains(p.c.Inputs, path) {
				continue
			}
			const executable = 0o111
			switch {
			case info.IsRegular() && info.Mode&executable == 0:
				p.c.Inputs = append(p.c.Inputs, path)
				p.c.Facts = append(p.c.Facts, "macro-variable "+name+" names a file")
			case info.IsDirectory() && strings.HasPrefix(value, "/") && !knownPlaces[name]:
				for _, r := range p.readers {
					// Of names in small letters it is not known whether a library holds them.
					if r.reach == reachWorkspace && strings.ToUpper(name) == name && r.judged && r.traits.Spells(name) {
						return compile.Refuse(compile.ReasonMacro, r.name+": reads files, and names "+name+", a directory elsewhere")
					}
				}
			}
		}
	}
	return nil
}
