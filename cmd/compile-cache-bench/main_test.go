package main

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/compile-cache/compile-cache-action/internal/bench"
)

func TestUsage(t *testing.T) {
	for _, tt := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"--help"}, 0, "compile-cache-bench"},
		{[]string{"--no-such-flag"}, 2, "no-such-flag"},
		{[]string{"small", "smell"}, 2, `no case "smell"`},
		{[]string{"-n", "0", "small"}, 2, "positive"},
		{[]string{"--project", "/src", "project"}, 2, "--build"},
		{[]string{"--rtt=-5ms", "bucket"}, 2, "--rtt"},
		{[]string{"rust", "--help"}, 0, "sccache"},
		{[]string{"rust"}, 2, "--project"},
		{[]string{"rust", "--project", ".", "--cases", "warm,worm"}, 2, `no case "worm"`},
		{[]string{"rust", "--project", ".", "--sides", "plain,ours"}, 2, `no side "ours"; there are plain, ccwrap, mapped,`},
		{[]string{"rust", "--project", ".", "--limit", "0s"}, 2, "positive"},
		{[]string{"rust", "--project", ".", "--set", "A=1,2", "--set", "B"}, 2, "--set B: not NAME=VALUE"},
		{[]string{"rust", "--project", ".", "--mid", "none.rs"}, 1, "none.rs"},
		{[]string{"rust", "--project", ".", "--rounds", "0"}, 2, "positive"},
		{[]string{"rust", "--project", ".", "--cargo", " "}, 2, "arguments of cargo"},
		{[]string{"rust", "--project", ".", "--leaf", "none.rs"}, 1, "none.rs"},
		{[]string{"--programs", "/nonexistent", "small"}, 1, "/nonexistent/ccwrap"},
	} {
		var out, errs bytes.Buffer
		got := run(context.Background(), tt.args, []string{"PATH=/usr/bin"}, &out, &errs)
		if said := out.String() + errs.String(); got != tt.status || !strings.Contains(said, tt.says) {
			t.Errorf("run(%q) = %d and says %q, want %d and %q", tt.args, got, said, tt.status, tt.says)
		}
	}
}

// Whoever asks for no sides gets all of them.
func TestAllSidesByDefault(t *testing.T) {
	var f rustFlags
	parser, err := kong.New(&f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse([]string{"--project", "."}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(f.Sides, bench.RustSides) || !slices.Equal(f.Cases, bench.RustCases) {
		t.Errorf("sides %q and cases %q by default, want %q and %q", f.Sides, f.Cases, bench.RustSides, bench.RustCases)
	}
}
