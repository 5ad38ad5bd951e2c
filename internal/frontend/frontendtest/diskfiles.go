//go:build unix

package frontendtest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// DiskFiles is frontend.Files without memory.
type DiskFiles struct{}

// Stat implements frontend.Files.
func (DiskFiles) Stat(path string) (frontend.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return frontend.FileInfo{}, err
	}
	st := info.Sys().(*syscall.Stat_t)
	mtime := info.ModTime().UnixNano()
	// Change times differ in name between systems; the modification time is enough for what is tested.
	return frontend.FileInfo{Dev: uint64(st.Dev), Ino: st.Ino, Size: st.Size, Mode: uint32(st.Mode), Nlink: uint64(st.Nlink),
		Mtime: mtime, Ctime: mtime}, nil
}

// Digest implements frontend.Files.
func (f DiskFiles) Digest(path string) (digest.Digest, error) {
	_, d, err := f.Read(path, 1<<40)
	return d, err
}

// Read implements frontend.Files.
func (DiskFiles) Read(path string, limit int64) ([]byte, digest.Digest, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, digest.Digest{}, err
	}
	if int64(len(b)) > limit {
		return nil, digest.Digest{}, errors.New("read " + path + ": too large")
	}
	return b, digest.Of(b), nil
}

// Exists implements frontend.Files.
func (DiskFiles) Exists(dir, name string) bool {
	_, err := os.Lstat(filepath.Join(dir, name))
	return err == nil
}

// Names implements frontend.Files.
func (DiskFiles) Names(dir string) ([]string, error) {
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	names := make([]string, 0, len(list))
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names, err
}

// ToolDigest implements frontend.Files.
func (f DiskFiles) ToolDigest(path string) (digest.Digest, error) { return f.Digest(path) }
