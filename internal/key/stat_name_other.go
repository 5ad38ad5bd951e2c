//go:build !linux || (!amd64 && !arm64)

package key

import (
	"unsafe"

	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// statName is stat of a path that ends with a NUL.
func statName(name *byte) (frontend.FileInfo, error) {
	n := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(name), n)) != 0 {
		n++
	}
	return stat(unsafe.String(name, n))
}
