//go:build unix

package rustc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
)

// workDir makes a directory with a source and a place for outputs, and returns it without links.
func workDir(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "target", "debug", "deps"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// cargoLine is what cargo calls for a library.
const cargoLine = "--crate-name a --edition=2021 a.rs --crate-type lib --emit=dep-info,metadata,link -C embed-bitcode=no " +
	"-C metadata=12 -C extra-filename=-0123456789abcdef --out-dir target/debug/deps -L dependency=target/debug/deps"

// metadataOf is a file that names crates as metadata does.
func metadataOf(hashes ...string) string {
	var b strings.Builder
	for _, h := range hashes {
		b.WriteString("\x00\x11-" + h + "\xc1\x00")
	}
	return b.String()
}

func TestParse(t *testing.T) {
	const deps = "target/debug/deps/"
	dir := workDir(t, map[string]string{
		"a.rs": "", "target/CACHEDIR.TAG": "",
		deps + "libb-1111111111111111.rmeta": metadataOf("1111111111111111", "2222222222222222", "3333333333333333"),
		deps + "libc-2222222222222222.rmeta": "", deps + "libc-2222222222222222.rlib": "",
		deps + "libd-3333333333333333.rlib": "", deps + "libe-4444444444444444.rmeta": "",
	})
	inv := &compile.Invocation{
		Program: "/usr/bin/rustc", Dir: dir, Env: []string{"HOME=/home/u"},
		Args: strings.Fields(cargoLine + " --extern b=" + deps + "libb-1111111111111111.rmeta --cfg x"),
	}
	c, d := New().Parse(inv, frontendtest.DiskFiles{})
	if d != nil {
		t.Fatal(d)
	}
	in := func(names ...string) []string {
		for i := range names {
			names[i] = filepath.Join(dir, names[i])
		}
		return names
	}
	for _, x := range []struct {
		what      string
		got, want any
	}{
		{"source", c.Source, filepath.Join(dir, "a.rs")},
		{"inputs", c.Inputs, in("a.rs", deps+"libb-1111111111111111.rmeta", deps+"libc-2222222222222222.rmeta", deps+"libd-3333333333333333.rlib")},
		{"outputs", c.Outputs, []compile.Output{
			{Role: roleMetadata, Path: filepath.Join(dir, deps+"liba-0123456789abcdef.rmeta"), Replaced: true, Empty: true},
			{Role: roleLibrary, Path: filepath.Join(dir, deps+"liba-0123456789abcdef.rlib"), Replaced: true},
			{Role: roleDependencies, Path: filepath.Join(dir, deps+"a-0123456789abcdef.d"), Text: true},
		}},
		{"roots", c.Roots, []compile.Root{{Name: "target", Path: filepath.Join(dir, "target")}, {Name: "cargo-home", Path: "/home/u/.cargo"}}},
		{"bind", c.BindAll, ""},
		{"arguments", c.Args, []string{
			"--crate-name", "a", "--edition=2021", "source", "a.rs", "--crate-type", "lib", "--emit=dep-info,metadata,link",
			"-C", "embed-bitcode=no", "-C", "metadata=12", "-C", "extra-filename=-0123456789abcdef", "--out-dir", "target/debug/deps",
			"-L dependency", "target/debug/deps", "--extern b", deps + "libb-1111111111111111.rmeta", "--cfg", "x",
		}},
	} {
		if diff := cmp.Diff(x.want, x.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", x.what, diff)
		}
	}
}

func TestParseDeclines(t *testing.T) {
	const deps = "target/debug/deps/"
	dir := workDir(t, map[string]string{
		"a.rs": "", "typed.rs": "#![crate_type = \"lib\"]", deps + "libplain.rmeta": "", deps + "libnone.rlib": "rust\x00\x00\x00", deps + "libodd-1111111111111111.rmeta": "no metadata",
		deps + "libm-2222222222222222.so": "", deps + "libsqlx_macros-3333333333333333.so": "",
		deps + "libu-4444444444444444.rmeta": metadataOf("4444444444444444", "2222222222222222"),
	})
	replaced := func(old, with string) string { return strings.Replace(cargoLine, old, with, 1) }
	for _, c := range []struct {
		args string
		want string // outcome, or reason of what is uncacheable; "" for a compile
	}{
		{cargoLine, ""},
		{"-vV", "not_a_compile"},
		{"--print=cfg", "not_a_compile"},
		{"- --print=file-names", "not_a_compile"},
		{"--version", "not_a_compile"},
		{"", "not_a_compile"},
		{"- --crate-type lib", "stdin"},
		{replaced("a.rs", "-"), "stdin"},
		{"@args", "arguments"},
		{cargoLine + " --cfg @args", "arguments"}, // rustc reads that file too
		{replaced("--crate-type lib", "--crate-type proc-macro"), ""},
		{replaced("--crate-type lib", "--crate-type bin"), ""},
		{replaced("--crate-type lib", "--crate-type lib --crate-type cdylib"), ""},
		{replaced("--crate-type lib", "--crate-type=lib,dylib"), ""},
		{replaced("--crate-type lib", "--crate-type=cdylib,dylib"), "link"},
		{replaced("--crate-type lib", "--crate-type sdylib"), "link"},
		{strings.Replace(replaced("--crate-type lib", ""), "a.rs", "typed.rs", 1), "link"},
		{cargoLine + " --test", ""},
		{cargoLine + " --test -C linker=clang-14 -C linker-flavor=gcc", ""},
		{cargoLine + " --test -C linker=aarch64-linux-gnu-gcc", ""},
		{cargoLine + " --test -C linker=ld", "link"},
		{cargoLine + " --test -C linker-flavor=ld", "link"},
		{cargoLine + " --test -C linker-plugin-lto", "link"},
		{cargoLine + " --test --target x86_64-unknown-linux-gnu", ""},
		{cargoLine + " --test --target x86_64-pc-windows-gnu", "link"},
		{cargoLine + " --test -C link-arg=-Wl,-z,now,--version-script=x,-rpath,/y -C link-arg=-fuse-ld=mold -Clink-args=-Xlinker -Clink-arg=--gc-sections", ""},
		{cargoLine + " --test -C link-arg=-Wl,--of-tomorrow", "unknown-option"},
		{cargoLine + " --test -C link-arg=-Wl,-Map=x", "unknown-option"},
		{cargoLine + " --test -C link-arg=-Wl,--lto-obj-path=x", "unknown-option"},
		{cargoLine + " --test -C link-arg=-Wl,-lto-obj-path=x", "unknown-option"},
		{cargoLine + " --test -C link-arg=-of-tomorrow", "unknown-option"},
		{cargoLine + " --test -C link-arg=@file", "unknown-option"},
		{cargoLine + " --test -C link-arg=-L=/usr/lib", "unknown-option"},
		{cargoLine + " --test -C link-arg=-Wl,-L,=/usr/lib", "unknown-option"},
		{cargoLine + " --test -C link-arg=-Wl,--library-path==/usr/lib", "unknown-option"},
		{cargoLine + " --test -C link-arg=-Wl,-rpath=/usr/lib", ""},
		{cargoLine + " --test -C link-arg=-u -C link-arg=@file", "unknown-option"},
		{cargoLine + " --test -C link-arg=-Xlinker", "unknown-option"},
		{cargoLine + " --test -C link-arg=missing.o", "unknown-option"},
		{cargoLine + " -C link-arg=-of-tomorrow", ""}, // no linker is called,
		{replaced("--emit=dep-info,metadata,link", "--emit=dep-info,metadata") + " --test", ""},
		{replaced("--crate-type lib", "--crate-type bin --emit dep-info"), ""},
		{replaced("--emit=dep-info,metadata,link", ""), "option"},
		{replaced("--emit=dep-info,metadata,link", "--emit=metadata"), "option"},
		{replaced("--emit=dep-info,metadata,link", "--emit=dep-info"), "dependencies-only"},
		{replaced("--emit=dep-info,metadata,link", "--emit=dep-info,asm"), "option"},
		{replaced("--emit=dep-info,metadata,link", "--emit=dep-info=x.d,link"), "option"},
		{cargoLine + " -C incremental=x", "incremental"},
		{cargoLine + " -Cincremental=x", "incremental"},
		{cargoLine + " --codegen incremental=x", "incremental"},
		{cargoLine + " -C target-cpu=znver3", ""},
		{cargoLine + " -C save-temps", "option"},
		{cargoLine + " -C split-debuginfo=unpacked", "option"},
		{cargoLine + " -C split-debuginfo=off", ""},
		{cargoLine + " -C llvm-args=-x", ""},
		{cargoLine + " -C llvm-args=--inline-threshold=-5", ""},
		{cargoLine + " -C llvm-args=-load=/x.so", "option"},
		{cargoLine + " -C llvm-args=-forceattrs-csv-path=x", "option"},
		{cargoLine + " -C llvm-args=-view-cfg", "option"},
		{cargoLine + " -C of-tomorrow", "unknown-option"},
		{cargoLine + " -Z self-profile", "unknown-option"},
		{cargoLine + " -Zunstable-options", ""},
		{cargoLine + " -Zthreads=8 -Z share_generics=y -Zsanitizer=address", ""},
		{cargoLine + " -Zdump-mir=all", "unknown-option"},
		{cargoLine + " --of-tomorrow", "unknown-option"},
		{cargoLine + " -gO", "unknown-option"},
		{cargoLine + " -g -O -v", ""},
		{cargoLine + " --cfg", "arguments"},
		{cargoLine + " b.rs", "multiple-sources"},
		{cargoLine + " -o x", "option"},
		{cargoLine + " --sysroot /x", "option"},
		{cargoLine + " --json=artifacts,timings", "option"},
		{cargoLine + " -L /x", ""}, // missing
		{cargoLine + " -L crate=/x", "option"},
		{cargoLine + " -L native=/x -l dylib=z", ""},
		{cargoLine + " -l static:+verbatim=z.o", "option"},
		{cargoLine + " --extern b", "option"},
		{cargoLine + " --extern proc_macro", ""},
		{cargoLine + " --extern b=" + deps + "libplain.rmeta", "input"},
		{cargoLine + " --extern b=" + deps + "libnone.rlib", ""},
		{cargoLine + " --extern b=" + deps + "libnone.so", "option"},
		{cargoLine + " --extern b=" + deps + "libodd-1111111111111111.rmeta", "input"},
		{cargoLine + " --extern b=" + deps + "libmissing-1111111111111111.rmeta", "input"},
		{cargoLine + " --extern m=" + deps + "libm-2222222222222222.so", "procedural-macro"}, // no CARGO_MANIFEST_DIR
		{cargoLine + " --extern u=" + deps + "libu-4444444444444444.rmeta", "procedural-macro"},
		{cargoLine + " --extern s=" + deps + "libsqlx_macros-3333333333333333.so", "procedural-macro"},
		{replaced("a.rs", "missing.rs"), "input"},
		{replaced("--out-dir target", "--out-dir nowhere"), "output-file"},
		{replaced("--crate-name a", ""), "arguments"},
	} {
		_, d := New().Parse(&compile.Invocation{Program: "/usr/bin/rustc", Dir: dir, Args: strings.Fields(c.args)}, frontendtest.DiskFiles{})
		got := ""
		if d != nil {
			got = string(d.Reason)
			if d.Outcome != compile.Uncacheable {
				got = string(d.Outcome)
			}
		}
		if got != c.want {
			t.Errorf("Parse(%s) = %q (%v), want %q", c.args, got, d, c.want)
		}
	}
}

// Who asks by a crate's name why it is not cached is told: a declined call has an output that bears it.
func TestParseDeclinedOutput(t *testing.T) {
	dir := workDir(t, map[string]string{"a.rs": "", "target/debug/deps/libm-2222222222222222.so": ""})
	for _, more := range []string{" -C incremental=x", " --extern m=target/debug/deps/libm-2222222222222222.so"} {
		c, d := New().Parse(&compile.Invocation{Program: "/usr/bin/rustc", Dir: dir, Args: strings.Fields(cargoLine + more)}, frontendtest.DiskFiles{})
		if d == nil {
			t.Fatalf("Parse with%s = a compile, want it declined", more)
		}
		if len(c.Outputs) == 0 || !strings.Contains(filepath.Base(c.Outputs[0].Path), "a-0123456789abcdef") {
			t.Errorf("outputs of a call declined for%s = %v, want one of the crate", more, c.Outputs)
		}
	}
}

func TestParseClippy(t *testing.T) {
	dir := workDir(t, map[string]string{"a.rs": ""})
	args := strings.Fields("/x/rustc " + strings.Replace(cargoLine, ",link", "", 1))
	env := []string{"CARGO_MANIFEST_DIR=" + dir, "CLIPPY_ARGS=-Wclippy::all"}
	facts := func(env []string) string {
		c, d := New().Parse(&compile.Invocation{Program: "/x/clippy-driver", Dir: dir, Args: args, Env: env}, frontendtest.DiskFiles{})
		if d != nil {
			t.Fatal(d)
		}
		if c.Kind != "clippy" {
			t.Errorf("kind = %s, want clippy", c.Kind)
		}
		return strings.Join(c.Facts, "\n")
	}
	plain := facts(env)
	if got := facts(append(env, "CARGO_PKG_RUST_VERSION=1.60")); got == plain {
		t.Errorf("facts with another variable = %q, want others", got)
	}
	if got := facts(append(env, "GITHUB_RUN_ID=7", "MY_TOKEN=x", "PWD=/")); got != plain {
		t.Errorf("facts with variables that differ between jobs = %q, want %q", got, plain)
	}
	_, d := New().Parse(&compile.Invocation{Program: "/x/clippy-driver", Dir: dir, Args: args, Env: append(env, "SYSROOT=/y")}, frontendtest.DiskFiles{})
	if d == nil || d.Reason != compile.ReasonEnvironment {
		t.Errorf("Parse with SYSROOT = %v, want environment", d)
	}
}

func TestBindAll(t *testing.T) {
	dir := workDir(t, map[string]string{"a.rs": ""})
	const bitcode = "-C embed-bitcode=no"
	for args, want := range map[string]string{
		cargoLine: "",
		strings.Replace(cargoLine, bitcode, "", 1):                                  "bitcode",
		strings.Replace(strings.Replace(cargoLine, bitcode, "", 1), ",link", "", 1): "",
		cargoLine + " -C linker-plugin-lto":                                         "bitcode",
		cargoLine + " -C lto=off":                                                   "",
		cargoLine + " -C instrument-coverage":                                       "coverage",
		cargoLine + " -C instrument-coverage=off":                                   "",
	} {
		c, d := New().Parse(&compile.Invocation{Program: "/x/rustc", Dir: dir, Args: strings.Fields(args)}, frontendtest.DiskFiles{})
		if d != nil {
			t.Errorf("Parse(%s) = %v", args, d)
		} else if c.BindAll != want {
			t.Errorf("Parse(%s).BindAll = %q, want %q", args, c.BindAll, want)
		}
	}
}

// Only who asks for notices is told of one.
func TestParseNotices(t *testing.T) {
	dir := workDir(t, map[string]string{"a.rs": "", "target/debug/deps/.keep": ""})
	for _, tt := range []struct {
		args string
		want []string
	}{
		{" --error-format=json --json=diagnostic-rendered-ansi,artifacts,future-incompat", []string{metadataNotice, "", dependenciesNotice}},
		{" --error-format=json --json=diagnostic-rendered-ansi", []string{"", "", ""}},
		{" --json=artifacts", []string{"", "", ""}},
		// without metadata
		{" --error-format=json --json=diagnostic-rendered-ansi,artifacts,future-incompat", []string{"", ""}},
	} {
		line := cargoLine
		if len(tt.want) == 2 {
			line = strings.Replace(line, "dep-info,metadata,link", "dep-info,link", 1)
		}
		inv := &compile.Invocation{Program: "/usr/bin/rustc", Args: strings.Fields(line + tt.args), Dir: dir}
		c, decline := New().Parse(inv, frontendtest.DiskFiles{})
		if decline != nil {
			t.Fatalf("Parse(%s) = %+v", tt.args, decline)
		}
		var got []string
		for _, o := range c.Outputs {
			got = append(got, o.Notice)
		}
		if diff := cmp.Diff(got, tt.want); diff != "" {
			t.Errorf("notices of%s (-got +want):\n%s", tt.args, diff)
		}
	}
}
