package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// anApp is an app on an empty instance at a standing time.
func anApp(t *testing.T) (*app, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	return &app{
		ctx: t.Context(), stdout: &out, stderr: &out, ui: &ui{w: &out}, place: protocol.Place{Dir: t.TempDir()}, getenv: func(string) string { return "" },
		now: func() time.Time { return time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC) },
	}, &out
}

func write(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func TestReadable(t *testing.T) {
	for line, want := range map[string]string{
		`{"time":"2026-11-22T05:29:08.123Z","level":"INFO","msg":"listening","socket":"/run/a b.sock","n":3}`:                 `05:29:08 info  listening socket="/run/a b.sock" n=3`,
		`{"time":"2026-11-22T06:29:08+01:00","level":"ERROR","msg":"put","error":"disk full","g":{"a":[1]},"ok":true,"e":""}`: `05:29:08 error put error="disk full" g={"a":[1]} ok=true e=""`,
		`{"time":"now","level":"DEBUG","msg":"a\u001b[31m","f":"x\ny"}`:                                                       `now debug a` + "\uFFFD" + `[31m f="x\ny"`,
		"panic: boom":       "panic: boom",
		"\t::error::x ##[b": "\uFFFD::error::x # #[b",
		" ::error::x":       ": :error::x",
		`{"msg":"cut`:       `{"msg":"cut`,
		`[1]`:               `[1]`,
	} {
		if got := readable([]byte(line), time.UTC); got != want {
			t.Errorf("readable(%s) = %q, want %q", line, got, want)
		}
	}
}

func TestLog(t *testing.T) {
	a, out := anApp(t)
	if err := (&logCmd{}).Run(a); err == nil {
		t.Error("log without a daemon = nil, want an error")
	}
	if err := os.Mkdir(filepath.Join(a.place.Dir, "log"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(a.place.Dir, "log", "daemon.log"), "one\n\ntwo")
	if err := (&logCmd{}).Run(a); err != nil {
		t.Error(err)
	}
	if got, want := out.String(), "one\ntwo\n"; got != want {
		t.Errorf("log = %q, want %q", got, want)
	}
	var cancel context.CancelFunc
	a.ctx, cancel = context.WithCancel(a.ctx)
	cancel()
	if err := (&logCmd{Follow: true}).Run(a); err != nil {
		t.Errorf("log -f, interrupted = %v, want nil", err)
	}
}

func TestTailFollows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "daemon.log")
	var out bytes.Buffer
	follow := &tail{path: path, out: &out, zone: time.UTC}
	defer follow.close()
	step := func(want string) {
		t.Helper()
		out.Reset()
		if err := follow.print(); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("print = %q, want %q", out.String(), want)
		}
	}
	write(t, path, "one\ntw")
	step("one\n")
	write(t, path, "o\n")
	step("two\n")
	step("")
	// The log is rolled: what the old file still got comes first.
	write(t, path, "three\n")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, path, "four\n")
	step("three\nfour\n")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	write(t, path, "5\n")
	step("5\n")
}
