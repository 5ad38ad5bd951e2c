package rust

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shared is a program above a library above a shared library of Rust, which holds C code and passes a macro on.
func shared() files {
	return files{
		"Cargo.toml":     manifest("app", "[dependencies]\nmid = { path = \"mid\" }\n[workspace]\nmembers = [\"mid\", \"dyl\", \"mac\"]\n"),
		"src/main.rs":    "fn main() { println!(\"{}\", mid::text()); }\n#[test] fn t() {}\n",
		"mid/Cargo.toml": manifest("mid", "[dependencies]\ndyl = { path = \"../dyl\" }\n"),
		"mid/src/lib.rs": "pub fn text() -> String { format!(\"{} {} {}\", dyl::n(), dyl::twice(&4), dyl::flavour!()) }\n",
		"dyl/Cargo.toml": manifest("dyl", "build = \"build.rs\"\n[lib]\ncrate-type = [\"dylib\"]\n[dependencies]\nmac = { path = \"../mac\" }\n"),
		"dyl/build.rs":   makesLibrary,
		"dyl/native/n.c": "int nat(void) { return 2; }\n",
		"dyl/src/lib.rs": "pub use mac::flavour;\nextern \"C\" { fn nat() -> i32; }\npub fn n() -> i32 { unsafe { nat() } }\npub fn twice<T: Copy + std::ops::Add>(t: &T) -> T::Output { *t + *t }\n",
		"mac/Cargo.toml": manifest("mac", "[lib]\nproc-macro = true\n"),
		"mac/src/lib.rs": "#[proc_macro] pub fn flavour(_: proc_macro::TokenStream) -> proc_macro::TokenStream { format!(\"{:?}\", std::env::var(\"FLAVOUR\").unwrap_or_default()).parse().unwrap() }\n",
	}
}

// Crates above a shared library of Rust, in all ways in which cargo compiles them.
func TestDylib(t *testing.T) {
	c := newTrap(t, shared())
	c.needsPlainMetadata()
	for _, m := range []*machine{c.machine, c.with("RUSTFLAGS", "-C prefer-dynamic")} {
		for _, argv := range [][]string{
			{"cargo", "build"}, {"cargo", "build", "--release"}, {"cargo", "check"}, {"cargo", "test", "--no-run"},
		} {
			m.twice(c.dir, argv...)
		}
	}
}

// What a shared library of Rust holds reaches those above it as what a library holds does.
func TestDylibTraps(t *testing.T) {
	c := newTrap(t, shared())
	c.needsPlainMetadata()
	runs := func(m *machine, want string) {
		t.Helper()
		if b := m.same(c.dir, "cargo", "build"); b.status != 0 {
			t.Fatalf("status %d: %s", b.status, b.stderr)
		}
		if r := m.execute(c.dir, "cargo", "run", "-q"); strings.TrimSpace(r.stdout) != want {
			t.Errorf("prints %q (status %d), want %q: %s", strings.TrimSpace(r.stdout), r.status, want, r.stderr)
		}
	}
	runs(c.machine, "2 8")
	// Its metadata stays as it is.
	edit(t, c.at("dyl/native/n.c"), "2", "3")
	runs(c.machine, "3 8")
	runs(c.with("FLAVOUR", "sweet"), "3 8 sweet")
	runs(c.with("FLAVOUR", "sour"), "3 8 sour")
	edit(t, c.at("dyl/src/lib.rs"), "*t + *t", "{ let u = *t; u + u }")
	runs(c.with("FLAVOUR", "sour"), "3 8 sour")
	c.with("FLAVOUR", "sour").again(c.dir, "cargo", "build").stats.everything(t, -1)
}

// needsPlainMetadata skips the test where rustc compresses the metadata of shared libraries, as earlier versions do.
func (c *trap) needsPlainMetadata() {
	c.t.Helper()
	dir := directory(c.t)
	write(c.t, filepath.Join(dir, "d.rs"), "")
	if r := c.execute(dir, "rustc", "d.rs", "--crate-type", "dylib", "-C", "prefer-dynamic", "-o", "d.so"); r.status != 0 {
		c.t.Fatal(r.stderr)
	}
	library, err := os.ReadFile(filepath.Join(dir, "d.so"))
	if err != nil {
		c.t.Fatal(err)
	}
	if bytes.Contains(library, []byte("sNaPpY")) {
		c.t.Skip("skipped: rustc compresses the metadata of shared libraries")
	}
}

// A crate that is made into a library for other languages besides its own, like slug's, is loaded by those above it as any other is.
func TestForeignLibrary(t *testing.T) {
	c := newTrap(t, files{
		"Cargo.toml":                        manifest("app", "[dependencies]\nmid = { path = \"mid\" }\nwords = \"0\"\n[workspace]\nmembers = [\"mid\"]\n"),
		"src/main.rs":                       "fn main() { println!(\"{} {}\", mid::text(), words::count(\"a\")); }\n",
		"mid/Cargo.toml":                    manifest("mid", "[dependencies]\nwords = \"0\"\n"),
		"mid/src/lib.rs":                    "pub fn text() -> usize { words::count(\"a b\") }\n",
		".cargo/config.toml":                "[source.crates-io]\nreplace-with = \"here\"\n[source.here]\ndirectory = \"vendor\"\n",
		"vendor/words/.cargo-checksum.json": "{\"files\": {}}",
		"vendor/words/Cargo.toml":           manifest("words", "[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n"),
		"vendor/words/src/lib.rs":           "pub fn count(s: &str) -> usize { s.split(' ').count() }\n",
	})
	if r := c.execute(c.dir, "cargo", "generate-lockfile"); r.status != 0 {
		t.Fatal(r.stderr)
	}
	for _, argv := range [][]string{{"cargo", "build"}, {"cargo", "test", "--no-run", "--release"}} {
		c.twice(c.dir, argv...)
	}
}
