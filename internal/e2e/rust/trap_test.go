package rust

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// trap is a workspace of a few lines, on a machine of its own.
type trap struct {
	*machine
	dir string
}

func newTrap(t *testing.T, f files, settings ...string) *trap {
	t.Helper()
	c := &trap{machine: newMachine(t).with(settings...), dir: directory(t)}
	f.checkout(t, c.dir)
	return c
}

// at is a file of the workspace.
func (c *trap) at(name string) string { return filepath.Join(c.dir, name) }

// right builds from nothing, plainly and through the cache: what comes out is the same, and the program says what it should.
func (c *trap) right(want string, argv ...string) *built {
	c.t.Helper()
	if len(argv) == 0 {
		argv = []string{"cargo", "build"}
	}
	got := c.same(c.dir, argv...)
	if got.status != 0 {
		c.t.Fatalf("status %d: %s", got.status, got.stderr)
	}
	c.prints(c.at("target/debug/app"), want)
	return got
}

// found builds from nothing what was built before: all of it is found.
func (c *trap) found(want string) {
	c.t.Helper()
	got := c.again(c.dir, "cargo", "build")
	got.stats.everything(c.t, -1)
	c.prints(c.at("target/debug/app"), want)
}

// manifest is a Cargo.toml of a package; more is appended.
func manifest(name, more string) string {
	return "[package]\nname = \"" + name + "\"\nversion = \"0.1.0\"\nedition = \"2021\"\n" + more
}

// pair is a program and a library with a module.
func pair() files {
	return files{
		"Cargo.toml":      manifest("app", "[dependencies]\nlow = { path = \"low\" }\n[workspace]\nmembers = [\"low\"]\n"),
		"src/main.rs":     "fn main() { println!(\"{}\", low::text()); }\n",
		"low/Cargo.toml":  manifest("low", ""),
		"low/src/lib.rs":  "mod text;\npub fn text() -> &'static str { text::TEXT }\n",
		"low/src/text.rs": "pub const TEXT: &str = \"one\";\n",
	}
}

// makesLibrary is a build script that compiles C into a static library by cc and ar alone.
const makesLibrary = `use std::{env, process::Command};
fn main() {
    println!("cargo:rerun-if-changed=native");
    println!("cargo:rerun-if-changed=build.rs");
    let out = env::var("OUT_DIR").unwrap();
    let run = |c: &mut Command| assert!(c.status().unwrap().success());
    run(Command::new("cc").args(["-c", "native/n.c", "-o"]).arg(format!("{out}/n.o")));
    run(Command::new("ar").arg("crD").arg(format!("{out}/libnat.a")).arg(format!("{out}/n.o")));
    println!("cargo:rustc-link-search=native={out}");
    println!("cargo:rustc-link-lib=static=nat");
}
`

// The rows of the list of soundness traps: what others got wrong, and what the wrong result was.
func TestTraps(t *testing.T) {
	// Was: stale binary, since the rmeta and rlib above the changed archive stay as they were.
	t.Run("a C file of a -sys crate changes under a program that links it", func(t *testing.T) {
		t.Parallel()
		c := newTrap(t, files{
			"Cargo.toml":            manifest("app", "[dependencies]\nmid = { path = \"mid\" }\n[workspace]\nmembers = [\"mid\", \"nat-sys\"]\n"),
			"src/main.rs":           "fn main() { println!(\"{}\", mid::n()); }\n",
			"mid/Cargo.toml":        manifest("mid", "[dependencies]\nnat-sys = { path = \"../nat-sys\" }\n"),
			"mid/src/lib.rs":        "pub fn n() -> i32 { unsafe { nat_sys::nat() } }\n",
			"nat-sys/Cargo.toml":    manifest("nat-sys", "links = \"nat\"\nbuild = \"build.rs\"\n"),
			"nat-sys/build.rs":      makesLibrary,
			"nat-sys/src/lib.rs":    "extern \"C\" { pub fn nat() -> i32; }\n",
			"nat-sys/native/n.c":    "int nat(void) { return 2; }\n",
			"nat-sys/native/unused": "",
		})
		c.right("2")
		c.found("2")
		edit(t, c.at("nat-sys/native/n.c"), "2", "42")
		if b := c.build(c.dir, "cargo", "build"); b.status != 0 { // with the target directory as it is
			t.Errorf("status %d: %s", b.status, b.stderr)
		}
		c.prints(c.at("target/debug/app"), "42")
		c.right("42")
		edit(t, c.at("nat-sys/native/n.c"), "42", "2")
		c.found("2")
	})

	// Was: hit instead of E0761.
	t.Run("foo/mod.rs appears beside foo.rs", func(t *testing.T) {
		t.Parallel()
		c := newTrap(t, pair())
		c.right("one")
		write(t, c.at("low/src/text/mod.rs"), "pub const TEXT: &str = \"two\";\n")
		got := c.same(c.dir, "cargo", "build")
		if got.status != 101 || !strings.Contains(got.stderr, "E0761") {
			t.Errorf("status %d, want 101 and E0761: %s", got.status, got.stderr)
		}
		if err := os.Remove(c.at("low/src/text.rs")); err != nil {
			t.Fatal(err)
		}
		c.right("two")
	})

	// Was: stale binary, since dep-info names no file that assembly reads.
	t.Run("a file that assembly reads changes", func(t *testing.T) {
		for name, source := range map[string]string{
			"in its own crate": "core::arch::global_asm!(\".global BLOB\", \"BLOB:\", \".incbin \\\"blob\\\"\");\n",
			"by a macro":       "low::blob!(\"blob\");\n",
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f := pair()
				f["src/main.rs"] = source + "extern \"C\" { static BLOB: u8; }\nfn main() { println!(\"{}\", unsafe { *core::ptr::addr_of!(BLOB) } as char); }\n"
				f["low/src/lib.rs"] = "#[macro_export]\nmacro_rules! blob { ($f:literal) => { core::arch::global_asm!(\".global BLOB\", \"BLOB:\", concat!(\".incbin \\\"\", $f, \"\\\"\")); } }\n"
				f["blob"] = "one"
				c := newTrap(t, f)
				c.right("o")
				write(t, c.at("blob"), "two")
				c.right("t")
			})
		}
	})

	// Was: hit under a key over a multiset of contents.
	t.Run("two module files swap contents", func(t *testing.T) {
		t.Parallel()
		f := pair()
		f["low/src/lib.rs"] = "mod a;\nmod b;\npub fn text() -> String { format!(\"{} {}\", a::T, b::T) }\n"
		f["low/src/a.rs"], f["low/src/b.rs"] = "pub const T: u8 = 1;\n", "pub const T: u8 = 2;\n"
		c := newTrap(t, f)
		c.right("1 2")
		write(t, c.at("low/src/a.rs"), f["low/src/b.rs"])
		write(t, c.at("low/src/b.rs"), f["low/src/a.rs"])
		c.right("2 1")
		c.found("2 1")
	})

	// Was: one key for both.
	t.Run("a variable unset against set and empty", func(t *testing.T) {
		t.Parallel()
		f := pair()
		f["low/src/lib.rs"] = "pub fn text() -> String { format!(\"{:?}\", option_env!(\"FLAVOUR\")) }\n"
		c := newTrap(t, f)
		for range 2 {
			c.right("None")
			empty, full := *c, *c
			empty.machine, full.machine = c.with("FLAVOUR", ""), c.with("FLAVOUR", "sweet")
			empty.right(`Some("")`)
			full.right(`Some("sweet")`)
			empty.found(`Some("")`)
		}
		c.found("None")
	})

	// Was: wrong library linked.
	t.Run("a library appears earlier in a search path", func(t *testing.T) {
		for _, in := range []string{"a library", "a program"} {
			t.Run("of "+in, func(t *testing.T) {
				owner, f := "low/", pair()
				f["low/src/lib.rs"] = "extern \"C\" { fn nat() -> i32; }\npub fn text() -> i32 { unsafe { nat() } }\n"
				if in == "a program" {
					owner = ""
					f["src/main.rs"] = "extern \"C\" { fn nat() -> i32; }\nfn main() { println!(\"{}\", unsafe { nat() }); }\n"
					f["low/src/lib.rs"] = ""
				}
				f[owner+"build.rs"] = `fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-link-search=native={}", std::env::var("FIRST").unwrap());
    println!("cargo:rustc-link-search=native={}", std::env::var("SECOND").unwrap());
    println!("cargo:rustc-link-lib=static=nat");
}
`
				c := newTrap(t, f)
				first, second := directory(t), directory(t)
				c.machine = c.with("FIRST", first, "SECOND", second)
				archive(c, second, 2)
				c.right("2")
				c.found("2")
				archive(c, first, 42)
				c.right("42")
				if err := os.RemoveAll(filepath.Join(first, "libnat.a")); err != nil {
					t.Fatal(err)
				}
				c.right("2")
			})
		}
	})

	// Was: new digest stored with old output.
	t.Run("a source is edited while rustc runs", func(t *testing.T) {
		for _, v := range []struct{ name, after string }{
			{"its time is new", ""},
			{"its time is set back", "std::fs::File::options().write(true).open(&text).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_600_000_000)).unwrap();"},
		} {
			t.Run(v.name, func(t *testing.T) {
				t.Parallel()
				f := pair()
				f["Cargo.toml"] = strings.Replace(f["Cargo.toml"], `["low"]`, `["low", "editor"]`, 1)
				f["low/Cargo.toml"] += "[dependencies]\neditor = { path = \"../editor\" }\n"
				f["low/src/lib.rs"] = "mod text;\neditor::edit!();\npub fn text() -> &'static str { text::TEXT }\n"
				f["editor/Cargo.toml"] = manifest("editor", "[lib]\nproc-macro = true\n")
				// By now rustc has read the module. The file "go" has it happen once.
				f["editor/src/lib.rs"] = `extern crate proc_macro;
#[proc_macro]
pub fn edit(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let dir = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    if std::fs::remove_file(format!("{dir}/../../go")).is_ok() {
        let text = format!("{dir}/src/text.rs");
        std::fs::write(&text, "pub const TEXT: &str = \"two\";\n").unwrap();
        ` + v.after + `
    }
    proc_macro::TokenStream::new()
}
`
				root := directory(t)
				c := &trap{machine: newMachine(t).with("COMPILE_CACHE_PURE_MACROS", "editor"), dir: filepath.Join(root, "w")}
				f.checkout(t, c.dir)
				write(t, filepath.Join(root, "go"), "")
				if b := c.again(c.dir, "cargo", "build"); b.status != 0 {
					t.Fatal(b.stderr)
				}
				c.prints(c.at("target/debug/app"), "one") // else the edit came too early
				c.right("two")
				write(t, c.at("low/src/text.rs"), f["low/src/text.rs"])
				c.right("one")
			})
		}
	})

	// Was: foreign path baked in.
	t.Run("OUT_DIR and CARGO_MANIFEST_DIR are literals of what is restored elsewhere", func(t *testing.T) {
		t.Parallel()
		f := pair()
		f["low/build.rs"] = "fn main() { println!(\"cargo:rerun-if-changed=build.rs\"); }\n"
		f["low/src/lib.rs"] = "pub fn text() -> String { format!(\"{} {}\", env!(\"OUT_DIR\"), env!(\"CARGO_MANIFEST_DIR\")) }\n"
		for _, roots := range []string{"", "auto"} {
			t.Run("roots "+roots, func(t *testing.T) {
				m := newMachine(t)
				if roots != "" {
					m = m.with("COMPILE_CACHE_ROOTS", roots)
				}
				for range 2 {
					for _, name := range []string{"a", "b"} {
						dir := filepath.Join(m.root, name)
						f.checkout(t, dir)
						if b := m.again(dir, "cargo", "build"); b.status != 0 {
							t.Fatal(b.stderr)
						}
						r := m.execute(dir, "target/debug/app")
						out, here, _ := strings.Cut(strings.TrimSpace(r.stdout), " ")
						if !strings.HasPrefix(out, dir+"/target/debug/build/low-") || here != filepath.Join(dir, "low") {
							t.Errorf("in %s the program says %s", dir, r.stdout)
						}
						m.rested(dir, "cargo", "build")
					}
				}
			})
		}
	})

	// Was: stale OUT_DIR. Scripts are run, so nothing that they fail to declare is missed in a clean build.
	t.Run("a build script reads what it does not declare", func(t *testing.T) {
		t.Parallel()
		f := pair()
		f["low/build.rs"] = `fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let head = std::fs::read_to_string("../.git/HEAD").unwrap();
    std::fs::write(format!("{}/head.rs", std::env::var("OUT_DIR").unwrap()), format!("pub const HEAD: &str = {:?};", head)).unwrap();
}
`
		f["low/src/lib.rs"] = "include!(concat!(env!(\"OUT_DIR\"), \"/head.rs\"));\npub fn text() -> &'static str { HEAD }\n"
		c := newTrap(t, f)
		write(t, c.at(".git/HEAD"), "one")
		c.right("one")
		write(t, c.at(".git/HEAD"), "two")
		c.right("two")
		write(t, c.at(".git/HEAD"), "one")
		c.found("one")
	})

	// Was: code for another CPU. Here, without another one, what is made for this one is found; the unit test has two.
	t.Run("target-cpu=native", func(t *testing.T) {
		t.Parallel()
		if runtime.GOARCH != "amd64" {
			t.Skip("what native stands for is known on x86-64 only")
		}
		c := newTrap(t, pair(), "RUSTFLAGS", "-Ctarget-cpu=native")
		c.right("one")
		c.found("one")
	})
}

// archive makes a library in dir whose function returns n.
func archive(c *trap, dir string, n int) {
	c.t.Helper()
	source := filepath.Join(dir, "n.c")
	write(c.t, source, "int nat(void) { return "+strconv.Itoa(n)+"; }\n")
	r := c.execute(dir, "sh", "-c", "cc -c n.c && rm -f libnat.a && ar crD libnat.a n.o && rm n.o n.c")
	if r.status != 0 {
		c.t.Fatal(r.stderr)
	}
}
