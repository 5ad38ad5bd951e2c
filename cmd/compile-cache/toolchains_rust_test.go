package main

import (
	"os"
	"path/filepath"
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
