package wrapper

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// Where address space is too scarce for Go's runtime, hits are still replayed, and everything else is the plain compiler's doing.
func TestTightAddressSpace(t *testing.T) {
	const tight = `ulimit -v 300000 && exec "$@"`
	limited := func(args ...string) []string { return append([]string{"/bin/sh", "-c", tight, "sh"}, args...) }
	many := make([]string, 1500)
	for i := range many {
		many[i] = strconv.Itoa(i)
	}
	for _, tt := range []struct {
		name    string
		serve   func(*peer) // nil for no daemon
		env     []string
		args    []string
		want    ended
		counted int
	}{
		{"a hit", toReplay(&protocol.Replay{Status: 7, Stdout: []byte("out\n")}), nil, []string{ccwrap, "/bin/false"}, exits(7, "out\n", ""), 0},
		{"a miss", func(p *peer) { p.request(); p.send(&protocol.Run{}) }, nil, []string{ccwrap, "/bin/echo", "a", "b c"}, exits(0, "a b c\n", ""), 0},
		{"not a compile", toExecute, nil, []string{ccwrap, "/bin/echo", "a"}, exits(0, "a\n", ""), 0},
		{"a mute daemon's end", func(p *peer) { p.request() }, nil, []string{ccwrap, "echo", "a"}, exits(0, "a\n", ""), 1},
		{"a failure", nil, nil, []string{ccwrap, "/bin/sh", "-c", "exit 3"}, exits(3, "", ""), 1},
		{"a name", nil, nil, []string{ccwrap, "echo", "a"}, exits(0, "a\n", ""), 1},
		{"twice", nil, nil, []string{ccwrap, ccwrap, "echo", "a"}, exits(0, "a\n", ""), 1},
		{"its name", nil, nil, []string{ccwrap, "sh", "-c", `echo "$0"`}, exits(0, "/usr/bin/sh\n", ""), 1},
		{"a long command", nil, nil, append([]string{ccwrap, "/bin/echo"}, many...), exits(0, strings.Join(many, " ")+"\n", ""), 1},
		{"disabled", nil, []string{"COMPILE_CACHE_DISABLE=1"}, []string{ccwrap, "echo", "a"}, exits(0, "a\n", ""), 0},
		{"a script", nil, []string{"A=a"}, []string{ccwrap, "./script"}, exits(0, "./script 1 a\n", ""), 1},
		{"a script in scripts", nil, []string{nestVariable + "=7", "A=a"}, []string{ccwrap, "./script"}, exits(0, "./script 8 a\n", ""), 1},
	} {
		in := newInstance(t)
		if err := os.Mkdir(filepath.Join(in.dir, "spool"), 0o700); err != nil {
			t.Fatal(err)
		}
		script(t, filepath.Join(in.dir, "script"), `echo "$0 $`+nestVariable+` $A"`)
		if tt.serve != nil {
			in.serve(tt.serve)
		}
		in.env = append(in.env, tt.env...)
		cmd := in.command(limited(tt.args...)...)
		cmd.Dir = in.dir
		if got := in.finish(cmd); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		if got := in.unrecorded(); got != tt.counted {
			t.Errorf("%s: %d unrecorded, want %d", tt.name, got, tt.counted)
		}
	}
}

// The compiler finds the descriptors and signals that its caller had, and not the connection on which was asked.
func TestTightLeavesNothing(t *testing.T) {
	in := newInstance(t)
	in.serve(func(p *peer) {
		p.request()
		p.send(&protocol.Run{})
	})
	see := func(program string, compiler ...string) ended {
		return in.run(append([]string{"/bin/bash", "-c", `trap '' QUIT; ulimit -v 300000; exec "$0" "$@"`, program}, compiler...)...)
	}
	for _, compiler := range [][]string{
		{"/bin/ls", "/proc/self/fd"},
		{"/bin/sed", "-nE", "/^(SigBlk|SigPnd|ShdPnd|SigIgn)/p", "/proc/self/status"}, // no shell, because shells unblock signals
	} {
		if got, want := see(ccwrap, compiler...), see("/usr/bin/env", compiler...); got != want || want.stdout == "" {
			t.Errorf("%s sees %v, want %v", compiler[0], got, want)
		}
	}
}
