package rustc

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// refusedMacros are libraries of procedural macros that are known to read beyond their user's package and its variables, or ask
// the clock, a database or git: nothing that depends on them is cached, whatever is set.
var refusedMacros = set(
	"build_info_proc", "build_time", "comptime", "compile_time", "cornucopia_macros", "crabtime_internal", "cynic_proc_macros",
	"diesel_migrations_macros", "dotenv_codegen", "dotenvy_macro", "fluent_templates_macros", "git_testament_derive", "git_version_macro", "include_dir_impl",
	"include_dir_macros", "include_flate_codegen", "include_flate_codegen_exports", "inline_python_macros", "memory_serve_macros",
	"migrations_macros", "refinery_macros", "rust_embed_impl", "shadow_rs_macros", "slint_macros", "sqlx_macros", "static_files_macros",
	"tauri_macros", "vergen_macros",
)

// macroOf returns the name of the library in libNAME-HASH.so, "" for another file.
func macroOf(path string) string {
	base := filepath.Base(path)
	if !isShared(base) {
		return ""
	}
	stem := strings.TrimSuffix(base, filepath.Ext(base))
	if i := strings.LastIndexByte(stem, '-'); i >= 0 {
		stem = stem[:i]
	}
	return strings.TrimPrefix(stem, "lib")
}

// unbounded makes what an unknown program inside the compiler (a procedural macro, or clippy's lints) may read part of what the
// compile depends on: the environment, and the package's files, by name here and by content as inputs. What it reads
// elsewhere is not covered, as it is not by cargo itself; see docs.
func (p *parser) unbounded() *compile.Decline {
	pkg, ok := p.inv.Getenv("CARGO_MANIFEST_DIR")
	if !ok || !strings.HasPrefix(pkg, "/") {
		return compile.Refuse(compile.ReasonMacro, "CARGO_MANIFEST_DIR is not set")
	}
	p.c.Facts = append(p.c.Facts, "environment of macros "+environmentDigest(p.inv.Env).String())
	p.det.pkg = filepath.Clean(pkg)
	if !p.det.macros {
		return nil
	}
	var d *compile.Decline
	if p.det.pkgFiles, d = packageFiles(p.det.pkg, p.files); d != nil {
		return d
	}
	p.c.Facts = append(p.c.Facts, "files of the package "+namesDigest(p.det.pkg, p.det.pkgFiles).String())
	return nil
}

// noise are variables that differ between calls, jobs or terminals and that no macro is expected to read. Those that hold secrets
// are among them: what is in a key may be compared.
var noise = set(
	"_", "PWD", "OLDPWD", "SHLVL", "TERM", "COLORTERM", "COLUMNS", "LINES", "PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
	"DYLD_FALLBACK_LIBRARY_PATH", "LS_COLORS", "HOSTNAME", "WINDOWID", "DISPLAY", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "TMPDIR", "TMP", "TEMP",
	"CARGO_MAKEFLAGS", "NUM_JOBS", "CARGO_BUILD_JOBS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER",
	"RUSTUP_TOOLCHAIN_SOURCE", "RUST_BACKTRACE", "INVOCATION_ID", "JOURNAL_STREAM", "HISTFILE", "MAIL", "EDITOR", "PAGER",
)

var noisePrefixes = []string{
	"COMPILE_CACHE_", "GITHUB_", "RUNNER_", "ACTIONS_", "AWS_", "XDG_", "SSH_", "GPG_", "DBUS_", "TMUX", "VSCODE_", "CARGO_TERM_", "BASH_FUNC_",
}

func isNoise(name string) bool {
	if noise[name] {
		return true
	}
	for _, prefix := range noisePrefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	for _, secret := range []string{"TOKEN", "SECRET", "PASSWORD", "CREDENTIAL"} {
		if strings.Contains(name, secret) {
			return true
		}
	}
	return false
}

// environmentDigest stands for all variables but noise: which ones a macro reads nobody tells.
func environmentDigest(env []string) digest.Key {
	var kept []string
	for _, kv := range env {
		if name, _, _ := strings.Cut(kv, "="); !isNoise(name) {
			kept = append(kept, kv)
		}
	}
	slices.Sort(kept)
	return digest.KeyOf([]byte(strings.Join(kept, "\x00")))
}

// namesDigest stands for the names of a package's files, relative to it.
func namesDigest(pkg string, files []string) digest.Key {
	var b strings.Builder
	for _, f := range files {
		b.WriteString(strings.TrimPrefix(f, pkg))
		b.WriteByte(0)
	}
	return digest.KeyOf([]byte(b.String()))
}

// maxPackage bounds the files of a package that count, maxDepth the directories below each other.
const (
	maxPackage = 4000
	maxDepth   = 32
)

// packageFiles lists the regular files below a package's directory, in a fixed order, without version control's and without
// directories that are marked as caches, as cargo's target directory is.
func packageFiles(pkg string, files frontend.Files) ([]string, *compile.Decline) {
	var found []string
	var walk func(dir string, depth int) *compile.Decline
	walk = func(dir string, depth int) *compile.Decline {
		names, err := files.Names(dir)
		if err != nil {
			return compile.Refuse(compile.ReasonMacro, err.Error())
		}
		if _, tagged := slices.BinarySearch(names, "CACHEDIR.TAG"); tagged || depth > maxDepth {
			return nil
		}
		for _, name := range names {
			if name == ".git" || name == ".hg" || name == ".svn" {
				continue
			}
			path := dir + "/" + name
			info, err := files.Stat(path)
			switch {
			case err != nil: // a link to nowhere
			case isDirectory(info):
				if d := walk(path, depth+1); d != nil {
					return d
				}
			case isRegular(info):
				found = append(found, path)
			}
			if len(found) > maxPackage {
				return compile.Refuse(compile.ReasonMacro, fmt.Sprintf("%s has more than %d files", pkg, maxPackage))
			}
		}
		return nil
	}
	if d := walk(pkg, 0); d != nil {
		return nil, d
	}
	return found, nil
}
