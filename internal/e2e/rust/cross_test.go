package rust

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// hosted is a workspace for targets with the standard library: a program, a library in all its forms, a macro and a build script.
func hosted() files {
	return files{
		"Cargo.toml":     manifest("app", "[dependencies]\nlow = { path = \"low\" }\nmac = { path = \"mac\" }\n[workspace]\nmembers = [\"low\", \"mac\"]\n"),
		"build.rs":       "fn main() { println!(\"cargo:rerun-if-changed=build.rs\"); println!(\"cargo:rustc-env=BUILT=for {}\", std::env::var(\"TARGET\").unwrap()); }\n",
		"src/main.rs":    "fn main() { println!(\"{} {} {}\", low::text(), mac::answer!(), env!(\"BUILT\")); }\n#[test] fn t() {}\n",
		"low/Cargo.toml": manifest("low", "[lib]\ncrate-type = [\"cdylib\", \"staticlib\", \"rlib\"]\n"),
		"low/src/lib.rs": "#[no_mangle] pub extern \"C\" fn low() -> i32 { 1 }\npub fn text() -> String { format!(\"low {}\", low()) }\n",
		"mac/Cargo.toml": manifest("mac", "[lib]\nproc-macro = true\n"),
		"mac/src/lib.rs": "#[proc_macro] pub fn answer(_: proc_macro::TokenStream) -> proc_macro::TokenStream { \"42\".parse().unwrap() }\n",
	}
}

// bare is one for targets without a system, linked by a script that is found in a search directory and includes another.
func bare() files {
	return files{
		"Cargo.toml": manifest("app", "[profile.dev]\npanic = \"abort\"\n[profile.release]\npanic = \"abort\"\n"),
		"build.rs": `fn main() {
    println!("cargo:rerun-if-changed=scripts");
    println!("cargo:rustc-link-search=native={}/scripts", std::env::var("CARGO_MANIFEST_DIR").unwrap());
    println!("cargo:rustc-link-arg=-Tlink.x");
}
`,
		"scripts/link.x":   "INCLUDE memory.x\nENTRY(_start)\nSECTIONS { .text : { *(.text*) } > FLASH\n.rodata : { *(.rodata*) } > FLASH }\n",
		"scripts/memory.x": "MEMORY { FLASH : ORIGIN = 0x08000000, LENGTH = 256K }\n",
		"src/main.rs":      "#![no_std]\n#![no_main]\n#[panic_handler] fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }\n#[no_mangle] pub extern \"C\" fn _start() -> ! { loop {} }\n",
	}
}

// Targets that are not the machine's own, by the linker that each takes.
func TestCross(t *testing.T) {
	for _, v := range []struct {
		target  string
		files   files
		linker  string // "" for the target's own
		program string // in the target's debug directory
	}{
		{"wasm32-unknown-unknown", hosted(), "", "app.wasm"},
		{"wasm32-wasip1", hosted(), "", "app.wasm"},
		{"wasm32-wasip2", hosted(), "", "app.wasm"},
		{"x86_64-unknown-linux-musl", hosted(), "", "app"},
		{"aarch64-unknown-linux-gnu", hosted(), "aarch64-linux-gnu-gcc", "app"},
		{"aarch64-unknown-linux-musl", hosted(), "rust-lld", "app"},
		{"thumbv7em-none-eabi", bare(), "", "app"},
	} {
		t.Run(v.target, func(t *testing.T) {
			t.Parallel()
			c := newTrap(t, v.files)
			c.needsTarget(v.target)
			if v.linker != "" {
				if v.linker != "rust-lld" {
					c.needs(v.linker)
				}
				c.machine = c.with("CARGO_TARGET_"+strings.ToUpper(strings.ReplaceAll(v.target, "-", "_"))+"_LINKER", v.linker)
			}
			for _, argv := range [][]string{
				{"cargo", "build", "--target", v.target},
				{"cargo", "build", "--release", "--target", v.target},
				{"cargo", "check", "--target", v.target},
				{"cargo", "test", "--no-run", "--target", v.target},
			} {
				if argv[1] == "test" && v.files["mac/Cargo.toml"] == "" {
					continue // no harness without a system
				}
				c.twice(c.dir, argv...)
				if argv[1] == "build" && len(argv) == 4 {
					if _, err := os.Stat(filepath.Join(c.dir, "target", v.target, "debug", v.program)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
}

// needsTarget skips the test where the standard library of a target is not installed.
func (m *machine) needsTarget(target string) {
	m.t.Helper()
	if r := m.execute(m.root, "rustc", "--print", "target-libdir", "--target", target); r.status == 0 {
		if found, _ := filepath.Glob(filepath.Join(strings.TrimSpace(r.stdout), "libcore-*.rlib")); len(found) > 0 {
			return
		}
	}
	m.t.Skipf("skipped: rustc has no target %s", target)
}

// What such links take from beyond cargo's sight.
func TestCrossTraps(t *testing.T) {
	for _, target := range []string{"wasm32-unknown-unknown", "x86_64-unknown-linux-musl"} {
		t.Run("a library appears earlier in a search path for "+target, func(t *testing.T) {
			t.Parallel()
			c, first, second := newSearching(t, target)
			argv := []string{"cargo", "build", "--target", target}
			c.nativeFor(target, second, 2)
			if b := c.same(c.dir, argv...); b.status != 0 {
				t.Fatalf("status %d: %s", b.status, b.stderr)
			}
			c.again(c.dir, argv...).stats.everything(t, -1)
			c.nativeFor(target, first, 3)
			c.same(c.dir, argv...)
			c.nativeFor(target, first, 4)
			c.same(c.dir, argv...)
			if err := os.Remove(filepath.Join(first, "libnat.a")); err != nil {
				t.Fatal(err)
			}
			c.again(c.dir, argv...).stats.everything(t, -1)
		})
	}

	// The compiler's own libraries are searched for like others.
	t.Run("a C library appears before the compiler's own", func(t *testing.T) {
		const target = "x86_64-unknown-linux-musl"
		t.Parallel()
		c, first, second := newSearching(t, target)
		c.nativeFor(target, second, 2)
		if b := c.same(c.dir, "cargo", "build", "--target", target); b.status != 0 {
			t.Fatalf("status %d: %s", b.status, b.stderr)
		}
		write(t, filepath.Join(first, "libc.a"), "!<arch>\n")
		if b := c.again(c.dir, "cargo", "build", "--target", target); b.status == 0 {
			t.Error("linked with an empty C library, want an error as without the cache")
		}
	})

	t.Run("a linker script changes, and another is found before it", func(t *testing.T) {
		const target = "thumbv7em-none-eabi"
		t.Parallel()
		c := newTrap(t, bare())
		c.needsTarget(target)
		argv := []string{"cargo", "build", "--target", target}
		if b := c.same(c.dir, argv...); b.status != 0 {
			t.Fatalf("status %d: %s", b.status, b.stderr)
		}
		for _, step := range []func(){
			func() { edit(t, c.at("scripts/memory.x"), "0x08000000", "0x08010000") },
			func() { write(t, c.at("memory.x"), "MEMORY { FLASH : ORIGIN = 0x08020000, LENGTH = 256K }\n") },
			func() { edit(t, c.at("memory.x"), "0x08020000", "0x08030000") },
		} {
			step()
			if b := c.same(c.dir, argv...); b.stats.Outcomes["miss"] == 0 {
				t.Errorf("outcomes %v, want a miss", b.stats.Outcomes)
			}
			c.again(c.dir, argv...).stats.everything(t, -1)
		}
	})

	t.Run("a linker is a script", func(t *testing.T) {
		const target = "wasm32-unknown-unknown"
		t.Parallel()
		c := newTrap(t, pair())
		c.needsTarget(target)
		sysroot := strings.TrimSpace(c.execute(c.root, "rustc", "--print", "target-libdir").stdout)
		script := filepath.Join(directory(t), "rust-lld")
		c.machine = c.with("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", script)
		for _, more := range []string{"--strip-debug", "--strip-all"} {
			write(t, script, "#!/bin/sh\nexec "+filepath.Join(filepath.Dir(sysroot), "bin", "rust-lld")+" \"$@\" "+more+"\n")
			if err := os.Chmod(script, 0o755); err != nil {
				t.Fatal(err)
			}
			b := c.same(c.dir, "cargo", "build", "--target", target)
			if b.status != 0 || b.stats.Reasons["uncacheable"]["link"] != 1 {
				t.Errorf("status %d, reasons %v, want one link declined", b.status, b.stats.Reasons)
			}
		}
	})
}

// newSearching is a program that needs a library of one of two directories.
func newSearching(t *testing.T, target string) (c *trap, first, second string) {
	t.Helper()
	c = newTrap(t, files{
		"Cargo.toml":  manifest("app", ""),
		"src/main.rs": "extern \"C\" { fn nat() -> i32; }\nfn main() { println!(\"{}\", unsafe { nat() }); }\n",
		"build.rs": `fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-link-search=native={}", std::env::var("FIRST").unwrap());
    println!("cargo:rustc-link-search=native={}", std::env::var("SECOND").unwrap());
    println!("cargo:rustc-link-lib=nat");
}
`,
	})
	c.needsTarget(target)
	first, second = directory(t), directory(t)
	c.machine = c.with("FIRST", first, "SECOND", second)
	return c, first, second
}

// nativeFor makes a library for a target whose function returns n: of Rust, since a C compiler has fewer targets.
func (c *trap) nativeFor(target, dir string, n int) {
	c.t.Helper()
	write(c.t, filepath.Join(dir, "n.rs"), fmt.Sprintf("#![no_std]\n#[no_mangle] pub extern \"C\" fn nat() -> i32 { %d }\n", n))
	r := c.execute(dir, "rustc", "n.rs", "--crate-name", "nat", "--crate-type", "rlib", "--target", target, "-C", "panic=abort", "-O", "-o", "libnat.a")
	if r.status != 0 {
		c.t.Fatal(r.stderr)
	}
}

// With COMPILE_CACHE_ROOTS another checkout, with a target directory elsewhere, finds what was linked for another target.
func TestCrossAnotherPath(t *testing.T) {
	const target = "wasm32-unknown-unknown"
	f := hosted()
	f["low/Cargo.toml"] = manifest("low", "") // bitcode in a static library would bind it
	c := newTrap(t, f, "COMPILE_CACHE_ROOTS", "auto")
	c.needsTarget(target)
	other := directory(t)
	f.checkout(t, other)
	argv := []string{"cargo", "build", "--target", target}
	first := c.with("CARGO_TARGET_DIR", directory(t)).build(c.dir, argv...)
	if first.status != 0 {
		t.Fatal(first.stderr)
	}
	c.with("CARGO_TARGET_DIR", directory(t)).build(other, argv...).stats.everything(t, first.stats.compiles())
}
