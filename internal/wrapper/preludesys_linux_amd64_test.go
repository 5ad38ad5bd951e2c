package wrapper

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// What Prelude says of paths without the heap is what is said of them with it, over trees of files, links and settings drawn at random.
// Prelude may decline; what it does not decline is the same.

// fresh gives back what paths were put together in: one process asks once.
func fresh() { namesUsed = 0 }

// A forest is directories whose entries are what lies in a PATH: compilers, links to them and to each other, ccwrap, other caches.
type forest struct {
	dir   string
	dirs  []string
	names []string
}

func newForest(t *testing.T, r *rand.Rand) forest {
	f := forest{dir: t.TempDir(), names: []string{"cc", "gcc", "ccache", "ccwrap", "x", "y"}}
	for i := range 4 {
		dir := filepath.Join(f.dir, fmt.Sprint(i))
		f.dirs = append(f.dirs, dir)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range f.dirs {
		for _, name := range f.names {
			path := filepath.Join(dir, name)
			var err error
			switch r.IntN(9) {
			case 0, 1:
				err = os.WriteFile(path, nil, 0o755)
			case 2:
				err = os.WriteFile(path, nil, 0o644)
			case 3:
				err = os.Mkdir(path, 0o755)
			case 4, 5:
				err = os.Symlink(f.pick(r, f.names), path)
			case 6:
				err = os.Symlink("../"+fmt.Sprint(r.IntN(4))+"/"+f.pick(r, f.names), path)
			case 7:
				err = os.Symlink(f.pick(r, f.dirs)+"/"+f.pick(r, f.names), path)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return f
}

func (f forest) pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

// TestMain's ccwrap is no part of a forest: the wrapper that runs is one of its files.
func (f forest) own(r *rand.Rand) self {
	s := self{path: f.pick(r, f.dirs) + "/ccwrap"}
	var st syscall.Stat_t
	if syscall.Stat(s.path, &st) == nil {
		s.dev, s.ino = st.Dev, st.Ino
	}
	return s
}

func TestPreludeFindsTheSame(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	found, declined := 0, 0
	for range 40 {
		f := newForest(t, r)
		last := filepath.Join(f.dir, "last")
		for _, name := range f.names {
			if err := os.MkdirAll(last, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(last, name), nil, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for range 50 {
			fresh()
			path := make([]string, r.IntN(4))
			for i := range path {
				path[i] = f.pick(r, append(f.dirs, "", "relative", "/nowhere", f.dirs[0]))
			}
			path = append(path, last) // so that there is something to find, of all names but ccwrap
			c := &call{self: f.own(r), name: f.pick(r, []string{"cc", "gcc", "x", "y"}), env: []string{"PATH=" + strings.Join(path, ":")}}
			if r.IntN(3) == 0 {
				c.name = f.pick(r, f.dirs) + "/" + c.name
			}
			got, ok := findCompiler(string(join(c.name)), c.env, c.self)
			if !ok {
				declined++
				continue
			}
			found++
			if _, resolved := c.resolve(); !resolved || c.program != string(got) {
				t.Fatalf("seed %d: %q with %q: Prelude finds %q, resolve finds %q, %t", seed, c.name, c.env, got, c.program, resolved)
			}
			if name, ok := linkEnd(got); !ok || name != base(followLinks(string(got))) {
				t.Fatalf("seed %d: links of %q end at %q, %t, want %q", seed, got, name, ok, base(followLinks(string(got))))
			}
		}
	}
	if found < 400 || declined < 100 {
		t.Errorf("%d found, %d declined: neither may be rare", found, declined)
	}
}

func TestPreludeDialsTheSame(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	found, declined := 0, 0
	for range 500 {
		fresh()
		own := self{path: t.TempDir() + "/ccwrap"}
		if r.IntN(2) == 0 {
			symlink(t, []string{"/an/instance", "instance", "../instance"}[r.IntN(3)], parent(own.path)+"/.instance")
		}
		var env []string
		for _, name := range []string{"COMPILE_CACHE_DIR", "XDG_CACHE_HOME", "HOME", "TMPDIR", "XDG_RUNTIME_DIR", "GITHUB_ACTIONS", "GITHUB_JOB", "CI_JOB_ID"} {
			if r.IntN(3) == 0 {
				value := []string{"", "relative", "true", "/short", "/" + strings.Repeat("long", 5+r.IntN(20))}[r.IntN(5)]
				env = append(env, name+"="+value)
			}
		}
		namespace := []string{"0", "4026531841"}[r.IntN(2)]
		socket, run, ok := socketName(env, own, namespace)
		if !ok {
			declined++
			continue
		}
		found++
		place := (&call{self: own, env: env}).place(namespace)
		if string(socket) != place.Socket() || string(run) != place.Run {
			t.Fatalf("seed %d: with %q Prelude dials %q in %q, later %q in %q", seed, env, socket, run, place.Socket(), place.Run)
		}
		if dir := parent(string(run)); dir+"/spool/unrecorded" != place.Unrecorded() {
			t.Fatalf("seed %d: with %q Prelude counts in %q, later in %q", seed, env, dir, place.Unrecorded())
		}
	}
	if found < 50 || declined < 50 {
		t.Errorf("%d found, %d declined: neither may be rare", found, declined)
	}
}

// Prelude's files are those that the runtime's calls see.
func TestPreludeSeesTheSame(t *testing.T) {
	for _, p := range []string{"/bin/sh", "/etc/passwd", "/dev/null", "/nowhere", "script", "empty", "/"} {
		fresh()
		dir := t.TempDir()
		script(t, filepath.Join(dir, "script"), "")
		if err := os.WriteFile(filepath.Join(dir, "empty"), nil, 0o755); err != nil {
			t.Fatal(err)
		}
		path := within(dir, p)
		if got, want := join(p).within(dir), path; string(got) != want {
			t.Errorf("%q within %q is %q, want %q", p, dir, got, want)
		}
		if got, want := join(path).isScript(), isScript(path); got != want {
			t.Errorf("%s is a script: %t, want %t", p, got, want)
		}
		if got, want := join(path).executable(), syscall.Access(path, accessExecute) == nil; got != want {
			t.Errorf("%s is executable: %t, want %t", p, got, want)
		}
		if got, want := string(readName(join(path))), readLink(path); got != want {
			t.Errorf("%s leads to %q, want %q", p, got, want)
		}
	}
	fresh()
	if got, want := string(workName()), workDir(); got != want {
		t.Errorf("working directory %q, want %q", got, want)
	}
	if got, want := inputIsNull(), isNull(0); got != want {
		t.Errorf("standard input is null: %t, want %t", got, want)
	}
	if own, ok := findOwn(); !ok || own != findSelf() {
		t.Errorf("own program %v, %t, want %v", own, ok, findSelf())
	}
	if got, want := protocol.NamespaceID(string(readName(zeroed("/proc/self/ns/mnt\x00")))), protocol.NamespaceID(namespaceLink()); got != want {
		t.Errorf("namespace %q, want %q", got, want)
	}
}
