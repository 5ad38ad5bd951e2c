package engine

import (
	"bytes"
	"debug/elf"
	"testing"
)

// Shared libraries of earlier versions of rustc hold their metadata compressed; later ones as it is, behind a header and a length.
func TestPlainMetadata(t *testing.T) {
	const header, length = "rust\x00\x00\x00\x0a", "\x44\x08\x00\x00\x00\x00\x00\x00"
	for content, want := range map[string]bool{
		header + length + header + "..":              true,
		header + length + "\xff\x06\x00\x00sNaPpY..": false,
		header: false,
		"":     false,
	} {
		s := &elf.Section{ReaderAt: bytes.NewReader([]byte(content))}
		if got := plainMetadata(s); got != want {
			t.Errorf("plainMetadata(%q) = %t, want %t", content, got, want)
		}
	}
}
