package key

import (
	"golang.org/x/sys/unix"

	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

func fileInfo(st *unix.Stat_t) frontend.FileInfo {
	return frontend.FileInfo{
		Dev: uint64(st.Dev), Ino: st.Ino, Size: st.Size, Mode: uint32(st.Mode), Nlink: uint64(st.Nlink),
		Mtime: st.Mtim.Nano(), Ctime: st.Ctim.Nano(),
	}
}

// fsClassOf asks what kind of file system path lies on.
func fsClassOf(path string) fsClass {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil || st.Flags&unix.MNT_LOCAL == 0 {
		return fsForeign
	}
	return fsLocal
}
