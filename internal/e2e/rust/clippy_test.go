package rust

import "testing"

// clippy-driver in the place of rustc also links what members of the workspace need for the build itself: scripts and macros.
func TestClippyLinks(t *testing.T) {
	t.Parallel()
	f := pair()
	f["build.rs"] = "fn main() { println!(\"cargo:rerun-if-changed=build.rs\"); }\n"
	f["low/Cargo.toml"] += "[lib]\nproc-macro = true\n"
	f["low/src/lib.rs"] = "mod text;\n#[proc_macro]\npub fn text(_: proc_macro::TokenStream) -> proc_macro::TokenStream { format!(\"{:?}\", text::TEXT).parse().unwrap() }\n"
	f["src/main.rs"] = "fn main() { println!(\"{}\", low::text!()); }\n"
	c := newTrap(t, f)
	clippy := []string{"cargo", "clippy"}
	c.same(c.dir, clippy...)
	again := c.again(c.dir, clippy...)
	again.stats.everything(t, -1)
	edit(t, c.at("low/src/text.rs"), "one", "two")
	edit(t, c.at("build.rs"), "main() {", "main() { if 1 == 1 {}")
	c.same(c.dir, clippy...)
}
