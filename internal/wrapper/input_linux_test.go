package wrapper

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// Whatever becomes of the conversation, the compiler reads what came through the pipe, and the daemon is told of it up to a size.
func TestInput(t *testing.T) {
	again := func(messages ...protocol.Message) func(*peer) {
		return func(p *peer) {
			for range 2 {
				p.send(&protocol.Run{Capture: true, Quiet: true})
				p.ran()
			}
			p.send(messages...)
		}
	}
	run := func(r *protocol.Run) func(*peer) {
		return func(p *peer) {
			p.send(r)
			p.ran()
			p.send(protocol.Done{})
		}
	}
	ways := map[string]func(*peer){
		"executed":              func(p *peer) { p.send(protocol.Exec{}) },
		"run":                   run(&protocol.Run{}),
		"captured":              run(&protocol.Run{Capture: true}),
		"daemon dies":           func(*peer) {},
		"daemon dies in a run":  func(p *peer) { p.send(&protocol.Run{Capture: true, Quiet: true}) },
		"nonsense":              func(p *peer) { p.write([]byte("nonsense, but long enough")) },
		"run twice":             again(protocol.Exec{}),
		"daemon dies after two": again(),
		"told early":            func(p *peer) { p.send(&protocol.Early{Stderr: []byte("said\n")}) },
	}
	for name, play := range ways {
		for _, size := range []int{0, 1, 5000, protocol.MaxInput, protocol.MaxInput + 1, 3*protocol.MaxInput + 7} {
			in := newInstance(t)
			path := filepath.Join(in.dir, "rustc")
			script(t, path, `cat >"$0.got"; echo read >>"$0.log"; echo "$@"; exit 3`)
			input := bytes.Repeat([]byte("0123456789\x00\n"), size/12+1)[:size]
			in.serve(func(p *peer) {
				req := p.request()
				if whole := size <= protocol.MaxInput; req.HasInput != whole || whole && !bytes.Equal(req.Input, input) || !whole && len(req.Input) > 0 {
					t.Errorf("%s: told of %t, %d bytes; %d were written", name, req.HasInput, len(req.Input), size)
				}
				play(p)
			})
			cmd := in.command(ccwrap, path, "--crate-type=lib", "-")
			cmd.Stdin = bytes.NewReader(input)
			got := in.finish(cmd)
			want := exits(3, "--crate-type=lib -\n", "")
			if name == "told early" {
				want = exits(3, want.stdout, "said\n")
			}
			if got != want {
				t.Errorf("%s: got %v, want %v", name, got, want)
			}
			if read, err := os.ReadFile(path + ".got"); err != nil || !bytes.Equal(read, input) {
				t.Errorf("%s: the compiler read %d bytes, %v; %d were written", name, len(read), err, size)
			}
		}
	}
}

// A call that may not read standard input leaves it alone: nobody may ever close it.
func TestInputIsLeftAlone(t *testing.T) {
	for _, c := range []struct {
		name string
		args string
	}{
		{"gcc", "-c -x c -"}, {"rustc", "a.rs"}, {"rustc", "- a.rs"}, {"rustc", "a.rs -o -"}, {"rustc", "a.rs --out-dir -"}, {"rustc", ""},
		{"clippy-driver", "-"},
	} {
		in := newInstance(t)
		path := filepath.Join(in.dir, c.name)
		script(t, path, `exit 3`)
		in.serve(func(p *peer) {
			if req := p.request(); req.HasInput || len(req.Input) > 0 {
				t.Errorf("%s %s: told of input", c.name, c.args)
			}
			p.send(protocol.Exec{})
		})
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd := in.command(append([]string{ccwrap, path}, strings.Fields(c.args)...)...)
		cmd.Stdin = r
		if got := in.finish(cmd); got != exits(3, "", "") {
			t.Errorf("%s %s: got %v", c.name, c.args, got)
		}
		w.Close()
		r.Close()
	}
}

// What is no pipe can be read again, or is a terminal.
func TestInputOfAFile(t *testing.T) {
	in := newInstance(t)
	path := filepath.Join(in.dir, "rustc")
	script(t, path, `exec cat`)
	in.serve(func(p *peer) {
		if req := p.request(); req.HasInput {
			t.Error("told of input")
		}
		p.send(protocol.Exec{})
	})
	source := filepath.Join(in.dir, "a.rs")
	if err := os.WriteFile(source, []byte("fn f() {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(source)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := in.command(ccwrap, path, "-")
	cmd.Stdin = f
	if got := in.finish(cmd); got != exits(0, "fn f() {}\n", "") {
		t.Errorf("got %v, want the file", got)
	}
}

func TestReadsInput(t *testing.T) {
	for args, want := range map[string]bool{
		"-": true, "--crate-type=lib --emit=llvm-ir -": true, "-D warnings -": true, "-Dwarnings -": true, "-o - -": true, "-o x -": true,
		"": false, "-o -": false, "--target -": false, "-O -": false, "- x": false, "x": false,
	} {
		if got := readsInput("rustc", strings.Fields(args)); got != want {
			t.Errorf("readsInput(rustc, %s) = %t, want %t", args, got, want)
		}
	}
}
