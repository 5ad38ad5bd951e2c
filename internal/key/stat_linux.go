package key

import (
	"golang.org/x/sys/unix"

	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

func fileInfo(st *unix.Stat_t) frontend.FileInfo {
	return frontend.FileInfo{
		Dev: st.Dev, Ino: st.Ino, Size: st.Size, Mode: st.Mode, Nlink: uint64(st.Nlink),
		Mtime: st.Mtim.Nano(), Ctime: st.Ctim.Nano(),
	}
}

// fsClassOf asks what kind of file system path lies on.
func fsClassOf(path string) fsClass {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return fsForeign
	}
	switch uint32(st.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.TMPFS_MAGIC:
		return fsFine
	case unix.NFS_SUPER_MAGIC:
		return fsNetwork
	case unix.FUSE_SUPER_MAGIC, unix.V9FS_MAGIC, unix.SMB_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC,
		unix.AFS_FS_MAGIC, unix.CEPH_SUPER_MAGIC, unix.CODA_SUPER_MAGIC, unix.OCFS2_SUPER_MAGIC:
		return fsForeign
	}
	return fsLocal
}
