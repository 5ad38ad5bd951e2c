package rustc

import (
	"encoding/binary"
	"syscall"
	"testing"
)

func TestGivesRights(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if givesRights(dir) {
		t.Error("a plain directory gives rights")
	}
	// Owner, a user, group, mask and others, as the kernel has them (acl(5)).
	acl := binary.LittleEndian.AppendUint32(nil, 2)
	for _, entry := range []struct {
		tag, perm uint16
		id        uint32
	}{{1, 7, 1<<32 - 1}, {2, 7, 1234}, {4, 5, 1<<32 - 1}, {0x10, 7, 1<<32 - 1}, {0x20, 5, 1<<32 - 1}} {
		acl = binary.LittleEndian.AppendUint16(acl, entry.tag)
		acl = binary.LittleEndian.AppendUint16(acl, entry.perm)
		acl = binary.LittleEndian.AppendUint32(acl, entry.id)
	}
	if err := syscall.Setxattr(dir, "system.posix_acl_default", acl, 0); err != nil {
		t.Skipf("skipped: no ACL here: %v", err)
	}
	if !givesRights(dir) {
		t.Error("a directory with a default ACL gives no rights")
	}
}
