package wrapper

import (
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// What an Early said, the compiler that runs after all does not say a second time, whoever decides that it runs. The daemon is
// told all of it.
func TestNothingIsSaidTwice(t *testing.T) {
	for _, tt := range []struct{ name, early, says, want string }{
		{"first lines", "a\nb\n", `a\nb\nc\n`, "a\nb\nc\n"},
		{"once each", "a\n", `a\na\n`, "a\na\n"},
		{"another order", "a\nb\n", `b\nx\na\n`, "a\nb\nx\n"},
		{"no end", "a\n", `a\nb`, "a\nb"},
		{"other words", "a\n", `aa\nb\n`, "a\naa\nb\n"},
	} {
		for _, end := range []struct {
			name string
			send func(p *peer)
		}{
			{"run", func(p *peer) {
				p.send(&protocol.Run{Capture: true})
				ran := p.ran()
				in := newInstance(t)
				if got, want := string(ran.Stderr), in.run("/usr/bin/printf", tt.says).stdout; got != want || !ran.Captured {
					t.Errorf("%s: told of %q, want %q", tt.name, got, want)
				}
				p.send(protocol.Done{})
			}},
			{"run untold", func(p *peer) {
				p.send(&protocol.Run{})
				if ran := p.ran(); ran.Captured || len(ran.Stderr) > 0 {
					t.Errorf("%s: told of %q, want nothing", tt.name, ran.Stderr)
				}
				p.send(protocol.Done{})
			}},
			{"execute", func(p *peer) { p.send(protocol.Exec{}) }},
			{"hang up", func(*peer) {}},
			{"garbage", func(p *peer) { p.write([]byte("garbage, and more of it")) }},
		} {
			in := newInstance(t)
			in.serve(func(p *peer) {
				p.request()
				p.send(&protocol.Early{Stderr: []byte(tt.early)})
				end.send(p)
			})
			if got, want := in.run(ccwrap, "/bin/sh", "-c", `printf "$0" >&2; exit 3`, tt.says), exits(3, "", tt.want); got != want {
				t.Errorf("%s, then %s: got %v, want %v", tt.name, end.name, got, want)
			}
		}
	}
}

// A run that failed by something of ours is followed by the plain compiler, whose status counts, and which does not repeat what was said.
func TestExecAfterARun(t *testing.T) {
	in := newInstance(t)
	in.serve(func(p *peer) {
		p.request()
		p.send(&protocol.Run{Args: []string{"-c", "echo notice >&2; echo ours >&2; exit 1"}, Capture: true})
		if ran := p.ran(); ran.WaitStatus>>8 != 1 {
			t.Errorf("told of status %d, want 1", ran.WaitStatus>>8)
		}
		p.send(protocol.Exec{})
	})
	got := in.run(ccwrap, "/bin/sh", "-c", "echo notice >&2; echo more >&2; exit 7")
	if want := exits(7, "", "notice\nours\nmore\n"); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
