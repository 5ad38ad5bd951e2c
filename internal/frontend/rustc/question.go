package rustc

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/toolchain"
)

var _ frontend.Asker = (*Frontend)(nil)

// printed are the requests of --print whose answer rests on the compiler, the arguments and the variables that it reads. Not among
// them are those that tell of this machine's processor, and those that link.
var printed = set(
	"calling-conventions", "cfg", "check-cfg", "code-models", "crate-name", "deployment-target", "file-names", "host-tuple", "relocation-models",
	"split-debuginfo", "stack-protector-strategies", "supported-crate-types", "sysroot", "target-libdir", "target-list", "tls-models",
)

// Ask implements frontend.Asker for the questions with which cargo and build scripts begin: -vV, --version, and --print. Behind rustup's
// proxy the answer is another's, whom each call chooses anew.
func (f *Frontend) Ask(ctx context.Context, inv *compile.Invocation, files frontend.Files, ask frontend.Prober) string {
	p := f.read(inv, files)
	if !p.plainQuestion() || p.environment() != nil {
		return ""
	}
	if (&probe{Asking: toolchain.Asking{Files: files}}).isRustup(inv.Program) {
		return ""
	}
	if _, err := toolchain.Interpreter(inv.Program); err != nil {
		return "" // a script, which would be asked in vain each time
	}
	if !isKnown(inv.Program, files) {
		return ""
	}
	tc, err := f.Toolchain(ctx, p.c, files, ask)
	if err != nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%q\n", inv.Program, inv.Args)
	for _, kv := range inv.Env {
		name, _, _ := strings.Cut(kv, "=")
		if _, ok := slices.BinarySearch(terminalVariables, name); ok || p.det.clippy && strings.Contains(name, "CLIPPY") {
			fmt.Fprintf(&b, "%q\n", kv)
		}
	}
	for _, file := range tc.Files {
		path := file.Path
		if file.Role == "driver" || strings.HasPrefix(file.Role, "loaded ") {
			// Where it really lies tells the compiler its sysroot.
			if path, err = filepath.EvalSymlinks(path); err != nil {
				return ""
			}
		}
		fmt.Fprintf(&b, "%s %s %s\n", file.Role, path, file.Digest)
	}
	return digest.KeyOf([]byte(b.String())).String()
}

// isKnown reports whether the large files of a compiler have been hashed. Before that it is quicker to have the compiler answer: a build begins
// with questions, and goes on to read its manifests while the daemon that it started hashes.
func isKnown(program string, files frontend.Files) bool {
	memory, ok := files.(interface{ IsKnown(path string) bool })
	if !ok {
		return true
	}
	real, err := filepath.EvalSymlinks(program)
	if err != nil {
		return false
	}
	lib := filepath.Join(filepath.Dir(filepath.Dir(real)), "lib")
	names, err := files.Names(lib)
	if err != nil {
		return false
	}
	for _, name := range names {
		path := filepath.Join(lib, name)
		if info, err := files.Stat(path); err == nil && info.IsRegular() && strings.Contains(name, ".so") && !memory.IsKnown(path) {
			return false
		}
	}
	return true
}

// plainQuestion reports whether the call asks nothing but what has one answer. A source on standard input may turn the answer into
// an error; from the null device comes none.
func (p *parser) plainQuestion() bool {
	if p.question == "" || p.declined != nil || p.onProcessor || p.stdin && !p.inv.NoInput {
		return false
	}
	if len(p.sources)+len(p.emit)+len(p.externs)+len(p.named)+len(p.det.crateDirs)+len(p.det.nativeDirs)+len(p.det.nativeLibs) > 0 || p.outDir+p.outFile != "" {
		return false
	}
	for _, q := range p.asked {
		if q != "version" && !printed[strings.TrimPrefix(q, "print ")] {
			return false
		}
	}
	return true
}
