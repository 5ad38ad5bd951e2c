package rust

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The ways in which cargo is told to call rustc through something.
func TestWrappers(t *testing.T) {
	// note is a wrapper of somebody else: it writes a line to a file and executes what follows.
	note := func(t *testing.T, c *trap) (script string, notes func() int) {
		script = filepath.Join(c.root, "note.sh")
		write(t, script, "#!/bin/sh\necho x >>"+script+".txt\nexec \"$@\"\n")
		if err := os.Chmod(script, 0o755); err != nil {
			t.Fatal(err)
		}
		return script, func() int {
			b, _ := os.ReadFile(script + ".txt")
			return strings.Count(string(b), "x\n")
		}
	}
	build := []string{"cargo", "build"}
	// bare builds without run.
	bare := func(c *trap) *built {
		c.t.Helper()
		clean(c.t, c.dir)
		before := c.stats()
		r := c.execute(c.dir, build...)
		return &built{r, snapshot(c.t, c.dir), c.stats().minus(before)}
	}

	t.Run("RUSTC_WRAPPER alone", func(t *testing.T) {
		t.Parallel()
		c := newTrap(t, pair())
		want := c.plain(c.dir, build...)
		c.machine = c.with("RUSTC_WRAPPER", c.program("ccwrap"))
		cold := bare(c)
		cold.like(t, want)
		warm := bare(c)
		warm.like(t, want)
		warm.stats.everything(t, cold.stats.compiles())
		c.prints(c.at("target/debug/app"), "one")
	})

	t.Run("RUSTC_WRAPPER by cargo's configuration", func(t *testing.T) {
		t.Parallel()
		c := newTrap(t, pair())
		want := c.plain(c.dir, build...)
		write(t, c.at(".cargo/config.toml"), "[build]\nrustc-wrapper = \""+c.program("ccwrap")+"\"\n")
		cold := bare(c)
		cold.like(t, want)
		warm := bare(c)
		warm.like(t, want)
		warm.stats.everything(t, cold.stats.compiles())
	})

	t.Run("RUSTC_WORKSPACE_WRAPPER", func(t *testing.T) {
		t.Parallel()
		c := newTrap(t, pair())
		c.machine = c.with("RUSTC_WORKSPACE_WRAPPER", c.program("ccwrap"))
		cold := bare(c)
		warm := bare(c)
		warm.like(t, cold)
		warm.stats.everything(t, cold.stats.compiles())
		c.prints(c.at("target/debug/app"), "one")
		// run adds nothing: each call goes through us once.
		if b := c.build(c.dir, build...); b.stats.compiles() != 0 {
			t.Errorf("outcomes %v, want no compile", b.stats.Outcomes)
		}
		again := c.again(c.dir, build...)
		again.stats.everything(t, cold.stats.compiles())
	})

	t.Run("ours around somebody's workspace wrapper", func(t *testing.T) {
		t.Parallel()
		c := newTrap(t, pair())
		script, notes := note(t, c)
		c.machine = c.with("RUSTC_WORKSPACE_WRAPPER", script)
		want := c.plain(c.dir, build...)
		before := notes()
		got := c.again(c.dir, build...)
		got.like(t, want)
		if notes() == before {
			t.Error("the workspace wrapper was not called")
		}
	})

	t.Run("somebody's wrapper stays", func(t *testing.T) {
		for _, how := range []string{"variable", "configuration"} {
			t.Run(how, func(t *testing.T) {
				t.Parallel()
				c := newTrap(t, pair())
				script, notes := note(t, c)
				if how == "variable" {
					c.machine = c.with("RUSTC_WRAPPER", script)
				} else {
					write(t, c.at(".cargo/config.toml"), "[build]\nrustc-wrapper = \""+script+"\"\n")
				}
				want := c.plain(c.dir, build...)
				before := notes()
				got := c.again(c.dir, build...)
				got.like(t, want)
				if notes() == before {
					t.Error("the wrapper was not called")
				}
				if got.stats.compiles() != 0 {
					t.Errorf("outcomes %v, want none", got.stats.Outcomes)
				}
			})
		}
	})

	t.Run("no wrapper is asked for", func(t *testing.T) {
		t.Parallel()
		c := newTrap(t, pair(), "RUSTC_WRAPPER", "")
		if got := c.right("one"); got.stats.compiles() != 0 {
			t.Errorf("outcomes %v, want none", got.stats.Outcomes)
		}
	})
}

// Incremental compiles are passed through and counted; without a word of the user's there are none. What they make is not compared: it
// holds names by chance.
func TestIncremental(t *testing.T) {
	c := newTrap(t, pair(), "CARGO_INCREMENTAL", "1")
	var got *built
	for range 2 {
		want := c.plain(c.dir, "cargo", "build")
		got = c.again(c.dir, "cargo", "build")
		want.target, got.target = nil, nil
		got.like(t, want)
		c.prints(c.at("target/debug/app"), "one")
	}
	if n := got.stats.Reasons["uncacheable"]["incremental"]; n != 2 || got.stats.Outcomes["hit"] != 0 {
		t.Errorf("outcomes %v, because %v, want 2 incremental", got.stats.Outcomes, got.stats.Reasons)
	}
	edit(t, c.at("low/src/text.rs"), "one", "two")
	c.build(c.dir, "cargo", "build")
	c.prints(c.at("target/debug/app"), "two")

	c.machine = c.without("CARGO_INCREMENTAL")
	clean(t, c.dir)
	r := c.execute(c.dir, c.program("compile-cache"), "run", "--", "cargo", "build")
	if r.status != 0 || !strings.Contains(r.stderr, "CARGO_INCREMENTAL=0 was set") {
		t.Errorf("status %d, and nothing is said of CARGO_INCREMENTAL: %s", r.status, r.stderr)
	}
	c.found("two")
}

// A mistake in a source is told each time, as rustc tells it, and forgotten once it is mended.
func TestMistake(t *testing.T) {
	c := newTrap(t, pair())
	c.right("one")
	edit(t, c.at("low/src/text.rs"), `"one"`, `no_such_thing`)
	for range 2 {
		got := c.same(c.dir, "cargo", "build")
		if got.status != 101 || !strings.Contains(got.stderr, "no_such_thing") {
			t.Errorf("status %d, want 101 and what is wrong: %s", got.status, got.stderr)
		}
		if got.stats.Outcomes["failed"] != 1 {
			t.Errorf("outcomes %v, want one that failed: mistakes are not kept", got.stats.Outcomes)
		}
	}
	edit(t, c.at("low/src/text.rs"), `no_such_thing`, `"two"`)
	c.right("two")
}
