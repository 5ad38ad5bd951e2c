package wrapper

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOwnWords(t *testing.T) {
	in := newInstance(t)
	for _, tt := range []struct {
		args []string
		want ended
	}{
		{nil, exits(2, "", usage)},
		{[]string{"ccwrap"}, exits(2, "", usage)},
		{[]string{""}, exits(2, "", usage)},
		{[]string{"-c", "x.c"}, exits(2, "", usage)},
		{[]string{"--version"}, exits(0, "ccwrap devel\n", "")},
		{[]string{"ccwrap", "--version"}, exits(0, "ccwrap devel\n", "")},
		{[]string{"--help"}, exits(0, usage, "")},
		{[]string{"/nowhere/cc", "--version"}, exits(127, "", "ccwrap: /nowhere/cc: not found\n")},
		{[]string{"no-such-compiler"}, exits(127, "", "ccwrap: no-such-compiler: not found in PATH\n")},
		{[]string{"/etc/passwd"}, exits(126, "", "ccwrap: /etc/passwd: not executable\n")},
		{[]string{"/etc"}, exits(126, "", "ccwrap: /etc: not executable\n")},
	} {
		if got := in.run(append([]string{ccwrap}, tt.args...)...); got != tt.want {
			t.Errorf("ccwrap %q: %v, want %v", tt.args, got, tt.want)
		}
	}
	// A caller may name nothing in argv[0], and any directory in PATH.
	nameless := in.command(ccwrap)
	nameless.Args[0] = ""
	nameless.Env = append(nameless.Env, "PATH=:/bin")
	if got, want := in.finish(nameless), exits(127, "", "ccwrap: : not found in PATH\n"); got != want {
		t.Errorf("without a name: %v, want %v", got, want)
	}
	if n := in.unrecorded(); n != 0 {
		t.Errorf("%d unrecorded, want 0", n)
	}
}

// tree makes files below a new directory: "name -> target" is a link, "name!" an executable that says its argv[0] and
// arguments, "name" a plain file, "name/" a directory.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		if name, target, isLink := strings.Cut(name, " -> "); isLink {
			symlink(t, target, filepath.Join(dir, name))
			continue
		}
		path := filepath.Join(dir, strings.TrimRight(name, "!/"))
		switch name[len(name)-1] {
		case '!':
			script(t, path, `echo "$0 $*"`)
		case '/':
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
		default:
			script(t, path, "")
			if err := os.Chmod(path, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func TestSearch(t *testing.T) {
	for _, tt := range []struct {
		name   string
		tree   []string
		path   string // DIR stands for the tree
		cwd    string // below the tree
		args   []string
		status int
		out    string // of stdout or stderr
	}{
		{"first", []string{"a/cc!", "b/cc!"}, "DIR/a:DIR/b", "", []string{"cc", "x"}, 0, "DIR/a/cc x"},
		{"second", []string{"a/", "b/cc!"}, "DIR/a:DIR/b", "", []string{"cc", "x"}, 0, "DIR/b/cc x"},
		{"a link stays a link", []string{"real/cc-12!", "a/cc -> ../real/cc-12"}, "DIR/a", "", []string{"cc"}, 0, "DIR/a/cc "},
		{"absolute", []string{"a/cc!"}, "", "", []string{"DIR/a/cc"}, 0, "DIR/a/cc "},
		{"relative", []string{"a/cc!"}, "", "a", []string{"./cc"}, 0, "./cc "},
		{"empty element", []string{"a/cc!"}, ":/nowhere", "a", []string{"cc"}, 0, "DIR/a/cc "},
		{"relative element", []string{"a/cc!"}, "a", "", []string{"cc"}, 0, "DIR/a/cc "},
		{"a directory", []string{"a/cc/", "b/cc!"}, "DIR/a:DIR/b", "", []string{"cc"}, 0, "DIR/b/cc "},
		{"not executable, then executable", []string{"a/cc", "b/cc!"}, "DIR/a:DIR/b", "", []string{"cc"}, 0, "DIR/b/cc "},
		{"not executable", []string{"a/cc"}, "DIR/a", "", []string{"cc"}, 126, "ccwrap: DIR/a/cc: not executable"},
		{"dangling", []string{"a/cc -> nowhere"}, "DIR/a", "", []string{"cc"}, 127, "ccwrap: cc: not found in PATH"},
		{"a link to ccwrap", []string{"a/cc -> CCWRAP", "b/cc!"}, "DIR/a:DIR/b", "", []string{"cc"}, 0, "DIR/b/cc "},
		{"another copy of ccwrap", []string{"a/ccwrap!", "a/cc -> ccwrap", "b/cc!"}, "DIR/a:DIR/b", "", []string{"cc"}, 0, "DIR/b/cc "},
		{"ccache", []string{"c/ccache!", "a/cc -> ../c/ccache", "b/cc!"}, "DIR/a:DIR/b", "", []string{"cc"}, 0, "DIR/b/cc "},
		{"sccache", []string{"c/sccache!", "a/cc -> ../c/sccache", "b/cc!"}, "DIR/a:DIR/b", "", []string{"cc"}, 0, "DIR/b/cc "},
		{"only shims", []string{"a/cc -> CCWRAP"}, "DIR/a", "", []string{"cc"}, 127, "ccwrap: cc: not found in PATH"},
		{"path of a shim", []string{"a/cc -> CCWRAP", "b/cc!"}, "DIR/a:DIR/b", "", []string{"DIR/a/cc", "x"}, 0, "DIR/b/cc x"},
		{"twice", []string{"b/cc!"}, "DIR/b", "", []string{"ccwrap", "cc", "x"}, 0, "DIR/b/cc x"},
		{"three times, with paths", []string{"b/cc!"}, "DIR/b", "", []string{"CCWRAP", "/x/ccwrap", "cc", "x"}, 0, "DIR/b/cc x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := newInstance(t)
			for i := range tt.tree {
				tt.tree[i] = strings.ReplaceAll(tt.tree[i], "CCWRAP", ccwrap)
			}
			dir := tree(t, tt.tree...)
			expand := strings.NewReplacer("DIR", dir, "CCWRAP", ccwrap).Replace
			args := []string{ccwrap}
			for _, a := range tt.args {
				args = append(args, expand(a))
			}
			cmd := in.command(args...)
			cmd.Dir = filepath.Join(dir, tt.cwd)
			cmd.Env = []string{"PATH=" + expand(tt.path), "COMPILE_CACHE_DISABLE=1"}
			want := exits(tt.status, expand(tt.out)+"\n", "")
			if tt.status != 0 {
				want.stdout, want.stderr = want.stderr, want.stdout
			}
			if got := in.finish(cmd); got != want {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

func TestMasquerade(t *testing.T) {
	dir := tree(t, "shims/cc -> "+ccwrap, "shims/c++ -> "+ccwrap, "bin/cc!", "bin/c++!")
	in := newInstance(t)
	in.env[0] = "PATH=" + dir + "/shims:" + dir + "/bin:/usr/bin:/bin"
	in.serve(toExecute)
	for _, call := range []string{"cc", dir + "/shims/c++"} {
		want := exits(0, fmt.Sprintf("%s/bin/%s -c x.c\n", dir, base(call)), "")
		if got := in.run("/bin/sh", "-c", `exec "$@"`, "sh", call, "-c", "x.c"); got != want {
			t.Errorf("%s: %v, want %v", call, got, want)
		}
	}
}

// A shim's instance is that of the directory which holds the copy of ccwrap; COMPILE_CACHE_DIR goes before it.
func TestInstanceOfAShim(t *testing.T) {
	in, other := newInstance(t), newInstance(t)
	in.serve(func(p *peer) { p.request(); p.send(replay("shim's")) })
	other.serve(func(p *peer) { p.request(); p.send(replay("environment's")) })
	dir := tree(t, "bin/cc!", "shims/.instance -> "+in.dir, "shims/cc -> ccwrap", "elsewhere/cc -> ../shims/ccwrap")
	copyFile(t, ccwrap, filepath.Join(dir, "shims/ccwrap"))
	path := "PATH=" + dir + "/bin"
	for _, tt := range []struct {
		call string
		env  []string
		want string
	}{
		{dir + "/shims/cc", []string{path}, "shim's"},
		{dir + "/elsewhere/cc", []string{path}, "shim's"},
		{dir + "/shims/cc", []string{path, "COMPILE_CACHE_DIR=" + other.dir}, "environment's"},
		{dir + "/shims/cc", []string{path, "COMPILE_CACHE_DIR=" + filepath.Base(other.dir)}, "environment's"},
	} {
		cmd := in.command(tt.call)
		cmd.Env, cmd.Dir = tt.env, filepath.Dir(other.dir)
		if got := in.finish(cmd); got != exits(0, tt.want, "") {
			t.Errorf("%s with %q: %v, want %q", tt.call, tt.env, got, tt.want)
		}
	}
}

// A script that is found as the compiler and calls the next one in PATH finds our shim, and that finds the script: the loop
// ends at the real compiler, whether the script uses exec or not.
func TestScriptThatFindsTheShim(t *testing.T) {
	for _, how := range []string{"exec cc", "cc"} {
		for _, disabled := range []string{"0", "1"} {
			dir := tree(t, "shims/cc -> "+ccwrap, "bin/cc -> /bin/echo")
			script(t, filepath.Join(dir, "scripts/cc"), how+` "$@"`)
			in := newInstance(t)
			in.serve(toExecute)
			in.env[0] = "PATH=" + dir + "/shims:" + dir + "/scripts:" + dir + "/bin:/usr/bin:/bin"
			in.env = append(in.env, "COMPILE_CACHE_DISABLE="+disabled)
			if got := in.run(dir+"/shims/cc", "-c"); got != exits(0, "-c\n", "") {
				t.Errorf("%s, disabled %s: %v, want the real compiler's words", how, disabled, got)
			}
		}
	}
}

// A script that calls itself by its path behind ccwrap has no other compiler to fall back to.
func TestScriptThatCallsItself(t *testing.T) {
	in := newInstance(t)
	path := filepath.Join(in.dir, "cc")
	script(t, path, `exec "`+ccwrap+`" "$0"`)
	in.serve(toExecute)
	if got := in.run(ccwrap, path); got != exits(126, "", "ccwrap: "+path+": calls itself\n") {
		t.Errorf("got %v, want it stopped", got)
	}
}
