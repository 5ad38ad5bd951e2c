package rust

import (
	"os"
	"path/filepath"
	"testing"
)

// reader is a procedural macro that reads what it is told to, and whose dep-info names none of it.
const reader = `extern crate proc_macro;
use proc_macro::{Literal, TokenStream, TokenTree};

fn word(input: TokenStream) -> String {
    input.to_string().trim_matches('"').to_owned()
}

fn literal(text: String) -> TokenStream {
    TokenTree::Literal(Literal::string(text.trim())).into()
}

/// A file, seen from the package that uses the macro.
#[proc_macro]
pub fn read(input: TokenStream) -> TokenStream {
    let dir = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    literal(std::fs::read_to_string(format!("{dir}/{}", word(input))).unwrap_or_else(|_| "none".into()))
}

/// A file beside the macro's own source.
#[proc_macro]
pub fn own(input: TokenStream) -> TokenStream {
    literal(std::fs::read_to_string(format!("{}/{}", env!("CARGO_MANIFEST_DIR"), word(input))).unwrap())
}

/// The names in a directory.
#[proc_macro]
pub fn list(input: TokenStream) -> TokenStream {
    let dir = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    let mut names: Vec<String> = std::fs::read_dir(format!("{dir}/{}", word(input))).unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    literal(names.join(","))
}

/// A variable.
#[proc_macro]
pub fn variable(input: TokenStream) -> TokenStream {
    literal(std::env::var(word(input)).unwrap_or_else(|_| "unset".into()))
}
`

// What lies beside the workspace is not watched; where a source names it, the crate is expanded each time.
func TestTrapMacroElsewhere(t *testing.T) {
	t.Parallel()
	c := newTrap(t, files{
		"data.txt":           "one\n",
		"app/Cargo.toml":     manifest("app", "[dependencies]\nmac = { path = \"mac\" }\n[workspace]\nmembers = [\"mac\"]\n"),
		"app/src/main.rs":    "fn main() { println!(\"{}\", mac::read!(\"../data.txt\")); }\n",
		"app/mac/Cargo.toml": manifest("mac", "[lib]\nproc-macro = true\n"),
		"app/mac/src/lib.rs": reader,
	})
	above := c.dir
	c.dir = c.at("app")
	c.right("one")
	write(t, filepath.Join(above, "data.txt"), "two\n")
	c.right("two")
}

// Without cargo, files bear no hashes by which what is loaded is known.
func TestTrapMacroWithoutHash(t *testing.T) {
	t.Parallel()
	c := newTrap(t, files{
		"mac.rs": reader,
		"mid.rs": "pub use mac::variable;\n",
		"app.rs": "fn main() { println!(\"{}\", mid::variable!(\"FLAVOUR\")); }\n",
		"build.sh": `set -e
export CARGO_MANIFEST_DIR=.
mkdir -p target/debug
compile() { $RUSTC_WRAPPER rustc --edition=2021 --out-dir target/debug -L dependency=target/debug -C embed-bitcode=no --crate-name "$@"; }
compile mac --crate-type=proc-macro --emit=dep-info,link --extern proc_macro mac.rs
compile mid --crate-type=lib --emit=dep-info,metadata,link --extern mac=target/debug/libmac.so mid.rs
compile app --crate-type=bin --emit=dep-info,link --extern mid=target/debug/libmid.rlib app.rs
`,
	})
	for _, flavour := range []string{"sweet", "sour"} {
		c.machine = c.with("FLAVOUR", flavour)
		c.right(flavour, "sh", "build.sh")
	}
}

// A macro is a program that reads what it likes. Whatever it read last time is as it was, or the crate is expanded again.
func TestTrapMacros(t *testing.T) {
	f := files{
		"Cargo.toml":        manifest("app", "description = \"first\"\n[dependencies]\nmid = { path = \"mid\" }\n[workspace]\nmembers = [\"mid\", \"mac\"]\n"),
		"src/main.rs":       "fn main() {\n    println!(\"{}\", mid::text());\n}\n",
		"data.txt":          "data\n",
		".sqlx/query.json":  "query\n",
		"migrations/1.sql":  "",
		"mid/Cargo.toml":    manifest("mid", "[dependencies]\nmac = { path = \"../mac\" }\n"),
		"mid/src/lib.rs":    "pub use mac::*;\npub fn text() -> String { String::new() }\n",
		"mac/Cargo.toml":    manifest("mac", "[lib]\nproc-macro = true\n"),
		"mac/src/lib.rs":    reader,
		"mac/template.html": "template\n",
	}
	// Each row: how a crate that has the macro only by a re-export of mid's uses it, what it says, what is changed, and what it says then.
	for _, v := range []struct {
		name, use, before string
		change            func(t *testing.T, c *trap)
		after             string
	}{
		{"a variable", `mid::variable!("FLAVOUR")`, "unset", func(_ *testing.T, c *trap) { c.machine = c.with("FLAVOUR", "sweet") }, "sweet"},
		{"a variable of a CI service", `mid::variable!("GITHUB_SHA")`, "unset", func(_ *testing.T, c *trap) { c.machine = c.with("GITHUB_SHA", "abc") }, "abc"},
		{"a file of the package", `mid::read!("data.txt")`, "data", func(t *testing.T, c *trap) { write(t, c.at("data.txt"), "other") }, "other"},
		{"a file that was not there", `mid::read!("new.txt")`, "none", func(t *testing.T, c *trap) { write(t, c.at("new.txt"), "new") }, "new"},
		{"a hidden file", `mid::read!(".sqlx/query.json")`, "query", func(t *testing.T, c *trap) { write(t, c.at(".sqlx/query.json"), "other") }, "other"},
		{"the names in a directory", `mid::list!("migrations")`, "1.sql", func(t *testing.T, c *trap) { write(t, c.at("migrations/2.sql"), "") }, "1.sql,2.sql"},
		{"an empty directory", `mid::list!("migrations")`, "1.sql", func(t *testing.T, c *trap) {
			if err := os.Mkdir(c.at("migrations/old"), 0o755); err != nil {
				t.Fatal(err)
			}
		}, "1.sql,old"},
		{"the manifest", `mid::read!("Cargo.toml").contains("first")`, "true", func(t *testing.T, c *trap) { edit(t, c.at("Cargo.toml"), "first", "second") }, "false"},
		{"a file of another package", `mid::own!("template.html")`, "template", func(t *testing.T, c *trap) { write(t, c.at("mac/template.html"), "other") }, "other"},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			c := newTrap(t, f)
			write(t, c.at("src/main.rs"), "fn main() {\n    println!(\"{}\", "+v.use+");\n}\n")
			c.right(v.before)
			c.found(v.before)
			v.change(t, c)
			c.right(v.after)
			c.found(v.after)
		})
	}
}
