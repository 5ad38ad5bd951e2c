package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Two daemons append to one log, which takes no more room than twice its limit and a line, and loses none of the newest lines.
func TestLogFileStaysSmall(t *testing.T) {
	const limit, line = 1000, "a line of the log\n"
	dir := t.TempDir()
	var logs [2]*logFile
	for i := range logs {
		l, err := openLog(dir, limit)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		logs[i] = l
	}
	for i := range 1000 {
		if n, err := logs[i%2].Write([]byte(line)); n != len(line) || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	all := 0
	for _, name := range []string{"daemon.log", "daemon.log.1"} {
		b, err := os.ReadFile(filepath.Join(dir, "log", name))
		if err != nil {
			t.Fatal(err)
		}
		// Each of the two may find the limit passed by the other's lines only at its own next look.
		if len(b) > 2*limit+2*len(line) || strings.ReplaceAll(string(b), line, "") != "" {
			t.Errorf("%s has %d bytes, want at most %d of whole lines", name, len(b), 2*limit)
		}
		all += len(b)
	}
	if all < limit {
		t.Errorf("%d bytes are kept, want at least %d", all, limit)
	}
}

// A log that is too large when it is opened makes room.
func TestLogFileOpensLarge(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		l, err := openLog(dir, 10)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Write([]byte("more than ten\n")); err != nil {
			t.Error(err)
		}
		l.Close()
	}
	for _, name := range []string{"daemon.log", "daemon.log.1"} {
		if b, err := os.ReadFile(filepath.Join(dir, "log", name)); err != nil || string(b) != "more than ten\n" {
			t.Errorf("%s = %q, %v", name, b, err)
		}
	}
}
