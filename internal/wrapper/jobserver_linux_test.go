package wrapper

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// A pool is a jobserver's pipe, from the side of cargo.
type pool struct {
	t    *testing.T
	r, w *os.File
}

func newPool(t *testing.T) *pool {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return &pool{t, r, w}
}

// newNamedPool returns a pool in a named pipe, and its path.
func newNamedPool(t *testing.T) (*pool, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jobs")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return &pool{t, f, f}, path
}

// get waits for a token.
func (p *pool) get() {
	if n, err := p.r.Read(make([]byte, 1)); n != 1 {
		p.t.Errorf("read a token: %v", err)
	}
}

func (p *pool) put() {
	if _, err := p.w.Write([]byte{'|'}); err != nil {
		p.t.Errorf("write a token: %v", err)
	}
}

// wantEmpty reports tokens in the pool.
func (p *pool) wantEmpty(when string) {
	p.t.Helper()
	raw, err := p.r.SyscallConn()
	if err != nil {
		p.t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) {
		fds := []pollFD{{fd: int32(fd), events: pollIn}}
		if poll(fds, 0); fds[0].revents != 0 {
			p.t.Errorf("%s: a token is in the pool, want none", when)
		}
	})
}

// jobservers are the ways in which a call is told of a pool.
var jobservers = []struct {
	name string
	pool func(*testing.T) (p *pool, env string, files []*os.File)
}{
	{"cargo", func(t *testing.T) (*pool, string, []*os.File) {
		p := newPool(t)
		return p, "CARGO_MAKEFLAGS=-j --jobserver-fds=3,4 --jobserver-auth=3,4", []*os.File{p.r, p.w}
	}},
	{"older", func(t *testing.T) (*pool, string, []*os.File) {
		p := newPool(t)
		return p, "MAKEFLAGS= -j4 --jobserver-fds=3,4 -- X=1 --jobserver-fds=5,6", []*os.File{p.r, p.w}
	}},
	{"the last one counts", func(t *testing.T) (*pool, string, []*os.File) {
		p := newPool(t)
		return p, "MAKEFLAGS=k --jobserver-auth=7,8 --jobserver-auth=3,4", []*os.File{p.r, p.w}
	}},
	{"named", func(t *testing.T) (*pool, string, []*os.File) {
		p, path := newNamedPool(t)
		return p, "MAKEFLAGS= -j4 --jobserver-auth=fifo:" + path, nil
	}},
}

// The caller's token is in the pool while another machine is waited for, and is ours again when ccwrap ends.
func TestTokenOfAHit(t *testing.T) {
	for _, tt := range jobservers {
		t.Run(tt.name, func(t *testing.T) {
			p, env, files := tt.pool(t)
			in := newInstance(t)
			in.serve(func(peer *peer) {
				peer.request()
				// A second word of the same wait gives no second token.
				peer.send(protocol.Away{}, protocol.Away{})
				p.get()
				p.wantEmpty("before the answer")
				peer.send(replay("words"))
			})
			cmd := in.command(ccwrap, "/bin/false")
			cmd.Env, cmd.ExtraFiles = append(cmd.Env, env), files
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			words := make([]byte, len("words"))
			if _, err := io.ReadFull(stdout, words); err != nil {
				t.Error("messages wait for a token:", err)
			}
			p.put()
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			p.wantEmpty("after the end")
		})
	}
}

// The compiler runs with a token.
func TestTokenOfARun(t *testing.T) {
	for _, end := range []protocol.Message{&protocol.Run{Capture: true}, protocol.Exec{}} {
		p := newPool(t)
		in := newInstance(t)
		in.serve(func(peer *peer) {
			peer.request()
			peer.send(protocol.Away{})
			p.get()
			peer.send(end)
			p.put()
			if _, ok := end.(*protocol.Run); ok {
				peer.ran()
				peer.send(protocol.Done{})
			}
		})
		g := newGate(t)
		cmd := in.command(ccwrap, "/bin/sh", "-c", fmt.Sprintf(`echo at work; read x <"%s"`, g.path))
		cmd.Env, cmd.ExtraFiles = append(cmd.Env, "CARGO_MAKEFLAGS=-j --jobserver-auth=3,4"), []*os.File{p.r, p.w}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if got := readLine(t, stdout); got != "at work" {
			t.Errorf("read %q, want at work", got)
		}
		p.wantEmpty("while the compiler runs")
		g.open()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		p.wantEmpty("after the end")
	}
}

// What is no jobserver is not written to.
func TestNoJobserver(t *testing.T) {
	other := newPool(t)
	one := newPool(t)
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, tt := range []struct {
		name, env string
		files     []*os.File
	}{
		{"no variable", "OTHER=--jobserver-auth=3,4", []*os.File{one.r, one.w}},
		{"none in the variable", "CARGO_MAKEFLAGS=-j4", []*os.File{one.r, one.w}},
		{"closed", "CARGO_MAKEFLAGS=--jobserver-auth=3,4", nil},
		{"files", "CARGO_MAKEFLAGS=--jobserver-auth=3,4", []*os.File{file, file}},
		{"ends of two pipes", "CARGO_MAKEFLAGS=--jobserver-auth=3,4", []*os.File{one.r, other.w}},
		{"ends exchanged", "CARGO_MAKEFLAGS=--jobserver-auth=4,3", []*os.File{one.r, one.w}},
		{"one end twice", "CARGO_MAKEFLAGS=--jobserver-auth=3,4", []*os.File{one.w, one.w}},
		{"not for this recipe", "MAKEFLAGS= -j4 --jobserver-auth=-2,-2", []*os.File{one.r, one.w}},
		{"no numbers", "MAKEFLAGS= -j4 --jobserver-auth=3", []*os.File{one.r, one.w}},
		{"no such name", "MAKEFLAGS= -j4 --jobserver-auth=fifo:" + file.Name() + ".not", nil},
		{"named file", "MAKEFLAGS= -j4 --jobserver-auth=fifo:" + file.Name(), nil},
	} {
		in := newInstance(t)
		in.serve(func(p *peer) {
			p.request()
			p.send(protocol.Away{}, replay("words"))
		})
		cmd := in.command(ccwrap, "/bin/false")
		cmd.Env, cmd.ExtraFiles = append(cmd.Env, tt.env), tt.files
		if got := in.finish(cmd); got != exits(0, "words", "") {
			t.Errorf("%s: got %v, want a replay", tt.name, got)
		}
		one.wantEmpty(tt.name)
		other.wantEmpty(tt.name)
		if b, err := os.ReadFile(file.Name()); err != nil || len(b) > 0 {
			t.Errorf("%s: the file holds %q, %v, want nothing", tt.name, b, err)
		}
	}
}

// Nobody is left waiting for a token that can no longer come back: who counted it is gone.
func TestTokenWhenTheCallerIsGone(t *testing.T) {
	p := newPool(t)
	in := newInstance(t)
	in.serve(func(peer *peer) {
		peer.request()
		peer.send(protocol.Away{})
		p.get()
		peer.send(replay("words"))
	})
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	// What it starts in the background outlives it, and holds the pipe.
	caller := in.command("/bin/sh", "-c", `"$0" /bin/false >&5 5>&- & read go`, ccwrap)
	caller.Env, caller.ExtraFiles = append(caller.Env, "CARGO_MAKEFLAGS=--jobserver-auth=3,4"), []*os.File{p.r, p.w, w}
	stay, err := caller.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := caller.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	words := make([]byte, len("words"))
	if _, err := io.ReadFull(r, words); err != nil || !bytes.Equal(words, []byte("words")) {
		t.Errorf("read %q, %v, want words", words, err)
	}
	stay.Close()
	_ = caller.Wait()
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("read %q, %v, want the end", rest, err)
	}
}
