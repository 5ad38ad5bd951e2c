package linker

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/toolchain"
)

// fakeLinker answers as GNU's linker for a machine.
type fakeLinker struct{ sysroot string }

func (f fakeLinker) Probe(_ context.Context, argv []string, _ []string) (frontend.ProbeResult, error) {
	switch line := strings.Join(argv, " "); line {
	case "/b/x-ld -m elf_x --verbose":
		return frontend.ProbeResult{Stdout: []byte("SEARCH_DIR(\"=/usr/local/lib\"); SEARCH_DIR(\"/x/lib\");\nSECTIONS\n")}, nil
	case "/b/x-ld --print-sysroot":
		return frontend.ProbeResult{Stdout: []byte(f.sysroot + "\n")}, nil
	}
	return frontend.ProbeResult{Status: 1}, nil
}

func TestOwnSearch(t *testing.T) {
	for _, c := range []struct {
		line, built string
		want        []string
	}{
		{"/b/x-ld -plugin p -m elf_x --dependency-file=/dev/null", "/", []string{"/l", "/usr/local/lib", "/x/lib"}},
		{"/b/x-ld -m elf_x", "/s", []string{"/l", "/s/usr/local/lib", "/x/lib"}},
		{`"/b/x-ld" "--sysroot=/t" "-m" "elf_x"`, "/s", []string{"/l", "/t/usr/local/lib", "/x/lib"}},
		{"/b/ld.lld -m elf_x", "", []string{"/l"}},
		{"/b/other-ld -m elf_x", "", []string{"/l"}},
	} {
		s := started{programs: []string{strings.Trim(strings.Fields(c.line)[0], `"`)}}
		s.machine, s.sysroot = machineOf(c.line)
		p := &probe{
			Asking: toolchain.Asking{Ctx: t.Context(), C: &compile.Compilation{Invocation: &compile.Invocation{Dir: "/w"}}, Prober: fakeLinker{c.built}},
			tools:  &Tools{LibDirs: []string{"/l"}},
		}
		if err := p.ownSearch(s); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(c.want, p.tools.LibDirs); diff != "" {
			t.Errorf("directories of %s (-want +got):\n%s", c.line, diff)
		}
	}
}
