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
	case unix.OVERLAYFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, unix.BCACHEFS_SUPER_MAGIC, zfsMagic, unix.REISERFS_SUPER_MAGIC,
		unix.NILFS_SUPER_MAGIC, jfsMagic, unix.RAMFS_MAGIC, unix.ECRYPTFS_SUPER_MAGIC, unix.MSDOS_SUPER_MAGIC, unix.EXFAT_SUPER_MAGIC,
		ntfs3Magic:
		return fsLocal
	}
	// FUSE, 9p, SMB, VirtualBox's folders, the file systems of clusters: other kernels write there, by other clocks. Images (squashfs,
	// erofs, ISO 9660) hold the times that their maker gave them, and the next one mounted gets the same device number.
	return fsForeign
}

// Magic numbers that x/sys lacks, from the file systems' own headers.
const (
	zfsMagic   = 0x2fc12fc1
	jfsMagic   = 0x3153464a
	ntfs3Magic = 0x7366746e
)
