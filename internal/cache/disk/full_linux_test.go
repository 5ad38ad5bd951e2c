package disk

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/cache/cachetest"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// A real full disk: puts end in an error, what was put before is still right, and clearing makes room.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("no small file system to fill: mount tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount = %v", err)
		}
	})
	s := open(t, dir)
	ctx := t.Context()
	content := func(i int) string { return strings.Repeat(fmt.Sprintf("%8d", i), 8<<10) }
	put := func(i int) error {
		return s.Put(ctx, digest.Of([]byte(content(i))), func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(content(i))), nil
		})
	}
	stored := 0
	var err error
	for ; err == nil; stored++ {
		if stored > 16 {
			t.Fatal("17 blobs of 64 KB fit into 1 MB")
		}
		err = put(stored)
	}
	stored--
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Put on a full disk = %v, want %v", err, syscall.ENOSPC)
	}
	if err := put(1000); !errors.Is(err, cache.ErrReadOnly) {
		t.Errorf("the next Put = %v, want ErrReadOnly", err)
	}
	for i := range stored {
		if got, err := cachetest.ReadBlob(ctx, s, digest.Of([]byte(content(i)))); err != nil || got != content(i) {
			t.Errorf("Open of blob %d = %d bytes, %v; want it", i, len(got), err)
		}
	}
	if entries, err := os.ReadDir(s.tmpPath()); err != nil || len(entries) != 0 {
		t.Errorf("tmp holds %v, %v; want nothing", entries, err)
	}
	fill(t, dir+"/other")
	must(t, s.Clear(ctx))
	if u, err := Usage(ctx, dir); err != nil || u != (Sizes{}) {
		t.Errorf("Usage after Clear = %+v, %v; want nothing", u, err)
	}
	s.fullUntil.Store(0)
	must(t, put(1000))
}

// fill takes a file system's last byte, as another program does.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	must(t, err)
	for err == nil {
		_, err = f.Write(make([]byte, 4<<10))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk = %v, want %v", err, syscall.ENOSPC)
	}
	must(t, f.Close())
}
