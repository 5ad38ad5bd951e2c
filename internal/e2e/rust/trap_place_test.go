package rust

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What lies elsewhere under the same name, or is read under a name that is not looked for.
func TestTrapPlaces(t *testing.T) {
	// Was: the library bundled before, since only names that end in .a counted.
	t.Run("a static library of another name changes", func(t *testing.T) {
		t.Parallel()
		f := pair()
		f["low/src/lib.rs"] = "#[link(name = \"nat.bin\", kind = \"static\", modifiers = \"+verbatim\")] extern \"C\" { fn nat() -> i32; }\n" +
			"pub fn text() -> i32 { unsafe { nat() } }\n"
		f["low/build.rs"] = "fn main() { println!(\"cargo:rerun-if-changed=build.rs\\ncargo:rustc-link-search=native={}\", std::env::var(\"NATIVE\").unwrap()); }\n"
		c := newTrap(t, f)
		dir := directory(t)
		c.machine = c.with("NATIVE", dir)
		for _, n := range []int{2, 42} {
			archive(c, dir, n)
			if err := os.Rename(filepath.Join(dir, "libnat.a"), filepath.Join(dir, "nat.bin")); err != nil {
				t.Fatal(err)
			}
			c.right(map[int]string{2: "2", 42: "42"}[n])
		}
		c.found("42")
	})

	// Was: the library found before, since only its last name was looked for in earlier directories.
	t.Run("a library appears below an earlier directory", func(t *testing.T) {
		t.Parallel()
		f := pair()
		f["src/main.rs"] = "extern \"C\" { fn nat() -> i32; }\nfn main() { println!(\"{}\", unsafe { nat() }); }\n"
		f["build.rs"] = `fn main() {
    let at = |name| std::env::var(name).unwrap();
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-link-arg-bins=-L{}\ncargo:rustc-link-arg-bins=-L{}\ncargo:rustc-link-arg-bins=-l:sub/libnat.a", at("FIRST"), at("SECOND"));
}
`
		c := newTrap(t, f)
		first, second := directory(t), directory(t)
		c.machine = c.with("FIRST", first, "SECOND", second)
		for _, dir := range []string{first, second} {
			if err := os.Mkdir(filepath.Join(dir, "sub"), 0o777); err != nil {
				t.Fatal(err)
			}
		}
		archive(c, filepath.Join(second, "sub"), 2)
		c.right("2")
		c.found("2")
		archive(c, filepath.Join(first, "sub"), 42)
		c.right("42")
	})

	// Was: the library found before, since lld looks beside a script first, whichever directory that is.
	t.Run("a library appears beside a script that names it", func(t *testing.T) {
		t.Parallel()
		f := pair()
		f["src/main.rs"] = "extern \"C\" { fn nat() -> i32; }\nfn main() { println!(\"{}\", unsafe { nat() }); }\n"
		f["build.rs"] = `fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for name in ["FIRST", "SECOND"] {
        println!("cargo:rustc-link-search=native={}", std::env::var(name).unwrap());
    }
    println!("cargo:rustc-link-lib=dylib=script");
}
`
		c := newTrap(t, f)
		first, second := directory(t), directory(t)
		c.machine = c.with("FIRST", first, "SECOND", second)
		write(t, filepath.Join(second, "libscript.so"), "INPUT(libnat.a)\n")
		archive(c, first, 2)
		c.right("2")
		c.found("2")
		archive(c, second, 42)
		c.right("42")
	})

	// Was: dep-info in which the variable has a value below the other HOME, so that cargo compiled the crate each time.
	t.Run("a variable names a file in another's home", func(t *testing.T) {
		t.Parallel()
		f := pair()
		f["low/src/lib.rs"] = "pub fn text() -> bool { option_env!(\"FLAVOUR\").is_some() }\n"
		c := newTrap(t, f)
		one, two := directory(t), directory(t)
		for _, home := range []string{one, two, one} {
			m := c.with("FLAVOUR", filepath.Join(one, "flavour"), "HOME", home)
			m.same(c.dir, "cargo", "check")
			m.rested(c.dir, "cargo", "check")
		}
	})

	// Was: the library that holds the file of the present HOME, though the source names that of the first. Cargo hides it: the notices that it asks for
	// have all inputs searched for such names.
	t.Run("a source names a file in another's home", func(t *testing.T) {
		t.Parallel()
		m, dir := newMachine(t).with("COMPILE_CACHE_ROOTS", "auto"), directory(t)
		one, two := directory(t), directory(t)
		write(t, filepath.Join(dir, "a.rs"), "pub const T: &str = include_str!(\""+filepath.Join(one, "text")+"\");\n")
		write(t, filepath.Join(dir, "out", "kept"), "")
		write(t, filepath.Join(two, "text"), "before")
		for _, v := range []struct{ home, text string }{{one, "before"}, {two, "before"}, {two, "after"}} {
			write(t, filepath.Join(one, "text"), v.text)
			args := strings.Fields("rustc --crate-name a --crate-type lib --emit=dep-info,metadata,link -Cembed-bitcode=no --out-dir out a.rs")
			r := m.with("HOME", v.home).execute(dir, append([]string{m.program("ccwrap")}, args...)...)
			b, err := os.ReadFile(filepath.Join(dir, "out", "liba.rlib"))
			if r.status != 0 || err != nil {
				t.Fatalf("status %d, %v: %s", r.status, err, r.stderr)
			}
			if !strings.Contains(string(b), v.text) {
				t.Errorf("with HOME %s the library does not hold %q", v.home, v.text)
			}
		}
	})

	// Was: told as a result that had been removed, since no argument names the library.
	t.Run("a shared library that a program needs changes", func(t *testing.T) {
		t.Parallel()
		f := pair()
		f["src/main.rs"] = "extern \"C\" { static NAT: i32; }\nfn main() { println!(\"{}\", unsafe { core::ptr::addr_of!(NAT) as usize != 0 }); }\n"
		f["build.rs"] = `fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-link-search=native={0}\ncargo:rustc-link-arg-bins=-Wl,-rpath,{0}", std::env::var("NATIVE").unwrap());
    println!("cargo:rustc-link-lib=dylib=nat");
}
`
		c := newTrap(t, f)
		dir := directory(t)
		c.machine = c.with("NATIVE", dir)
		for _, v := range []struct{ text, reason string }{{"int NAT;", "new"}, {"int NAT; int MORE;", "changed"}} {
			write(t, filepath.Join(dir, "n.c"), v.text+"\n")
			if r := c.execute(dir, "cc", "-shared", "-fPIC", "n.c", "-o", "libnat.so"); r.status != 0 {
				t.Fatal(r.stderr)
			}
			if got := c.right("true").stats; got.Reasons["miss"][v.reason] == 0 {
				t.Errorf("reasons of misses are %v, want %q among them", got.Reasons["miss"], v.reason)
			}
		}
	})

	// Was: what the first copy made. Copies share the files that are equal, as some package managers have it. Cargo hides it: it names the
	// sysroot to the loader.
	t.Run("a link leads to another copy of the compiler", func(t *testing.T) {
		t.Parallel()
		m, dir := newMachine(t), directory(t)
		sysroot := strings.TrimSpace(m.execute(dir, "rustc", "--print", "sysroot").stdout)
		// Links to the compiler itself would be changes of it, amid the compiles of other tests.
		const copies = `mkdir -p a/lib/rustlib && cp -a "$0"/bin a && cp -a "$0"/lib/*.so* a/lib && cp -a "$0"/lib/rustlib/$(uname -m)-* a/lib/rustlib && cp -al a b`
		if r := m.execute(dir, "sh", "-c", copies, sysroot); r.status != 0 {
			t.Fatal(r.stderr)
		}
		write(t, filepath.Join(dir, "m.rs"), "fn main() {}\n")
		write(t, filepath.Join(dir, "out", "kept"), "")
		link, program := filepath.Join(dir, "now"), filepath.Join(dir, "out", "m")
		compiled := func(wrapper ...string) string {
			// The program holds the way to the compiler's libraries.
			args := strings.Fields(" --crate-name m --crate-type bin --emit=dep-info,link -Cembed-bitcode=no -Cprefer-dynamic -Crpath --out-dir out m.rs")
			r := m.execute(dir, slices.Concat(wrapper, []string{filepath.Join(link, "bin", "rustc")}, args)...)
			b, err := os.ReadFile(program)
			if r.status != 0 || err != nil {
				t.Fatalf("status %d, %v: %s", r.status, err, r.stderr)
			}
			return string(b)
		}
		for _, name := range []string{"a", "b", "a"} {
			if err := os.RemoveAll(link); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(name, link); err != nil {
				t.Fatal(err)
			}
			if got, want := compiled(m.program("ccwrap")), compiled(); got != want {
				t.Errorf("the program of copy %s is another than the compiler's", name)
			}
		}
		if got := m.stats().Outcomes["hit"]; got != 1 {
			t.Errorf("%d hits, want that of the first copy's program", got)
		}
	})
}
