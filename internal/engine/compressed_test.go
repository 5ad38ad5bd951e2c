package engine

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
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

// wasmMetadata is what stands in a section of metadata.
const wasmMetadata = "rust\x00\x00\x00\x0a\x08\x00\x00\x00\x00\x00\x00\x00rust\x00\x00\x00\x0a..."

// Of an archive each member counts: an object shows what it holds, and so does plain metadata; anything else may hide it.
func TestCompressedArchives(t *testing.T) {
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Skip("skipped: no object at hand: ", err)
	}
	object := self[:64] // a header of ELF without sections
	object = bytes.Clone(object)
	clear(object[32:48])
	clear(object[56:64])
	archive := func(members ...[]byte) []byte {
		b := []byte("!<arch>\n")
		for _, m := range members {
			b = fmt.Appendf(b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", "m.o/", 0, 0, 0, "644", len(m))
			b = append(b, m...)
			if len(m)%2 == 1 {
				b = append(b, '\n')
			}
		}
		return b
	}
	for _, tt := range []struct {
		name    string
		content []byte
		want    bool
	}{
		{"an object", archive(object), false},
		{"metadata", archive([]byte("rust\x00\x00\x00\x0a...")), false},
		{"an empty member", archive(nil, object), false},
		{"bitcode", archive(object, []byte("BC\xc0\xde....")), true},
		{"half an object", archive(object[:20]), true},
		{"half an archive", archive(object)[:40], true},
		{"no archive", []byte("plain text"), false},
		{"WebAssembly", archive([]byte(wasmMagic + "\x01\x02..\x00\x09\x06.debug..")), false},
		{"plain metadata in WebAssembly", archive([]byte(wasmMagic + "\x00\x2c\x06.rustc" + wasmMetadata)), false},
		{"compressed metadata in WebAssembly", archive([]byte(wasmMagic + "\x00\x1f\x06.rustc" + wasmMetadata[:16] + "sNaPpY..")), true},
		{"bitcode in WebAssembly", archive([]byte(wasmMagic + "\x01\x01.\x00\x0a\x07.llvmbc..")), true},
		{"WebAssembly whose section has no size", archive([]byte(wasmMagic + "\x01\x80")), true},
		{"WebAssembly of another version", archive([]byte("\x00asm\x02\x00\x00\x00")), true},
	} {
		if got := compressed(tt.content[:8], bytes.NewReader(tt.content)); got != tt.want {
			t.Errorf("compressed(%s) = %t, want %t", tt.name, got, tt.want)
		}
	}
}
