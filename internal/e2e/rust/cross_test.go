package rust

import (
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
				first := c.same(c.dir, argv...)
				if first.status != 0 {
					t.Fatalf("status %d: %s", first.status, first.stderr)
				}
				warm := c.again(c.dir, argv...)
				warm.like(t, first)
				warm.stats.everything(t, first.stats.compiles())
				c.rested(c.dir, argv...)
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
