package rust

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Whatever happens to the cache, the build is as without it.
func TestFaults(t *testing.T) {
	f := many(6)

	// A build script in the middle of the build kills it, so that compiles before and after it are as in any other.
	t.Run("the daemon is killed", func(t *testing.T) {
		t.Parallel()
		g := many(6)
		g["low2/build.rs"] = "fn main() {\n    println!(\"cargo:rerun-if-changed=build.rs\");\n    assert!(std::process::Command::new(\"sh\").arg(\"kill.sh\").status().unwrap().success());\n}\n"
		g["low2/kill.sh"] = ":\n"
		g["low3/Cargo.toml"] += "[dependencies]\nlow2 = { path = \"../low2\" }\n" // so something comes after it
		c := newTrap(t, g)
		c.right("15")
		write(t, c.at("low2/kill.sh"), `for p in /proc/[0-9]*; do
	case $({ tr '\0' ' ' <$p/cmdline; } 2>/dev/null) in
	`+c.root+`/*" daemon "*) kill -9 ${p#/proc/} && echo killed >>`+c.root+`/killed ;;
	esac
done
`)
		for range 2 {
			want := c.plain(c.dir, "cargo", "build")
			_ = os.Remove(filepath.Join(c.root, "killed"))
			clean(t, c.dir)
			r := c.execute(c.dir, c.cached("cargo", "build")...)
			(&built{result: r, target: snapshot(t, c.dir)}).like(t, want)
			if _, err := os.Stat(filepath.Join(c.root, "killed")); err != nil {
				t.Errorf("no daemon was killed: %v", err)
			}
		}
		c.rested(c.dir, "cargo", "build")
		write(t, c.at("low2/kill.sh"), ":\n")
		c.right("15")
		c.found("15")
	})

	// A few pages are free, and the last of them are taken after the first of two builds. The second looks nothing up and stores what
	// it makes.
	for _, v := range []struct{ name, size, before string }{
		{"a disk without room", "64k", ":"},
		{"a disk that fills", "24m", `"$@" 2>/dev/null; rm -rf target; dd if=/dev/zero of=$COMPILE_CACHE_DIR/fill bs=4k 2>/dev/null; export COMPILE_CACHE_RECACHE=1`},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			c := newTrap(t, f)
			free := filepath.Join(c.root, "free")
			c.mounts("mount -t tmpfs -o size="+v.size+",mode=0700 tmpfs $COMPILE_CACHE_DIR", v.before, "stat -f -c %a $COMPILE_CACHE_DIR >"+free)
			b, err := os.ReadFile(free)
			if n, _ := strconv.Atoi(strings.TrimSpace(string(b))); err != nil || n > 16 {
				t.Errorf("%s blocks are free, %v; the disk was not full", b, err)
			}
		})
	}

	t.Run("a store that cannot be written", func(t *testing.T) {
		t.Parallel()
		c := newTrap(t, f)
		c.right("15")
		if r := c.command("stop"); r.status != 0 {
			t.Errorf("stop: %s", r.stderr)
		}
		c.mounts("mount --bind $COMPILE_CACHE_DIR $COMPILE_CACHE_DIR && mount -o remount,bind,ro $COMPILE_CACHE_DIR", ":", ":")
	})

	t.Run("a store that is only read", func(t *testing.T) {
		t.Parallel()
		c := newTrap(t, f)
		c.right("15")
		c.machine = c.with("COMPILE_CACHE_READONLY", "1")
		c.found("15")
		edit(t, c.at("low0/src/lib.rs"), "    0\n", "    100\n")
		for range 2 {
			if b := c.right("115"); b.stats.Outcomes["miss"] == 0 || b.stats.Outcomes["hit"] == 0 {
				t.Errorf("outcomes %v, want hits, and misses each time", b.stats.Outcomes)
			}
		}
	})

	t.Run("no HOME", func(t *testing.T) {
		t.Parallel()
		c := newTrap(t, f)
		c.machine = c.without("HOME")
		c.right("15")
		c.found("15")
	})
}

// mounts changes the instance's directory in a mount namespace of its own, and builds twice. The shell commands run there, first,
// before the build and after it.
func (c *trap) mounts(mount, before, after string) {
	c.t.Helper()
	if r := c.execute(c.root, "unshare", "-m", "true"); r.status != 0 {
		c.t.Skipf("skipped: unshare -m is not permitted: %s", strings.TrimSpace(r.stderr))
	}
	if err := os.MkdirAll(c.machine.dir, 0o700); err != nil {
		c.t.Fatal(err)
	}
	want := c.plain(c.dir, "cargo", "build")
	for range 2 {
		clean(c.t, c.dir)
		script := mount + ` || exit 99; ` + before + `; "$@"; status=$?; ` + after + `; "$0" stop >/dev/null 2>&1; exit $status`
		argv := []string{"unshare", "-m", "sh", "-c", script, c.program("compile-cache")}
		r := c.execute(c.dir, append(argv, c.cached("cargo", "build")...)...)
		var theirs strings.Builder // messages of ours, such as that there is no summary, are no part of the build's
		for line := range strings.Lines(r.stderr) {
			if !strings.HasPrefix(line, "compile-cache: ") {
				theirs.WriteString(line)
			}
		}
		r.stderr = theirs.String()
		(&built{result: r, target: snapshot(c.t, c.dir)}).like(c.t, want)
	}
	c.prints(c.at("target/debug/app"), "15")
}
