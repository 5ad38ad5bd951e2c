//go:build unix

package dir

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects/objectstest"
)

const killedIn = "COMPILE_CACHE_TEST_KILLED_IN"

func TestMain(m *testing.M) {
	if path := os.Getenv(killedIn); path != "" {
		hangInPut(path)
	}
	os.Exit(m.Run())
}

// hangInPut puts an object whose second half never comes.
func hangInPut(path string) {
	s, err := Open(path, Options{})
	if err != nil {
		panic(err)
	}
	s.Put(context.Background(), "v1/killed", endless{}, 2*chunk, [32]byte{})
}

// endless gives one chunk, says so, and then nothing.
type endless struct{}

func (endless) Seek(int64, int) (int64, error) { return 0, nil }

func (e endless) Read(p []byte) (int, error) {
	if given {
		fmt.Println("half")
		select {}
	}
	given = true
	return len(p), nil
}

var given bool // in the process that is killed

// A writer killed in the middle of a put leaves nothing that is seen, and nothing that is in the way.
func TestKilledWriter(t *testing.T) {
	path := t.TempDir()
	exe, err := os.Executable()
	must(t, err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), killedIn+"="+path)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "half\n" {
		t.Errorf("the writer said %q, %v; want half", line, err)
	}
	must(t, cmd.Process.Kill())
	if err := cmd.Wait(); err == nil {
		t.Error("the writer ended by itself")
	}
	left := files(t, path)
	if len(left) != 1 || !strings.HasPrefix(left[0], "v1/"+temporaryPrefix) {
		t.Errorf("files = %v, want one temporary file: the fault did not happen", left)
	}
	s := open(t, path, Options{})
	if l, err := s.List(t.Context(), "", "", 10); err != nil || len(l.Objects) != 0 {
		t.Errorf("List = %+v, %v; want nothing", l, err)
	}
	if _, err := s.Get(t.Context(), "v1/killed", 0, -1); kindOf(err) != "not found" {
		t.Errorf("Get = %v, want not found", err)
	}
	if stored, err := objectstest.Put(t.Context(), s, "v1/killed", "whole"); err != nil || stored.Existed {
		t.Errorf("Put = %+v, %v; want a new object", stored, err)
	}
}

// What is no regular file is an error under an object's name, at once, and is not listed.
func TestNotRegular(t *testing.T) {
	path := t.TempDir()
	s := open(t, path, Options{})
	_, err := objectstest.Put(t.Context(), s, "real", "real")
	must(t, err)
	must(t, os.Symlink("real", filepath.Join(path, "link")))
	must(t, os.Symlink("nothing", filepath.Join(path, "dangling")))
	must(t, os.Symlink("/etc/passwd", filepath.Join(path, "outside")))
	must(t, os.Mkdir(filepath.Join(path, "directory"), 0o777))
	must(t, syscall.Mkfifo(filepath.Join(path, "pipe"), 0o666))
	for _, name := range []string{"link", "dangling", "outside", "directory", "pipe"} {
		if got, err := objectstest.Read(t.Context(), s, name, 0, -1); kindOf(err) != "unexpected" {
			t.Errorf("Get(%s) = %q, %v; want unexpected", name, got, err)
		}
		if stored, err := objectstest.Put(t.Context(), s, name, "new"); kindOf(err) != "unexpected" {
			t.Errorf("Put(%s) = %+v, %v; want unexpected", name, stored, err)
		}
		// What leads outside is refused, the rest holds nothing.
		if l, err := s.List(t.Context(), name+"/", "", 10); (err != nil) != (name == "outside") || len(l.Objects) != 0 {
			t.Errorf("List(%s/) = %+v, %v; want nothing", name, l, err)
		}
	}
	if l, err := s.List(t.Context(), "", "", 10); err != nil || len(l.Objects) != 1 || l.Objects[0].Name != "real" {
		t.Errorf("List = %+v, %v; want only real", l, err)
	}
	must(t, os.Symlink("/etc", filepath.Join(path, "etc")))
	if got, err := objectstest.Read(t.Context(), s, "etc/passwd", 0, -1); err == nil {
		t.Errorf("Get through a link to the outside = %d bytes, want an error", len(got))
	}
}

// Modes are the umask's business: a team may share the directory.
func TestModes(t *testing.T) {
	old := syscall.Umask(0o002)
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "shared")
	s := open(t, path, Options{})
	_, err := objectstest.Put(t.Context(), s, "v1/a", "a")
	must(t, err)
	for name, want := range map[string]os.FileMode{"": 0o775, "v1": 0o775, "v1/a": 0o664} {
		if info, err := os.Stat(filepath.Join(path, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("mode of %q = %v, %v; want %v", name, info.Mode().Perm(), err, want)
		}
	}
}

// Without the right to write there is a reader; without the right to read nothing is said to be absent.
func TestPermissions(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may do all: permissions cannot be taken from it")
	}
	path := t.TempDir()
	s := open(t, path, Options{})
	_, err := objectstest.Put(t.Context(), s, "v1/a", "a")
	must(t, err)
	must(t, os.Chmod(filepath.Join(path, "v1"), 0o500))
	must(t, os.Chmod(path, 0o500))
	t.Cleanup(func() { os.Chmod(path, 0o700); os.Chmod(filepath.Join(path, "v1"), 0o700) })
	if _, err := objectstest.Put(t.Context(), s, "v1/b", "b"); kindOf(err) != "denied" || !strings.Contains(err.Error(), path) {
		t.Errorf("Put = %v, want denied with the path", err)
	}
	if l, err := s.List(t.Context(), "v1/", "", 10); err != nil || len(l.Objects) != 1 || l.Time.IsZero() {
		t.Errorf("List = %+v, %v; want the object and a time", l, err)
	}
	must(t, os.Chmod(filepath.Join(path, "v1"), 0))
	if _, err := s.Get(t.Context(), "v1/b", 0, -1); kindOf(err) != "denied" {
		t.Errorf("Get = %v, want denied", err)
	}
	if _, err := s.List(t.Context(), "v1/", "", 10); kindOf(err) != "denied" {
		t.Errorf("List = %v, want denied", err)
	}
}

// mount makes a file system of 1 MB.
func mount(t *testing.T) string {
	t.Helper()
	path := t.TempDir()
	mountTmpfs(t, path)
	return path
}

// A file system that becomes read-only still serves readers.
func TestReadOnlyFileSystem(t *testing.T) {
	path := mount(t)
	s := open(t, path, Options{})
	_, err := objectstest.Put(t.Context(), s, "v1/a", "a")
	must(t, err)
	remountReadOnly(t, path)
	if _, err := objectstest.Put(t.Context(), s, "v1/b", "b"); kindOf(err) != "denied" || !strings.Contains(err.Error(), path) {
		t.Errorf("Put = %v, want denied with the path", err)
	}
	if stored, err := objectstest.Put(t.Context(), s, "v1/a", "b"); err != nil || !stored.Existed || stored.Time.IsZero() {
		t.Errorf("Put of what exists = %+v, %v; want that it existed", stored, err)
	}
	if l, err := s.List(t.Context(), "", "", 10); err != nil || len(l.Objects) != 1 || l.Time.IsZero() {
		t.Errorf("List = %+v, %v; want the object and a time", l, err)
	}
	if got, err := objectstest.Read(t.Context(), s, "v1/a", 0, -1); err != nil || got != "a" {
		t.Errorf("Get = %q, %v; want a", got, err)
	}
}

// A full file system takes no part of an object, and keeps those that it has.
func TestFull(t *testing.T) {
	path := mount(t)
	s := open(t, path, Options{})
	_, err := objectstest.Put(t.Context(), s, "v1/a", "a")
	must(t, err)
	large := strings.Repeat("large", 300_000)
	_, err = s.Put(t.Context(), "v1/large", strings.NewReader(large), int64(len(large)), sha256.Sum256([]byte(large)))
	if kindOf(err) != "full" || !strings.Contains(err.Error(), path) {
		t.Errorf("Put of 1.5 MB into 1 MB = %v, want full with the path", err)
	}
	if got := strings.Join(files(t, path), " "); got != "v1/a" {
		t.Errorf("files = %s, want v1/a", got)
	}
	if _, err := objectstest.Put(t.Context(), s, "v1/b", "b"); err != nil {
		t.Errorf("Put of a small one after that = %v", err)
	}
}
