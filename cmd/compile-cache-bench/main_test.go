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
		{[]string{"--programs", "/nonexistent", "small"}, 1, "/nonexistent/ccwrap"},
	} {
		var out, errs bytes.Buffer
		got := run(context.Background(), tt.args, []string{"PATH=/usr/bin"}, &out, &errs)
		if said := out.String() + errs.String(); got != tt.status || !strings.Contains(said, tt.says) {
			t.Errorf("run(%q) = %d and says %q, want %d and %q", tt.args, got, said, tt.status, tt.says)
		}
	}
}
