package rust

import (
	"debug/elf"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// What a link takes from beyond cargo's sight.
func TestTrapLinks(t *testing.T) {
	// A program that needs a shared library names it as the library says, and which library that is, directories decide.
	t.Run("a shared library appears earlier in a search path", func(t *testing.T) {
		t.Parallel()
		f := pair()
		f["src/main.rs"] = "extern \"C\" { fn nat() -> i32; }\nfn main() { println!(\"{} {}\", low::text(), unsafe { nat() }); }\n"
		f["build.rs"] = `fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-link-search=native={}", std::env::var("FIRST").unwrap());
    println!("cargo:rustc-link-search=native={}", std::env::var("SECOND").unwrap());
    println!("cargo:rustc-link-lib=dylib=nat");
}
`
		c := newTrap(t, f)
		first, second := directory(t), directory(t)
		c.machine = c.with("FIRST", first, "SECOND", second)
		c.shared(second, "libnat-second.so")
		c.needing("libnat-second.so")
		c.again(c.dir, "cargo", "build").stats.everything(t, -1)
		c.shared(first, "libnat-first.so")
		c.needing("libnat-first.so")
		if err := os.Remove(filepath.Join(first, "libnat.so")); err != nil {
			t.Fatal(err)
		}
		c.needing("libnat-second.so")
	})

	// What cargo:rustc-link-search=DIR becomes is searched for crates too, and holds none.
	t.Run("a library changes in a directory that is searched for whatever there is", func(t *testing.T) {
		t.Parallel()
		f := pair()
		f["src/main.rs"] = "extern \"C\" { fn nat() -> i32; }\nfn main() { println!(\"{} {}\", low::text(), unsafe { nat() }); }\n"
		f["build.rs"] = strings.Replace(makesLibrary, "rustc-link-search=native={out}", "rustc-link-search={out}", 1)
		f["native/n.c"] = "int nat(void) { return 2; }\n"
		c := newTrap(t, f)
		c.right("one 2")
		c.found("one 2")
		edit(t, c.at("native/n.c"), "2", "42")
		c.right("one 42")
		edit(t, c.at("native/n.c"), "42", "2")
		c.found("one 2")
	})

	// The linker is found in PATH, and another one makes other bytes of the same inputs.
	t.Run("another linker appears earlier in PATH", func(t *testing.T) {
		t.Parallel()
		c := newTrap(t, pair())
		c.right("one")
		dir := directory(t)
		c.machine = c.with("PATH", dir+":"+c.setting["PATH"])
		c.right("one")
		script := filepath.Join(dir, "cc")
		write(t, script, "#!/bin/sh\nexec gcc \"$@\" -Wl,--build-id=0x1234\n")
		if err := os.Chmod(script, 0o755); err != nil {
			t.Fatal(err)
		}
		c.right("one")
		write(t, script, "#!/bin/sh\nexec gcc \"$@\" -Wl,--build-id=0x5678\n")
		c.right("one")
	})

	// Where no lld is installed, gcc told to start it starts the one that comes with rustc.
	t.Run("lld is chosen by an argument", func(t *testing.T) {
		t.Parallel()
		if runtime.GOARCH != "amd64" {
			t.Skip("rustc brings its own lld to the driver on x86-64 only")
		}
		c := newTrap(t, pair(), "RUSTFLAGS", "-Clink-arg=-fuse-ld=lld")
		c.right("one")
		c.found("one")
		// One that is installed is not taken either, unless rustc is told to leave out its own.
		dir := directory(t)
		c.machine = c.with("PATH", dir+":"+c.setting["PATH"])
		script := filepath.Join(dir, "ld.lld")
		write(t, script, "#!/bin/sh\nexec ld \"$@\"\n")
		if err := os.Chmod(script, 0o755); err != nil {
			t.Fatal(err)
		}
		c.right("one")
		c.machine = c.with("RUSTFLAGS", "-Clink-arg=-fuse-ld=lld -Clinker-features=-lld")
		c.right("one")
	})

	// A linker that does not know what we would like it to say is left alone.
	t.Run("a linker refuses what it does not know", func(t *testing.T) {
		t.Parallel()
		c := newTrap(t, pair())
		script := filepath.Join(directory(t), "plain-cc")
		write(t, script, "#!/bin/sh\nfor a; do\n\tcase $a in *dependency-file*) echo \"$0: unknown option $a\" >&2; exit 1 ;; esac\ndone\nexec cc \"$@\"\n")
		if err := os.Chmod(script, 0o755); err != nil {
			t.Fatal(err)
		}
		c.machine = c.with("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER", script, "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", script)
		for range 2 {
			c.right("one")
		}
	})
}

// shared makes a shared library in dir that has a name of its own.
func (c *trap) shared(dir, name string) {
	c.t.Helper()
	write(c.t, filepath.Join(dir, "n.c"), "int nat(void) { return 2; }\n")
	if r := c.execute(dir, "cc", "-shared", "-fPIC", "n.c", "-o", "libnat.so", "-Wl,-soname,"+name); r.status != 0 {
		c.t.Fatal(r.stderr)
	}
}

// needing builds from nothing: what comes out is as from a plain build, and the program needs the library.
func (c *trap) needing(name string) {
	c.t.Helper()
	if b := c.same(c.dir, "cargo", "build"); b.status != 0 {
		c.t.Fatalf("status %d: %s", b.status, b.stderr)
	}
	f, err := elf.Open(c.at("target/debug/app"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer f.Close()
	if got, err := f.ImportedLibraries(); err != nil || !slices.Contains(got, name) {
		c.t.Errorf("the program needs %q, %v; want %s among them", got, err, name)
	}
}
