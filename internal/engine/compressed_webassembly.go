package engine

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
)

// wasmMagic begins an object or a program of WebAssembly, version 1.
const wasmMagic = "\x00asm\x01\x00\x00\x00"

// wasmCompressed is compressed for WebAssembly: sections follow one another, each with a number and its size, and those that are not of
// code have the number 0 and a name. Rust's metadata is such a one.
func wasmCompressed(r io.ReaderAt) bool {
	for at := int64(len(wasmMagic)); ; {
		var head [64]byte
		n, err := r.ReadAt(head[:], at)
		if n == 0 && err == io.EOF {
			return false
		}
		size, sizeLen := binary.Uvarint(head[1:n])
		if sizeLen <= 0 || size > 1<<32 {
			return true // not as it should be
		}
		begin := at + 1 + int64(sizeLen)
		at = begin + int64(size)
		if head[0] != 0 {
			continue
		}
		rest := head[1+sizeLen : n]
		length, lengthLen := binary.Uvarint(rest)
		if lengthLen <= 0 {
			return true
		}
		if length > uint64(len(rest)-lengthLen) {
			continue // none of the names that are looked for
		}
		switch name := string(rest[lengthLen:][:length]); name {
		case ".llvmbc", ".llvmcmd":
			return true
		case ".rustc":
			if !plainMetadata(io.NewSectionReader(r, begin+int64(lengthLen)+int64(length), int64(size))) {
				return true
			}
		}
	}
}

// isObject reports whether a member of an archive is an object of a format whose sections are known.
func isObject(head []byte) bool {
	return bytes.HasPrefix(head, []byte(elf.ELFMAG)) || bytes.HasPrefix(head, []byte(wasmMagic))
}
