// Package ar reads Unix archives, as static libraries and Rust's libraries are: the format of GNU, which keeps long names in a member
// of their own, and that of BSD, which puts them before the data (ar(5)).
package ar

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
)

// ErrFormat says that a file is no archive.
var ErrFormat = errors.New("not an archive")

const (
	magic     = "!<arch>\n"
	thinMagic = "!<thin>\n"
	headerLen = 60
	maxNames  = 1 << 20
)

// IsArchive reports whether a file begins like an archive that holds its members.
func IsArchive(head []byte) bool { return bytes.HasPrefix(head, []byte(magic)) }

// IsThin reports whether a file is an archive that only names its members: their content lies in other files.
func IsThin(r io.ReaderAt) (bool, error) {
	head := make([]byte, len(thinMagic))
	n, err := r.ReadAt(head, 0)
	if err == io.EOF {
		err = nil
	}
	return string(head[:n]) == thinMagic, err
}

// Walk calls visit for each member but the index of symbols and the list of names, in order, until it returns an error. Where r is no
// archive that holds its members, the error is ErrFormat.
func Walk(r io.ReaderAt, visit func(name string, data *io.SectionReader) error) error {
	head := make([]byte, headerLen)
	if _, err := r.ReadAt(head[:len(magic)], 0); err != nil || string(head[:len(magic)]) != magic {
		return ErrFormat
	}
	var long []byte // names that did not fit
	for at := int64(len(magic)); ; {
		if n, err := r.ReadAt(head, at); err == io.EOF && n == 0 {
			return nil
		} else if err != nil || string(head[58:]) != "`\n" {
			return ErrFormat
		}
		size, err := strconv.ParseInt(strings.TrimRight(string(head[48:58]), " "), 10, 64)
		if err != nil || size < 0 {
			return ErrFormat
		}
		name := strings.TrimRight(string(head[:16]), " ")
		data := at + headerLen
		at = data + size + size&1
		switch {
		case name == "/" || name == "/SYM64/" || strings.HasPrefix(name, "__.SYMDEF"):
			continue
		case name == "//":
			if size > maxNames {
				return ErrFormat
			}
			long = make([]byte, size)
			if _, err := r.ReadAt(long, data); err != nil {
				return ErrFormat
			}
			continue
		case strings.HasPrefix(name, "/"):
			offset, err := strconv.Atoi(name[1:])
			if err != nil || offset < 0 || offset > len(long) {
				return ErrFormat
			}
			full, _, _ := bytes.Cut(long[offset:], []byte("\n"))
			name = string(full)
		case strings.HasPrefix(name, "#1/"):
			n, err := strconv.ParseInt(name[3:], 10, 64)
			if err != nil || n < 0 || n > maxNames || n > size {
				return ErrFormat
			}
			b := make([]byte, n)
			if _, err := r.ReadAt(b, data); err != nil {
				return ErrFormat
			}
			name = strings.TrimRight(string(b), "\x00")
			if strings.HasPrefix(name, "__.SYMDEF") {
				continue
			}
			data += n
			size -= n
		}
		if err := visit(strings.TrimSuffix(name, "/"), io.NewSectionReader(r, data, size)); err != nil {
			return err
		}
	}
}
