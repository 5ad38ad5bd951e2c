package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// Who may write to the instance could exchange store and shims.
func TestOwnDirectories(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(dir string) error
		ok   bool
	}{
		{"absent", func(string) error { return nil }, true},
		{"readable", func(dir string) error { return os.Mkdir(dir, 0o755) }, true},
		{"writable", func(dir string) error { return errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o777)) }, false},
		{"group", func(dir string) error { return errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o770)) }, false},
		{"link", func(dir string) error { return os.Symlink(t.TempDir(), dir) }, true},
	} {
		place := protocol.Place{Dir: filepath.Join(t.TempDir(), "instance"), Namespace: "7", Class: "local"}
		place.Run = filepath.Join(place.Dir, "run")
		if err := tt.make(place.Dir); err != nil {
			t.Fatal(err)
		}
		if err := OwnDirectories(place); (err == nil) != tt.ok {
			t.Errorf("%s: %v, want it to be used: %t", tt.name, err, tt.ok)
		}
	}
	if os.Getuid() != 0 {
		t.Skip("skipped: only root makes directories of other users")
	}
	place := protocol.Place{Dir: t.TempDir(), Namespace: "7", Class: "local"}
	place.Run = filepath.Join(place.Dir, "run")
	if err := os.Chown(place.Dir, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if err := OwnDirectories(place); err == nil {
		t.Error("a directory of another user is used")
	}
}

// What earlier daemons left is removed once it is old, but for what a living one holds.
func TestSweep(t *testing.T) {
	run := t.TempDir()
	old, now := time.Now().Add(-30*24*time.Hour), time.Now()
	place := protocol.Place{Run: run, Namespace: "7", Class: "local"}
	live := protocol.Place{Run: run, Namespace: "8", Class: "local"}
	for name, at := range map[string]time.Time{
		"gone.lock": old, "gone.sock": old, "gone.start": old, "young.lock": now, "young.start": old, "tmp/1-2.d": old, "tmp/3-4.d": now,
		filepath.Base(place.Lock()): old, filepath.Base(live.Lock()): old, filepath.Base(live.Socket()): old,
	} {
		path := filepath.Join(run, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	lock, err := takeLock(live)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	sweep(place, now)
	var left []string
	for _, pattern := range []string{"*.*", "tmp/*"} {
		names, err := filepath.Glob(filepath.Join(run, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			left = append(left, strings.TrimPrefix(n, run+"/"))
		}
	}
	want := []string{
		filepath.Base(place.Lock()), filepath.Base(live.Lock()), filepath.Base(live.Socket()), "young.lock", "young.start", "tmp/3-4.d",
	}
	if diff := cmp.Diff(left, want); diff != "" {
		t.Errorf("left (-got +want):\n%s", diff)
	}
}

func TestListenIsOwn(t *testing.T) {
	place := protocol.Place{Dir: t.TempDir(), Namespace: "7", Class: "local"}
	place.Run = filepath.Join(place.Dir, "run")
	if err := OwnDirectories(place); err != nil {
		t.Fatal(err)
	}
	lock, err := takeLock(place)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if _, err := takeLock(place); !errors.Is(err, ErrRunning) {
		t.Errorf("a second daemon's lock: %v, want ErrRunning", err)
	}
	l, own, err := listen(place)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if !own() {
		t.Error("the socket is not ours")
	}
	other, _, err := listen(place)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if own() {
		t.Error("the socket is ours although another listens there now")
	}
	if err := os.Chmod(place.Run, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := OwnDirectories(place); err == nil {
		t.Error("a directory open to others is used")
	}
}
