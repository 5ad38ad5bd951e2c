package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// newCargoRunner is a runner with a toolchain of Rust, and with the crates that the workspace of package rust uses.
func newCargoRunner(t *testing.T) *runner {
	t.Helper()
	r := newRunner(t)
	r.project = filepath.Join(work.Repository, "internal", "e2e", "rust", "testdata", "small")
	crates := filepath.Join(r.home, ".cargo")
	r.env = []string{"CARGO_HOME=" + crates, "CARGO_TERM_COLOR=never", "GITHUB_REPOSITORY_ID=42"} // the bucket is divided by repositories
	rustup := os.Getenv("RUSTUP_HOME")
	if home, err := os.UserHomeDir(); err == nil && rustup == "" {
		rustup = filepath.Join(home, ".rustup")
	}
	if _, err := os.Stat(rustup); err == nil {
		r.env = append(r.env, "RUSTUP_HOME="+rustup)
	}
	var err error
	for range 3 { // registries have bad minutes
		cmd := exec.CommandContext(t.Context(), "cargo", "fetch", "--locked")
		cmd.Dir, cmd.Env = r.project, append(os.Environ(), "CARGO_HOME="+crates)
		var said []byte
		if said, err = cmd.CombinedOutput(); err == nil {
			return r
		}
		err = fmt.Errorf("%w: %s", err, said)
	}
	t.Fatal(err)
	return nil
}

// A cargo workspace needs nothing but the step of the action, and a runner that has nothing but the bucket, with its checkout and its
// crates at other paths, compiles nothing.
func TestCargo(t *testing.T) {
	first := newCargoRunner(t)
	j := first.run("cargo.yml")
	j.succeeded(true)
	j.logged("CARGO_INCREMENTAL=0 was set", "8 7 a19bf6b0d8da5b2e")
	built := j.stats()
	if len(built) != 2 {
		t.Fatalf("the job printed %d stats, want 2:\n%s", len(built), j.log)
	}
	n := built[0].Outcomes["miss"]
	if n < 15 {
		t.Fatalf("the first build has %d misses, want a real workspace: %v", n, built[0].Outcomes)
	}
	// Build scripts of equal packages may ask the same in one build.
	j.outcomes(1, map[string]int{"miss": n, "hit": 2*built[0].Outcomes["hit"] + n, "failed": 0, "bypassed": 0})
	j.summarized("hit rate 50.0 %", "/src/lib.rs` |")

	second := newCargoRunner(t)
	second.bucket = first.bucket
	j = second.run("cargo.yml")
	j.succeeded(true)
	// A static library holds paths that no mapping reaches.
	j.outcomes(0, map[string]int{"miss": 1, "hit": n - 1 + built[0].Outcomes["hit"], "failed": 0, "bypassed": 0})
	j.summarized("hostexecutor/ffi/src/lib.rs` | directory `cargo-home` changed |")
}
