//go:build unix

package rustc

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
	"github.com/compile-cache/compile-cache-action/internal/frontend/rustc/linker"
)

// What a call for another target makes, and by which linker. Crate types that a target has not are none of its outputs.
func TestTargetOutputs(t *testing.T) {
	dir := workDir(t, map[string]string{"a.rs": ""})
	const stem = "a-0123456789abcdef"
	for args, want := range map[string]string{
		"--target wasm32-unknown-unknown --crate-type bin":                                              "wasm: " + stem + ".wasm",
		"--target wasm32-wasip1 --crate-type cdylib,rlib,dylib":                                         "wasm: lib" + stem + ".rlib " + stem + ".wasm, some dropped",
		"--target wasm32-unknown-unknown --crate-type bin,cdylib":                                       "link",
		"--target wasm32-unknown-unknown --crate-type dylib":                                            "link",
		"--target wasm32-wasip2 --crate-type bin":                                                       "wasm: " + stem + ".wasm",
		"--target wasm32-wasip2 --crate-type bin -C linker=rust-lld":                                    "link",
		"--target wasm32-unknown-emscripten --crate-type bin":                                           "link",
		"--target wasm32-wasip1 --crate-type bin -C linker=clang":                                       "link",
		"--target wasm32-wasip1 --crate-type bin -C linker=/x/wasm-ld-19":                               "wasm: " + stem + ".wasm",
		"--target wasm32-wasip1 --crate-type bin -C link-arg=--reproduce=x":                             "unknown-option",
		"--target x86_64-unknown-linux-musl --crate-type cdylib,rlib":                                   ": lib" + stem + ".rlib, some dropped",
		"--target x86_64-unknown-linux-musl --crate-type cdylib -C target-feature=-crt-static":          "driver: lib" + stem + ".so",
		"--target x86_64-unknown-linux-gnu --crate-type cdylib -C target-feature=+crt-static":           "driver: lib" + stem + ".so",
		"--target aarch64-unknown-linux-musl --crate-type bin -C linker=rust-lld":                       "gnu: " + stem,
		"--target aarch64-unknown-linux-gnu --crate-type bin -C linker=aarch64-linux-gnu-gcc":           "driver: " + stem,
		"--target aarch64-unknown-linux-gnu --crate-type bin -C linker=aarch64-linux-gnu-ld":            "link",
		"--target i686-unknown-linux-gnu --crate-type bin":                                              "driver -m32: " + stem,
		"--target thumbv7em-none-eabihf --crate-type bin -C link-arg=-Tlink.x":                          "gnu: " + stem,
		"--target thumbv7em-none-eabihf --crate-type bin -C link-arg=-Wl,-Tlink.x":                      "unknown-option",
		"--target thumbv7em-none-eabihf --crate-type bin -C linker=arm-none-eabi-gcc":                   "driver: " + stem,
		"--target x86_64-unknown-linux-none --crate-type bin":                                           "link",
		"--target hexagon-unknown-linux-musl --crate-type bin":                                          "link",
		"--target x86_64-pc-windows-gnu --crate-type bin":                                               "link",
		"--target x86_64-unknown-linux-gnu --crate-type bin -C linker=rust-lld -C linker-flavor=ld.lld": "link",
	} {
		args := strings.Replace(strings.Replace(cargoLine, "--crate-type lib", args, 1), "metadata,", "", 1)
		c, d := New().Parse(&compile.Invocation{Program: "/x/rustc", Dir: dir, Args: strings.Fields(args)}, frontendtest.DiskFiles{})
		if d != nil {
			if got := string(d.Reason); got != want {
				t.Errorf("Parse(%s) = %v, want %s", args, d, want)
			}
			continue
		}
		det := c.Detail.(*detail)
		got := ""
		if det.link != nil {
			if got = string(det.link.Direct); got == "" {
				got = strings.TrimSpace("driver " + strings.Join(det.link.Choice, " "))
			}
		}
		got += ":"
		for _, o := range c.Outputs {
			if o.Role != roleDependencies {
				got += " " + filepath.Base(o.Path)
			}
		}
		if det.dropped {
			got += ", some dropped"
		}
		if got != want {
			t.Errorf("Parse(%s) = %q, want %q", args, got, want)
		}
	}
}

// lld is told to list what it reads where it can, and rustc to print the call, which nothing else shows.
func TestDirectPlan(t *testing.T) {
	inv := &compile.Invocation{Args: []string{"a.rs"}}
	for _, c := range []struct {
		direct linker.Flavor
		want   frontend.Plan
	}{
		{linker.Wasm, frontend.Plan{
			Args: []string{"a.rs", "--print", "link-args=/s.link.args"}, Scratch: "/s", Hidden: []string{"/s.link.args"},
		}},
		{linker.ELF, frontend.Plan{
			Args:    []string{"a.rs", "--print", "link-args=/s.link.args", "-C", "link-arg=--dependency-file=/s.link.d"},
			Scratch: "/s", Hidden: []string{"/s.link.args", "/s.link.d"},
			Unmap: []string{` \"--dependency-file=/s.link.d\"`, "", ` "--dependency-file=/s.link.d"`, ""},
		}},
	} {
		got := New().Plan(&compile.Compilation{Invocation: inv, Detail: &detail{link: &linkage{Call: linker.Call{Direct: c.direct}}}}, nil, "/s")
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("plan of %s (-want +got):\n%s", c.direct, diff)
		}
	}
}

// What lld for WebAssembly reads: files that its arguments name, and libraries, which the first directory has that has one.
func TestWasmReads(t *testing.T) {
	dir := workDir(t, map[string]string{"x.o": "", "l/libn.a": "!<arch>\n", "m/libn.so": "", "m/libn.a": "!<arch>\n", "m/e": "", "syms": "", "t/libt.a": "!<thin>\n"})
	g := &gathering{
		c: &compile.Compilation{Invocation: &compile.Invocation{Dir: dir}}, d: &detail{crate: "a", depInfo: dir + "/a.d"}, files: frontendtest.DiskFiles{},
	}
	for args, want := range map[string]string{
		"x.o gone.o -o x.o --export main":         "x.o gone.o",
		"-L l -L m -l n":                          "/l/libn.a",
		"-Lm -Ll -ln":                             "/m/libn.so",
		"--library-path=m --library n -l :e":      "/m/libn.so /m/e",
		"--allow-undefined-file=syms -z x --ab=c": "syms",
		"-L l -l missing":                         "error",
		"-L t -l t":                               "error",
		"@x":                                      "error",
	} {
		read, err := g.wasmReads(strings.Fields(args))
		got := strings.ReplaceAll(strings.Join(read, " "), dir, "")
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("wasmReads(%s) = %q, %v, want %q", args, got, err, want)
		}
	}
}
