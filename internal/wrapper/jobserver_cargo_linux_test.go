package wrapper

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// cargo -j2 has four compiles wait for another machine at once, and no more than two at work.
func TestCargoGoesOnMeanwhile(t *testing.T) {
	cargo, err := exec.LookPath("cargo")
	if err != nil {
		t.Skip("cargo is not installed")
	}
	const jobs, crates = 2, 4
	in := newInstance(t)
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("Cargo.toml", "[workspace]\nresolver = \"2\"\nmembers = [\"c*\"]\n")
	for i := range crates {
		write(fmt.Sprintf("c%d/Cargo.toml", i), fmt.Sprintf("[package]\nname = \"c%d\"\nversion = \"0.1.0\"\nedition = \"2021\"\n", i))
		write(fmt.Sprintf("c%d/src/lib.rs", i), "pub fn f() {}\n")
	}

	var mu sync.Mutex
	waiting, working, most := 0, 0, 0
	all := make(chan struct{})
	in.serve(func(p *peer) {
		if r := p.request(); !slices.ContainsFunc(r.Args, func(a string) bool { return strings.HasSuffix(a, "src/lib.rs") }) {
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
	cmd := in.command(cargo, "build", "--offline", fmt.Sprintf("-j%d", jobs))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "COMPILE_CACHE_DIR="+in.dir, "RUSTC_WRAPPER="+ccwrap, "CARGO_TARGET_DIR="+filepath.Join(dir, "target"), "CARGO_INCREMENTAL=0")
	if got := in.finish(cmd); got.status != 0 {
		t.Fatal(got)
	}
	if waiting != crates || most > jobs {
		t.Errorf("%d compiles waited and %d were at work at once, want %d and at most %d", waiting, most, crates, jobs)
	}
}
