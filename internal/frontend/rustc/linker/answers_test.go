package linker

import (
	"context"
	"errors"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// TestBound: what a driver says counts for all directories only where nothing that it is told depends on one.
func TestBound(t *testing.T) {
	const path = "PATH=/usr/bin:/bin"
	for _, tt := range []struct {
		call Call
		env  []string
		want bool
	}{
		{Call{}, []string{path}, false},
		{Call{Driver: "gcc-12"}, []string{path}, false},
		{Call{Driver: "/opt/gcc"}, []string{path}, false},
		{Call{Driver: "./gcc"}, []string{path}, true},
		{Call{Choice: []string{"-fuse-ld=lld", "-m32", "-static-pie", "-B/opt", "--sysroot=/s"}}, []string{path}, false},
		{Call{Choice: []string{"-fuse-ld=./ld"}}, []string{path}, true},
		{Call{Choice: []string{"-Bdir"}}, []string{path}, true},
		{Call{Choice: []string{"--sysroot=s"}}, []string{path}, true},
		{Call{}, nil, true}, // the driver then searches where it pleases
		{Call{}, []string{"PATH=/bin:"}, true},
		{Call{}, []string{path, "COMPILER_PATH=lib"}, true},
		{Call{}, []string{path, "GCC_EXEC_PREFIX=lib/gcc/"}, true},
		{Call{}, []string{path, "GCC_EXEC_PREFIX=/lib/gcc/", "CLANG_NO_DEFAULT_CONFIG=1"}, false},
	} {
		c := &compile.Compilation{Invocation: &compile.Invocation{Env: tt.env}}
		if got := bound(c, tt.call); got != tt.want {
			t.Errorf("bound(%q, %+v) = %t, want %t", tt.env, tt.call, got, tt.want)
		}
	}
}

func TestSaysRelative(t *testing.T) {
	for said, want := range map[string]bool{
		"install: lib\nprograms: =/a:/b\nlibraries: =/c:\n": false,
		"programs: =/a:b\nlibraries: =/c\n":                 true,
		"programs: =/a\nlibraries: =../c\n":                 true,
	} {
		if got := saysRelative(said); got != want {
			t.Errorf("saysRelative(%q) = %t, want %t", said, got, want)
		}
	}
}

func TestChoosesLLD(t *testing.T) {
	for _, tt := range []struct {
		choice []string
		want   bool
	}{
		{nil, false}, {[]string{"-fuse-ld=lld"}, true}, {[]string{"-fuse-ld=lld", "-fuse-ld=bfd"}, false}, {[]string{"-fuse-ld=bfd", "-fuse-ld=lld", "-m32"}, true},
	} {
		if got := choosesLLD(tt.choice); got != tt.want {
			t.Errorf("choosesLLD(%q) = %t, want %t", tt.choice, got, tt.want)
		}
	}
}

func TestCommandOf(t *testing.T) {
	for line, want := range map[string][2]string{
		" /usr/lib/collect2 -plugin /usr/lib/p.so -m elf_x --dependency-file=/dev/null": {"/usr/lib/collect2", "/usr/lib/p.so"},
		` "/usr/bin/ld" "-m" "elf_x" "--dependency-file=/dev/null"`:                     {"/usr/bin/ld", ""},
		"ld --dependency-file=/dev/null":                                                {"", ""},
		"":                                                                              {"", ""},
	} {
		program, plugin := commandOf(line)
		if got := [2]string{program, plugin}; got != want {
			t.Errorf("commandOf(%q) = %q, want %q", line, got, want)
		}
	}
}

// TestReplay: a question that was heard is not asked again, but for those to the loader.
func TestReplay(t *testing.T) {
	asked := 0
	ask := proberFunc(func(_ context.Context, argv, _ []string) (frontend.ProbeResult, error) {
		asked++
		if argv[0] == "broken" {
			return frontend.ProbeResult{}, errors.New("connection lost")
		}
		return frontend.ProbeResult{Stdout: []byte(argv[0])}, nil
	})
	a := &answers{}
	for _, prober := range []frontend.Prober{a.record(ask), a.replay(ask)} {
		for _, argv := range [][]string{{"cc", "-v"}, {"ld.so", "--list", "cc"}, {"broken"}} {
			said, err := prober.Probe(t.Context(), argv, nil)
			if argv[0] != "broken" && (err != nil || string(said.Stdout) != argv[0]) {
				t.Errorf("%q is answered %q, %v", argv, said.Stdout, err)
			}
		}
		if _, err := prober.Probe(t.Context(), []string{"cc", "-v"}, []string{"LC_ALL=C"}); err != nil {
			t.Error(err)
		}
	}
	if asked != 6 {
		t.Errorf("%d questions, want 4, then those that are to the loader or failed", asked)
	}
}
