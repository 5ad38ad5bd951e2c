//go:build unix

package rustoracle

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/oracle"
)

func image(text string) []byte { return oracle.Image(text) }

// text is a random content for a file of a unit.
func (w *world) text(rng *rand.Rand, u *unit, name string) string {
	switch base := filepath.Base(name); {
	case strings.HasSuffix(base, ".a"):
		if rng.IntN(6) == 0 {
			return "" // an archive without members
		}
		return fmt.Sprintf("code %d\n", rng.IntN(3))
	case name == u.root():
		return w.rootText(rng, u)
	case strings.HasSuffix(base, ".rs"):
		var b strings.Builder
		for range 1 + rng.IntN(2) {
			if s := w.statement(rng, u); name != "out/g.rs" || !strings.HasPrefix(s, "include") {
				b.WriteString(s)
			}
		}
		return b.String()
	case base == "Cargo.toml":
		return fmt.Sprintf("[package]\nname = %q\n# %d\n", u.name, rng.IntN(2))
	default:
		return fmt.Sprintf("%s %d\n", base, rng.IntN(3))
	}
}

// rootText is the file that rustc is given.
func (w *world) rootText(rng *rand.Rand, u *unit) string {
	var b strings.Builder
	for _, e := range u.externs {
		if rng.IntN(8) > 0 {
			b.WriteString("use " + e + ";\n")
		}
	}
	for _, mod := range []string{"m0", "m1"} {
		if rng.IntN(3) > 0 {
			b.WriteString("mod " + mod + ";\n")
		}
	}
	for range 2 + rng.IntN(4) {
		b.WriteString(w.statement(rng, u))
	}
	if u.kind == "proc-macro" || u.name == "reg" && rng.IntN(4) == 0 {
		for range rng.IntN(3) {
			b.WriteString(w.action(rng) + "\n")
		}
	}
	return b.String()
}

// action is what a macro does.
func (w *world) action(rng *rand.Rand) string {
	pool := []string{"reads_env FOO", "reads_env BAR", "reads_env TERM", "reads_env MY_TOKEN", "reads_env OUT_DIR", "reads_package data a.txt", "reads_package notes.txt", "reads_package ../../Cargo.toml", "lists_package ."}
	if w.units[1].name == "mac" { // the other one is known not to
		pool = append(pool, "reads_workspace shared.txt", "reads_workspace crates/mid/notes.txt", "reads_output o.txt")
		if rng.IntN(20) == 0 {
			return "starts git"
		}
	}
	return pool[rng.IntN(len(pool))]
}

// statement is one line of a crate.
func (w *world) statement(rng *rand.Rand, u *unit) string {
	n := rng.IntN(3)
	macro := w.units[1].name
	switch rng.IntN(18) {
	case 0:
		return "#[cfg(feature=\"f\")] mod m2;\n"
	case 1, 2:
		return "option_env!(\"FOO\")\n"
	case 3:
		return "env!(\"FOO\")\n"
	case 4:
		return "option_env!(\"BAR\")\n"
	case 5:
		return "env!(\"CARGO_MANIFEST_DIR\")\n"
	case 6:
		return "include!(concat!(env!(\"OUT_DIR\"), \"/g.rs\"));\n"
	case 7:
		return "env!(\"OUT_DIR\")\n"
	case 8, 9:
		return fmt.Sprintf("warn! number %d\n", n)
	case 10:
		return "blames! " + []string{"reg", "base"}[rng.IntN(2)] + "\n"
	case 11, 12:
		if u.name != "reg" && u.name != macro {
			return fmt.Sprintf("derive! %s Name%d\n", macro, n)
		}
	case 13:
		return fmt.Sprintf("macro exported %d\n", n)
	case 14:
		if u.native {
			return "#[link(name = \"nat\", kind = \"static\")]\n"
		}
	case 15:
		if u.root() == "src/lib.rs" && rng.IntN(2) == 0 {
			return "#[cfg(feature=\"f\")] include_str!(\"../data a.txt\")\n"
		}
		return "include_str!(\"../data a.txt\")\n"
	}
	return fmt.Sprintf("fn f%d\n", n)
}
