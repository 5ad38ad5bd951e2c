package rust

import (
	"path/filepath"
	"strings"
	"testing"
)

// smallPrints is what testdata/small's program prints.
const smallPrints = `{"Square":{"side":3}} 42 one+two+three 7 None`

// The ways in which the small workspace is built. Each is built plainly, through an empty cache, and through what that left.
func TestWorkspace(t *testing.T) {
	m := newMachine(t)
	dir := directory(t)
	checkout(t, "testdata/small", dir)
	for _, v := range []struct {
		name string
		argv []string
		need string // a program without which the variant cannot be built
		runs string // a program that it makes
	}{
		{"build", []string{"cargo", "build", "--locked"}, "", "debug/app"},
		{"release", []string{"cargo", "build", "--locked", "--release"}, "", "release/app"},
		{"check", []string{"cargo", "check", "--locked", "--all-targets"}, "", ""},
		{"clippy", []string{"cargo", "clippy", "--locked"}, "clippy-driver", ""},
		{"test", []string{"cargo", "test", "--locked", "--no-run"}, "", "debug/app"},
		{"bench", []string{"cargo", "bench", "--locked", "--no-run", "-p", "app", "--config", `profile.bench.lto="off"`}, "", ""},
		{"target", []string{"cargo", "build", "--locked", "--target", "x86_64-unknown-linux-gnu", "-p", "app"}, "", "x86_64-unknown-linux-gnu/debug/app"},
		{"beta", []string{"cargo", "+beta", "build", "--locked", "-p", "base"}, "+beta", ""},
		{"nightly", []string{"cargo", "+nightly", "build", "--locked", "-p", "base"}, "+nightly", ""},
	} {
		t.Run(v.name, func(t *testing.T) {
			m := m.in(t)
			m.needs(v.need)
			want := m.plain(dir, v.argv...)
			if want.status != 0 {
				t.Fatalf("plain: %s", want.stderr)
			}
			cold := m.again(dir, v.argv...)
			cold.like(t, want)
			m.rested(dir, v.argv...)
			if r := m.execute(dir, "cargo", "clean"); r.status != 0 {
				t.Errorf("cargo clean: %s", r.stderr)
			}
			warm := m.build(dir, v.argv...)
			warm.like(t, want)
			warm.stats.everything(t, cold.stats.compiles())
			m.rested(dir, v.argv...)
			apart(t, m.dir, filepath.Join(dir, "target"))
			if v.runs != "" {
				m.prints(filepath.Join(dir, "target", v.runs), smallPrints)
			}
			if v.name == "test" {
				r := m.execute(dir, m.cached("cargo", "test", "--locked")...)
				if n := strings.Count(r.stdout, "test result: ok."); r.status != 0 || n < 8 {
					t.Errorf("the tests: status %d, %d times ok\n%s%s", r.status, n, r.stdout, r.stderr)
				}
			}
		})
	}
}

// in returns the machine for a test within a test.
func (m *machine) in(t *testing.T) *machine {
	c := m.with()
	c.t = t
	return c
}

// needs skips the test where a program is not installed; "+nightly" is a toolchain of rustup's.
func (m *machine) needs(name string) {
	m.t.Helper()
	switch {
	case name == "":
	case strings.HasPrefix(name, "+"):
		if rustup == "" || m.execute(m.root, "rustc", name, "--version").status != 0 {
			m.t.Skipf("skipped: rustup has no toolchain %s", name[1:])
		}
	default:
		if r := m.execute(m.root, "sh", "-c", "command -v "+name); r.status != 0 {
			m.t.Skipf("skipped: no %s in PATH", name)
		}
	}
}
