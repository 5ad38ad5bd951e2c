package rustc

import (
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

func TestOnlyNotices(t *testing.T) {
	const notice = `{"$message_type":"artifact","artifact":"/t/deps/libx-1.rmeta","emit":"metadata"}` + "\n"
	tests := map[string]struct {
		stdout, stderr string
		want           bool
	}{
		"nothing":         {want: true},
		"notices":         {stderr: notice + `{"$message_type":"artifact","artifact":"deps/x-1.d","emit":"dep-info"}` + "\n", want: true},
		"another file":    {stderr: `{"$message_type":"artifact","artifact":"/t/deps/liby-1.rmeta","emit":"metadata"}` + "\n"},
		"more in a line":  {stderr: `{"$message_type":"artifact","artifact":"/t/deps/libx-1.rmeta","emit":"metadata","text":"/t"}` + "\n"},
		"a warning":       {stderr: `{"$message_type":"diagnostic","message":"/t"}` + "\n" + notice},
		"text of a macro": {stderr: "/t\n" + notice},
		"half a line":     {stderr: notice[:len(notice)-1]},
		"standard output": {stdout: "/t\n", stderr: notice},
	}
	for name, tt := range tests {
		g := &gathering{
			c:   &compile.Compilation{Invocation: &compile.Invocation{Dir: "/t"}, Outputs: []compile.Output{{Path: "/t/deps/libx-1.rmeta"}, {Path: "/t/deps/x-1.d"}}},
			run: frontend.Run{Stdout: []byte(tt.stdout), Stderr: []byte(tt.stderr)},
		}
		if got := g.onlyNotices(); got != tt.want {
			t.Errorf("%s: onlyNotices = %t, want %t", name, got, tt.want)
		}
	}
}
