package engine

import (
	"bytes"
	"debug/elf"
	"errors"
	"io"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/ar"
)

// compressed reports whether an object holds sections that a scan cannot look into: compressed debug information, which
// some assemblers write without being told, or bitcode and LTO streams. What cannot be read as the ELF file it claims to be
// counts as compressed. Metadata of Rust's shared libraries was compressed in earlier versions of rustc.
//
// Of an archive each member is looked at. One that is no object and no plain metadata counts as compressed too.
func compressed(head []byte, r io.ReaderAt) bool {
	if ar.IsArchive(head) {
		err := ar.Walk(r, func(_ string, data *io.SectionReader) error {
			var head [8]byte
			_, _ = data.ReadAt(head[:], 0)
			object := isObject(head[:])
			if !object && data.Size() > 0 && !bytes.HasPrefix(head[:], []byte(metadataMagic)) || object && compressed(head[:], data) {
				return errCompressed
			}
			return nil
		})
		return err != nil
	}
	if bytes.HasPrefix(head, []byte(wasmMagic)) {
		return wasmCompressed(r)
	}
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

// errCompressed ends a walk.
var errCompressed = errors.New("compressed")

// metadataMagic begins rustc's metadata; behind it stands the version of the format.
const metadataMagic = "rust\x00\x00\x00"

// plainMetadata reports whether a section holds rustc's metadata as it is: behind the header and the length stands the header again.
func plainMetadata(s io.ReaderAt) bool {
	var head [16 + len(metadataMagic)]byte
	_, err := s.ReadAt(head[:], 0)
	return err == nil && string(head[:len(metadataMagic)]) == metadataMagic && string(head[16:]) == metadataMagic
}
