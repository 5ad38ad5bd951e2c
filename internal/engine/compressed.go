package engine

import (
	"bytes"
	"debug/elf"
	"io"
	"strings"
)

// compressed reports whether an object holds sections that a scan cannot look into: compressed debug information, which
// some assemblers write without being told, or bitcode and LTO streams. What cannot be read as the ELF file it claims to be
// counts as compressed. Metadata of Rust's shared libraries was compressed in earlier versions of rustc.
func compressed(head []byte, r io.ReaderAt) bool {
	if !bytes.HasPrefix(head, []byte(elf.ELFMAG)) {
		return false
	}
	f, err := elf.NewFile(r)
	if err != nil {
		return true
	}
	defer f.Close()
	for _, s := range f.Sections {
		switch {
		case s.Flags&elf.SHF_COMPRESSED != 0, s.Name == ".llvmbc",
			strings.HasPrefix(s.Name, ".gnu.lto_"), strings.HasPrefix(s.Name, ".zdebug_"),
			s.Name == ".rustc" && !plainMetadata(s):
			return true
		}
	}
	return false
}

// plainMetadata reports whether a section holds rustc's metadata as it is: behind the header and the length stands the header again.
func plainMetadata(s *elf.Section) bool {
	const magic = "rust\x00\x00\x00"
	var head [16 + len(magic)]byte
	_, err := s.ReadAt(head[:], 0)
	return err == nil && string(head[:len(magic)]) == magic && string(head[16:]) == magic
}
