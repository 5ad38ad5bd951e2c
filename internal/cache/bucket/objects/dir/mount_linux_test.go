package dir

import (
	"syscall"
	"testing"
)

func mountTmpfs(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", path, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("no small file system: mount tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(path, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount = %v", err)
		}
	})
}

func remountReadOnly(t *testing.T, path string) {
	t.Helper()
	must(t, syscall.Mount("", path, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
}
