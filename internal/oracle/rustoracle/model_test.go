//go:build unix

package rustoracle

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/oracle/search"
)

// rustLine turns a line of the model's language into Rust, "" for one that reads nothing.
func rustLine(statement string) string {
	cfg, rest := "", statement
	if m := featureMod.FindStringSubmatch(statement); m != nil {
		cfg, rest = strings.TrimSuffix(statement, m[2]), m[2]
	}
	switch {
	case strings.HasPrefix(rest, "mod ") || strings.HasPrefix(rest, "include!("):
		return cfg + rest
	case strings.HasPrefix(rest, "option_env!"):
		return cfg + "const _: Option<&str> = " + rest + ";"
	case call.MatchString(rest):
		return cfg + "const _: &str = " + rest + ";"
	}
	return ""
}

// errorCode is what an error begins with where it has a name.
var errorCode = regexp.MustCompile(`\bE0\d\d\d\b`)

// TestReadsWhatRustcReads compares the model's dep-info and failures with rustc's, in random crates: the search can only be as good
// as the model.
func TestReadsWhatRustcReads(t *testing.T) {
	rustc, err := exec.LookPath("rustc")
	if err != nil {
		t.Skip("needs rustc in PATH")
	}
	cases := 60
	if testing.Short() {
		cases = 15
	}
	failed, compared := 0, 0
	for seed := range uint64(cases) {
		dir := search.ScratchDir(t)
		rng := rand.New(rand.NewPCG(seed, 2))
		w, err := newWorld(dir+"/w", rng)
		if err != nil {
			t.Fatal(err)
		}
		u := w.unit("mid")
		for range 12 {
			for _, o := range w.chooseOps(rng) {
				w.apply(o)
			}
		}
		w.at = 0
		for _, o := range []op{
			{kind: "write", a: w.path(u, "src/m0/mod.rs"), b: "mod m2;\noption_env!(\"BAR\")\n"}, {kind: "write", a: w.path(u, "src/m0/m2.rs"), b: "env!(\"FOO\")\n"},
			{kind: "remove", a: w.path(u, "src/m0.rs")}, {kind: "remove", a: w.path(u, "src/m1.rs")}, {kind: "unset", a: "FOO"}, {kind: "feature", a: "mid", n: 1},
		} {
			if rng.IntN(3) == 0 {
				w.apply(o)
			}
		}
		inv := w.invocation(u)
		args := []string{"--crate-name", "mid", "--edition=2021", "crates/mid/src/lib.rs", "--crate-type", "lib", "--emit=dep-info", "--out-dir", "target"}
		if u.features {
			args = append(args, "--cfg", `feature="f"`)
		}
		texts := map[string]string{} // as Rust
		for _, name := range u.files() {
			path := w.dir + "/" + w.path(u, name)
			text, err := os.ReadFile(path)
			if err != nil || !strings.HasSuffix(name, ".rs") {
				continue
			}
			var lines, translated []string
			for statement := range strings.SplitSeq(string(text), "\n") {
				if l := rustLine(statement); l != "" && !slices.Contains(translated, l) {
					lines, translated = append(lines, statement), append(translated, l)
				}
			}
			if name == u.root() {
				translated = append([]string{"#![allow(unused)]"}, translated...)
			}
			w.apply(op{kind: "write", a: w.path(u, name), b: strings.Join(lines, "\n")})
			texts[name] = strings.Join(translated, "\n")
		}
		want := (&Call{Program: inv.Program, Args: args, Dir: inv.Dir, Env: inv.Env}).Answer()
		text := ""
		for name, rust := range texts {
			w.apply(op{kind: "write", a: w.path(u, name), b: rust})
			text += "--- " + name + "\n" + rust + "\n"
		}
		real := exec.Command(rustc, args...)
		real.Dir = inv.Dir
		real.Env = append(slices.Clone(inv.Env), "PATH="+os.Getenv("PATH"), "HOME="+os.Getenv("HOME"), "CARGO_HOME="+os.Getenv("CARGO_HOME"), "RUSTUP_HOME="+os.Getenv("RUSTUP_HOME"))
		said, err := real.CombinedOutput()
		if strings.Contains(string(said), "E0428") {
			continue // two modules of one name: of names the model knows nothing
		}
		compared++
		if (err != nil) != (want.Status != 0) {
			t.Errorf("seed %d: rustc: %v %s\nmodel: %d %s\n%s", seed, err, said, want.Status, want.Stderr, text)
			continue
		}
		if err != nil {
			failed++
			if code := errorCode.FindString(string(want.Stderr)); code != "" && !strings.Contains(string(said), code) {
				t.Errorf("seed %d: model fails with %s, rustc with %s\n%s", seed, code, said, text)
			}
			continue
		}
		got, err := os.ReadFile(inv.Dir + "/target/mid.d")
		if err != nil {
			t.Fatal(err)
		}
		if g, w := sortedWords(string(got)), sortedWords(string(want.Files[0].Data)); g != w {
			t.Errorf("seed %d: dep-info of rustc:\n%s\nof the model:\n%s\n%s", seed, g, w, text)
		}
	}
	t.Logf("%d crates, %d of which fail", compared, failed)
	if compared < cases/2 || failed > compared*3/4 {
		t.Errorf("%d of %d crates compared, of which %d fail: not worth much", compared, cases, failed)
	}
}

// sortedWords brings dep-info into an order that does not tell when each file was read: the model reads what is included sooner than rustc.
func sortedWords(depInfo string) string {
	var lines []string
	for line := range strings.SplitSeq(depInfo, "\n") {
		if strings.HasPrefix(line, "target/") {
			words := strings.Split(strings.ReplaceAll(line, `\ `, "\x00"), " ")
			slices.Sort(words[1:])
			line = strings.ReplaceAll(strings.Join(words, " "), "\x00", `\ `)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
