//go:build linux && amd64

package procmacro

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// crate compiles a library of a name and returns the arguments by which a macro is built with it.
func crate(t *testing.T, name, text string) []string {
	t.Helper()
	rustc, err := exec.LookPath("rustc")
	if err != nil {
		t.Skip("skipped: no rustc in PATH")
	}
	dir := t.TempDir()
	source, library := filepath.Join(dir, "l.rs"), filepath.Join(dir, "lib"+name+".rlib")
	if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command(rustc, "--crate-name", name, source, "--edition=2021", "--crate-type", "rlib", "-o", library).CombinedOutput(); err != nil {
		t.Fatalf("rustc: %v\n%s", err, said)
	}
	return []string{"--extern", name + "=" + library}
}

// Of some crates it is known what their code does for a macro; what the macro does itself counts as ever.
func TestJudgeCrates(t *testing.T) {
	t.Parallel()
	const (
		manifests = `use std::{env, fs, process::Command};
			pub fn crate_name() -> String {
				let at = fs::metadata("Cargo.toml").unwrap().modified().unwrap();
				let said = Command::new(env::var("CARGO").unwrap()).output().unwrap().stdout;
				format!("{at:?} {said:?}")
			}`
		locks = `extern "C" { fn syscall(n: i64, ...) -> i64; } pub mod thread_parker { #[inline(never)] pub fn park() -> i64 { unsafe { super::syscall(202) } } }`
	)
	for _, c := range []struct {
		name, text, body, want string
		manifests              bool
	}{
		{"proc_macro_crate", manifests, `out(proc_macro_crate::crate_name())`, "tokens", true},
		{"proc_macro_crate", manifests, `out((proc_macro_crate::crate_name(), fs::read("a").is_ok()))`, "files", true},
		{"proc_macro_crate", manifests, `out((proc_macro_crate::crate_name(), Command::new("git").output().is_ok()))`, anyProgram, true},
		{"another_crate", manifests, `out(another_crate::crate_name())`, fileTimes, false},
		{"parking_lot_core", locks, `out(parking_lot_core::thread_parker::park())`, "tokens", false},
		{"another_core", locks, `out(another_core::thread_parker::park())`, unknown, false},
	} {
		traits, err := Judge(build(t, c.body, crate(t, c.name, c.text)...))
		if err != nil {
			t.Fatal(err)
		}
		if got := level(traits); got != c.want && (len(got) < len(c.want) || got[:len(c.want)] != c.want) || traits.Manifests != c.manifests {
			t.Errorf("Judge of %s with %s: %s, manifests %t, want %s, %t", c.body, c.name, got, traits.Manifests, c.want, c.manifests)
		}
	}
}
