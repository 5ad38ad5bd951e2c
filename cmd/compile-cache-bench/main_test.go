package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
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
