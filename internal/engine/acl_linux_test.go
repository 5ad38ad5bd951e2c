package engine_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// In a directory with a default ACL an output has the rights that the compiler's has, and not those of the umask.
func TestDefaultACL(t *testing.T) {
	p := newProject(t, map[string]string{"a.c": "int a;\n"})
	if err := os.Mkdir(p.path("out"), 0o755); err != nil {
		t.Fatal(err)
	}
	// Owner, group, one more group, mask and others, as the kernel has them (acl(5)).
	acl := binary.LittleEndian.AppendUint32(nil, 2)
	for _, entry := range []struct {
		tag, perm uint16
		id        uint32
	}{{1, 7, 1<<32 - 1}, {4, 7, 1<<32 - 1}, {8, 7, 1234}, {0x10, 7, 1<<32 - 1}, {0x20, 5, 1<<32 - 1}} {
		acl = binary.LittleEndian.AppendUint16(acl, entry.tag)
		acl = binary.LittleEndian.AppendUint16(acl, entry.perm)
		acl = binary.LittleEndian.AppendUint32(acl, entry.id)
	}
	if err := unix.Setxattr(p.path("out"), "system.posix_acl_default", acl, 0); err != nil {
		t.Skipf("skipped: no ACL here: %v", err)
	}
	rights := func(name string) string {
		path := filepath.Join(p.path("out"), name)
		fi, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 256)
		n, err := unix.Getxattr(path, "system.posix_acl_access", got)
		if err != nil {
			t.Fatal(err)
		}
		return fi.Mode().String() + string(got[:n])
	}
	args := []string{"-c", "-MD", "a.c", "-o", "out/a.o"}
	p.want(compile.Miss, compile.ReasonNew, args...)
	object, dependencies := rights("a.o"), rights("a.d")
	for _, name := range []string{"a.o", "a.d"} {
		if err := os.Remove(filepath.Join(p.path("out"), name)); err != nil {
			t.Fatal(err)
		}
	}
	p.want(compile.Hit, "", args...)
	if got := rights("a.o"); got != object {
		t.Errorf("the object has the rights %q, want the compiler's %q", got, object)
	}
	if got := rights("a.d"); got != dependencies {
		t.Errorf("the dependencies have the rights %q, want the compiler's %q", got, dependencies)
	}
}
