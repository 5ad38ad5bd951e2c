package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRustToolchain(t *testing.T) {
	dir := t.TempDir()
	touch := func(names ...string) {
		t.Helper()
		for _, name := range names {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, nil, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	write := func(name, text string) {
		t.Helper()
		touch(name)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	touch("work/member/src/lib.rs", "work/Cargo.toml", "plain/bin/rustc", "plain/lib/librustc_driver-1.so", "c/main.c")
	env := map[string]string{"HOME": filepath.Join(dir, "home"), "PATH": filepath.Join(dir, "plain/bin")}
	found := func(where string) []string {
		a := &app{getenv: func(name string) string { return env[name] }}
		var names []string
		for _, path := range a.rustToolchain(filepath.Join(dir, where)) {
			name, err := filepath.Rel(dir, path)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
		return names
	}
	check := func(what, where string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(found(where), want); diff != "" {
			t.Errorf("rustToolchain(%s) with %s (-got +want):\n%s", where, what, diff)
		}
	}
	check("no project", "c")
	check("a rustc in PATH", "work/member", "plain/bin/rustc", "plain/lib/librustc_driver-1.so")

	touch("home/.rustup/toolchains/1.95.0-host/bin/rustc", "home/.rustup/toolchains/stable-host/bin/rustc", "home/.rustup/toolchains/nightly-host/bin/rustc",
		"home/.rustup/toolchains/stable-host/lib/rustlib/host/lib/libstd-1.rlib")
	check("rustup without a default", "work")
	write("home/.rustup/settings.toml", "version = \"12\"\ndefault_toolchain = \"stable-host\"\n")
	check("rustup's default", "work", "home/.rustup/toolchains/stable-host/bin/rustc", "home/.rustup/toolchains/stable-host/lib/rustlib/host/lib/libstd-1.rlib")
	write("work/rust-toolchain.toml", "[toolchain]\nchannel = \"1.95.0\"\n")
	check("rust-toolchain.toml above", "work/member", "home/.rustup/toolchains/1.95.0-host/bin/rustc")
	write("work/member/rust-toolchain", "nightly\n")
	check("the nearest file", "work/member", "home/.rustup/toolchains/nightly-host/bin/rustc")
	env["RUSTUP_TOOLCHAIN"] = "1.95.0-host"
	check("RUSTUP_TOOLCHAIN", "work/member", "home/.rustup/toolchains/1.95.0-host/bin/rustc")
	env["RUSTUP_TOOLCHAIN"] = "beta"
	check("a toolchain that is not there", "work/member")
}

// Of a sysroot with several targets, those that builds do not use are left out; what links with gcc is not.
func TestRustToolchainParts(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, size int) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, size), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const sysroot = "home/.rustup/toolchains/stable-a-linux/"
	write("work/Cargo.toml", 1)
	write(sysroot+"bin/rustc", 3)
	write(sysroot+"lib/libLLVM.so.1-rust", 9)
	for _, target := range []string{"a-linux", "b-linux"} {
		write(sysroot+"lib/rustlib/"+target+"/lib/libcore-1.rlib", 4)
		write(sysroot+"lib/rustlib/"+target+"/lib/libcore-1.rmeta", 8)
	}
	write(sysroot+"lib/rustlib/a-linux/bin/gcc-ld/ld.lld", 5)
	write(sysroot+"share/doc/LICENSE", 7)
	for _, version := range []string{"12", "13"} {
		write("usr/lib/gcc/a/"+version+"/lto1", 2)
	}
	write("usr/bin/a-gcc-13", 1)
	if err := os.Symlink("a-gcc-13", filepath.Join(dir, "usr/bin/cc")); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"HOME": filepath.Join(dir, "home"), "PATH": filepath.Join(dir, "none") + ":" + filepath.Join(dir, "usr/bin"), "RUSTUP_TOOLCHAIN": "stable-a-linux"}
	a := &app{getenv: func(name string) string { return env[name] }}
	check := func(what, where string, want ...string) {
		t.Helper()
		var got []string
		for _, path := range a.warmFiles(filepath.Join(dir, where)) {
			name, err := filepath.Rel(dir, path)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, strings.TrimPrefix(name, sysroot))
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("warmFiles %s (-got +want):\n%s", what, diff)
		}
	}
	host := []string{"lib/libLLVM.so.1-rust", "lib/rustlib/a-linux/lib/libcore-1.rmeta", "lib/rustlib/a-linux/bin/gcc-ld/ld.lld", "lib/rustlib/a-linux/lib/libcore-1.rlib", "bin/rustc"}
	linker := []string{"usr/lib/gcc/a/13/lto1", "usr/bin/a-gcc-13"}
	check("of a cargo project", "work", slices.Concat(host, linker)...)
	env["CARGO_BUILD_TARGET"] = "b-linux"
	check("with another target", "work", slices.Concat(host[:1], []string{host[1], "lib/rustlib/b-linux/lib/libcore-1.rmeta"}, host[2:4],
		[]string{"lib/rustlib/b-linux/lib/libcore-1.rlib"}, host[4:], linker)...)
	write("usr/bin/gcc", 1)
	check("elsewhere", "usr", "usr/bin/gcc")
}
