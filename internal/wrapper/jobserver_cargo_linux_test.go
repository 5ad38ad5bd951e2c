package wrapper

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// A workspace is a project of crates that cargo builds through ccwrap.
type workspace struct {
	*instance
	root  string
	cargo string
}

func newWorkspace(t *testing.T) *workspace {
	t.Helper()
	cargo, err := exec.LookPath("cargo")
	if err != nil {
		t.Skip("cargo is not installed")
	}
	w := &workspace{newInstance(t), t.TempDir(), cargo}
	w.write("Cargo.toml", "[workspace]\nresolver = \"2\"\nmembers = [\"c*\"]\n")
	return w
}

func (w *workspace) write(name, text string) {
	w.t.Helper()
	path := filepath.Join(w.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// crate adds a library whose name begins with a c, and which uses another one unless that is "".
func (w *workspace) crate(name, uses string) {
	w.t.Helper()
	manifest := fmt.Sprintf("[package]\nname = %q\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\n", name)
	source := "pub fn f() {}\n"
	if uses != "" {
		manifest += fmt.Sprintf("%s = { path = \"../%[1]s\" }\n", uses)
		source = fmt.Sprintf("pub fn f() { %s::f() }\n", uses)
	}
	w.write(name+"/Cargo.toml", manifest)
	w.write(name+"/src/lib.rs", source)
}

func (w *workspace) build(args ...string) {
	w.t.Helper()
	cmd := w.command(append([]string{w.cargo, "build", "--offline"}, args...)...)
	cmd.Dir = w.root
	cmd.Env = append(os.Environ(), "COMPILE_CACHE_DIR="+w.dir, "RUSTC_WRAPPER="+ccwrap, "CARGO_TARGET_DIR="+filepath.Join(w.root, "target"), "CARGO_INCREMENTAL=0")
	if got := w.finish(cmd); got.status != 0 {
		w.t.Fatal(got)
	}
}

// crateOf returns the crate that a request is to compile, "" for a question.
func crateOf(r *protocol.Request) string {
	i := slices.Index(r.Args, "--crate-name")
	if i < 0 || !slices.ContainsFunc(r.Args, func(a string) bool { return strings.HasSuffix(a, "src/lib.rs") }) {
		return ""
	}
	return r.Args[i+1]
}

// cargo -j2 has four compiles wait for another machine at once, and no more than two at work.
func TestCargoGoesOnMeanwhile(t *testing.T) {
	const jobs, crates = 2, 4
	w := newWorkspace(t)
	in := w.instance
	for i := range crates {
		w.crate(fmt.Sprintf("c%d", i), "")
	}

	var mu sync.Mutex
	waiting, working, most := 0, 0, 0
	all := make(chan struct{})
	in.serve(func(p *peer) {
		if crateOf(p.request()) == "" {
			p.send(protocol.Exec{})
			return
		}
		p.send(protocol.Away{})
		mu.Lock()
		if waiting++; waiting == crates {
			close(all)
		}
		mu.Unlock()
		alive := time.NewTicker(protocol.WaitEvery)
		defer alive.Stop()
		given := time.After(testTimeout)
		for held := true; held; {
			select {
			case <-all:
				held = false
			case <-given:
				t.Error("not all compiles wait at once")
				return
			case <-alive.C:
				p.send(protocol.Wait{})
			}
		}
		// What asks is not yet at work, and what has run is no more: a probe takes the token as a run does.
		p.send(&protocol.Probe{Argv: []string{"/bin/true"}})
		p.receive(protocol.TypeAnswer)
		mu.Lock()
		working++
		most = max(most, working)
		mu.Unlock()
		p.send(&protocol.Run{Capture: true})
		p.ran()
		mu.Lock()
		working--
		mu.Unlock()
		p.send(protocol.Done{})
	})
	w.build(fmt.Sprintf("-j%d", jobs))
	if waiting != crates || most > jobs {
		t.Errorf("%d compiles waited and %d were at work at once, want %d and at most %d", waiting, most, crates, jobs)
	}
}

// cargo is told once that metadata is there, also where the daemon died right after it had told so: of a second notice cargo
// dies. What the notice says is true here, as the file of the build before is still there.
func TestCargoIsToldOnce(t *testing.T) {
	w := newWorkspace(t)
	w.crate("c0", "")
	w.crate("c1", "c0")
	var died atomic.Bool
	notice, went, once := "", make(chan struct{}), sync.Once{}
	w.serve(func(p *peer) {
		switch crate := crateOf(p.request()); {
		case crate == "c0" && !died.Load():
			p.send(&protocol.Run{Capture: true})
			for line := range strings.Lines(string(p.ran().Stderr)) {
				if strings.Contains(line, `"emit":"metadata"`) {
					notice = line
				}
			}
			p.send(protocol.Done{})
		case crate == "c0":
			p.send(&protocol.Early{Stderr: []byte(notice)})
			<-went
		default:
			if crate == "c1" && died.Load() {
				once.Do(func() { close(went) })
			}
			p.send(protocol.Exec{})
		}
	})
	w.build("-j2")
	died.Store(true)
	w.crate("c0", "")
	w.build("-j2")
}
