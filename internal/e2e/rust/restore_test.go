package rust

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Files that come back get times with which cargo neither compiles for ever nor misses an edit. Was: an old time, a constant one, one
// of a more precise clock than the kernel's, and an inode that other directories share.
func TestTrapTimes(t *testing.T) {
	f := pair()
	f["low/build.rs"] = "fn main() { println!(\"cargo:rerun-if-changed=build.rs\"); }\n" // a restored build script is not newer than its output
	c := newTrap(t, f)
	text := func(n int) string { return fmt.Sprintf("pub const TEXT: &str = \"%d\";\n", n) }
	for round := range 3 {
		write(t, c.at("low/src/text.rs"), text(round))
		if b := c.build(c.dir, "cargo", "build"); b.status != 0 { // over what is there
			t.Fatal(b.stderr)
		}
		c.prints(c.at("target/debug/app"), fmt.Sprint(round))
		c.rested(c.dir, "cargo", "build")

		c.found(fmt.Sprint(round))
		for range 2 {
			c.rested(c.dir, "cargo", "build")
		}

		// An edit right after the restore is seen, and so is taking it back, which hits over the other's outputs.
		write(t, c.at("low/src/text.rs"), text(round+100))
		c.build(c.dir, "cargo", "build")
		c.prints(c.at("target/debug/app"), fmt.Sprint(round+100))
		write(t, c.at("low/src/text.rs"), text(round))
		back := c.build(c.dir, "cargo", "build")
		back.stats.everything(t, -1)
		c.prints(c.at("target/debug/app"), fmt.Sprint(round))
		c.rested(c.dir, "cargo", "build")
	}
	apart(t, c.machine.dir, c.at("target"))

	// What somebody does to a restored file stays his: strip, patchelf and codesign edit in place.
	program := c.at("target/debug/app")
	fi, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.OpenFile(program, os.O_WRONLY|os.O_TRUNC, fi.Mode())
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	c.found("2")

	// Another checkout beside it has files of its own.
	other := &trap{c.machine, filepath.Join(c.root, "other")}
	f["low/src/text.rs"] = text(2)
	f.checkout(t, other.dir)
	if b := other.build(other.dir, "cargo", "build"); b.status != 0 {
		t.Fatal(b.stderr)
	}
	other.prints(other.at("target/debug/app"), "2")
	apart(t, c.machine.dir, c.at("target"), other.at("target"))
	c.rested(c.dir, "cargo", "build")
}
