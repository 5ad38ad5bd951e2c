//go:build large

package rust

import (
	"path/filepath"
	"testing"
)

// TestLarge builds the large workspace plainly, through an empty cache, and through what that left, and prints what was found. It takes
// as long as two plain builds and 5 GB.
func TestLarge(t *testing.T) {
	if err := fetch("large"); err != nil {
		t.Fatal(err)
	}
	m := newMachine(t)
	dir := directory(t)
	checkout(t, "large", dir)
	argv := []string{"cargo", "build", "--locked"}
	want := m.plain(dir, argv...)
	if want.status != 0 {
		t.Fatal(want.stderr)
	}
	said := m.execute(dir, "target/debug/large")
	t.Logf("plain: %s, %d files", want.took.Round(1e8), len(want.target))
	cold := m.again(dir, argv...)
	cold.like(t, want)
	m.rested(dir, argv...)
	warm := m.again(dir, argv...)
	warm.like(t, want)
	warm.stats.everything(t, cold.stats.compiles())
	m.rested(dir, argv...)
	apart(t, m.dir, filepath.Join(dir, "target"))
	if again := m.execute(dir, "target/debug/large"); again.status != 0 || again.stdout != said.stdout {
		t.Errorf("the program says %q, want %q", again.stdout, said.stdout)
	}
}
