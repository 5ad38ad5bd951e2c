package rust

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What a macro sees of files besides their contents.
func TestTrapMacroFiles(t *testing.T) {
	const head = "extern crate proc_macro;\n#[proc_macro]\npub fn seen(_: proc_macro::TokenStream) -> proc_macro::TokenStream {\n" +
		"    let data = concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/../data\");\n    let n: u64 = "
	for name, v := range map[string]struct{ profile, body string }{
		// Was: the program of the first time, since optimized code reads times without naming a function of the standard library.
		"times of a file, by optimized code": {"dev.build-override]\nopt-level = 3", "std::os::unix::fs::MetadataExt::mtime(&std::fs::metadata(format!(\"{data}/file\")).unwrap()) as u64"},
		// Was: the same, since a library without names of functions shows its imports only, and each macro can stat.
		"times of a file, by a stripped library": {"dev]\nstrip = true",
			"std::fs::metadata(format!(\"{data}/file\")).unwrap().modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()"},
		// Was: the first number, since a link to nowhere is no file.
		"how many names a directory has": {"dev]", "std::fs::read_dir(data).unwrap().count() as u64"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := pair()
			f["Cargo.toml"] = strings.Replace(f["Cargo.toml"], `["low"]`, `["low", "seer"]`, 1) + "[profile." + v.profile + "\n"
			f["low/Cargo.toml"] += "[dependencies]\nseer = { path = \"../seer\" }\n"
			f["low/src/lib.rs"] = "pub fn text() -> u64 { seer::seen!() }\n"
			f["seer/Cargo.toml"] = manifest("seer", "[lib]\nproc-macro = true\n")
			f["seer/src/lib.rs"] = head + v.body + ";\n    n.to_string().parse().unwrap()\n}\n"
			f["data/file"] = "as ever"
			c := newTrap(t, f)
			for n := 1; n <= 2; n++ {
				want := strconv.Itoa(n)
				if v.profile == "dev]" {
					if n == 2 {
						if err := os.Symlink("nowhere", c.at("data/link")); err != nil {
							t.Fatal(err)
						}
					}
				} else if err := os.Chtimes(c.at("data/file"), time.Time{}, time.Unix(int64(n), 0)); err != nil {
					t.Fatal(err)
				}
				c.right(want)
			}
		})
	}
}

// Was: the text of the first time, since only the workspace counted. Cargo takes a package beside it as well.
func TestTrapMacroBesideItsSource(t *testing.T) {
	t.Parallel()
	c := newTrap(t, files{
		"app/Cargo.toml":  manifest("app", "[dependencies]\nmac = { path = \"../mac\" }\n[workspace]\n"),
		"app/Cargo.lock":  "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [\n \"mac\",\n]\n\n[[package]]\nname = \"mac\"\nversion = \"0.1.0\"\n",
		"app/src/main.rs": "fn main() { println!(\"{}\", mac::own!(\"text\")); }\n",
		"mac/Cargo.toml":  manifest("mac", "[lib]\nproc-macro = true\n"),
		"mac/src/lib.rs":  reader,
		"mac/text":        "one\n",
	})
	c.dir = c.at("app")
	c.right("one")
	c.found("one")
	write(t, c.at("../mac/text"), "two\n")
	c.right("two")
}

// Was: the text of the first time, since the variable's value is what it was.
func TestTrapMacroVariableNamesPlace(t *testing.T) {
	for _, name := range []string{"a file", "a directory"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := pair()
			f["Cargo.toml"] = strings.Replace(f["Cargo.toml"], `["low"]`, `["low", "seer"]`, 1)
			f["low/Cargo.toml"] += "[dependencies]\nseer = { path = \"../seer\" }\n"
			f["low/src/lib.rs"] = "pub fn text() -> u64 { seer::seen!() }\n"
			f["seer/Cargo.toml"] = manifest("seer", "[lib]\nproc-macro = true\n")
			f["seer/src/lib.rs"] = "extern crate proc_macro;\n#[proc_macro]\npub fn seen(_: proc_macro::TokenStream) -> proc_macro::TokenStream {\n" +
				"    let at = std::path::PathBuf::from(std::env::var(\"SEEN_BY_SEER\").unwrap());\n" +
				"    std::fs::read_to_string(if at.is_dir() { at.join(\"number\") } else { at }).unwrap().parse().unwrap()\n}\n"
			c := newTrap(t, f)
			place := directory(t)
			file := filepath.Join(place, "number")
			if name == "a file" {
				place = file
			}
			c.machine = c.with("SEEN_BY_SEER", place)
			for _, n := range []string{"1", "2"} {
				write(t, file, n)
				c.right(n)
			}
		})
	}
}
