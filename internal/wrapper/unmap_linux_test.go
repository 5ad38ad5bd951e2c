package wrapper

import (
	"fmt"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// Texts are replaced wherever reads cut them, the longest that matches first, and nothing else is kept back.
func TestUnmapper(t *testing.T) {
	pairs := []string{"/m/root1", "/one", "/m/root10", "/ten", "/m/home", "/h", "", "nothing", "odd"}
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{"no path\n", "no path\n"},
		{"/m/home/a.rs:1\n", "/h/a.rs:1\n"},
		{"/m/root1/a /m/root10/b /m/root11", "/one/a /ten/b /one1"},
		{"/m/root1", "/one"},
		{"/m//m/home/m/hom", "/m//h/m/hom"},
		{"//m/home/m/home", "//h/h"},
		{`{"file_name":"/m/home/a\n"}` + "\n", `{"file_name":"/h/a\n"}` + "\n"},
		{strings.Repeat("/m/home ", 1000), strings.Repeat("/h ", 1000)},
	} {
		for _, step := range []int{1, 2, 3, 5, 7, 100, 1 << 20} {
			u := newUnmapper(pairs)
			var got strings.Builder
			for i := 0; i < len(tt.in); i += step {
				got.Write(u.next([]byte(tt.in[i:min(i+step, len(tt.in))])))
				if len(u.held) >= len("/m/root10") {
					t.Errorf("%.40q by %d: %d bytes are kept back", tt.in, step, len(u.held))
				}
			}
			got.Write(u.rest())
			if got.String() != tt.want {
				t.Errorf("%.40q by %d gives %.60q, want %.60q", tt.in, step, got.String(), tt.want)
			}
		}
	}
	if u := newUnmapper(nil); u != nil || string(u.next([]byte("/m"))) != "/m" || u.rest() != nil {
		t.Error("nothing to replace changes something")
	}
}

// A line goes on as soon as it is whole, with the paths that it means; the daemon is told the same.
func TestUnmapsMessages(t *testing.T) {
	in := newInstance(t)
	tell := make(chan *protocol.Ran, 1)
	in.serve(toRun(&protocol.Run{Capture: true, Unmap: []string{"/compile-cache/checkout", "/src"}}, func(ran *protocol.Ran) { tell <- ran }))
	g := newGate(t)
	cmd := in.command(ccwrap, "/bin/sh", "-c", fmt.Sprintf(
		`{ echo at /compile-cache/checkout/a.rs; printf /compile; read x <"%s"; echo -cache/checkout/b.rs; printf /compile-; } >&2`, g.path))
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if got := readLine(t, out); got != "at /src/a.rs" {
		t.Errorf("read %q, want the path", got)
	}
	g.open()
	if got := readLine(t, out); got != "/src/b.rs" {
		t.Errorf("read %q, want the path that two writes made", got)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if told, want := <-tell, "at /src/a.rs\n/src/b.rs\n/compile-"; string(told.Stderr) != want || !told.Captured {
		t.Errorf("told of %q, captured %v, want %q", told.Stderr, told.Captured, want)
	}
}
