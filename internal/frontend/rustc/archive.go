package rustc

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
)

// errArchive says that a file is no archive as rustc writes them.
var errArchive = errors.New("not an archive")

// foreignMember returns the name of a member of a library that is neither the crate's metadata nor its own code, "" where there
// is none: then a native library was bundled. The crate's objects are called CRATE-HASH.*.rcgu.o. Since 1.97 there is a second member of
// metadata, for links.
func foreignMember(path, stem string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	const magic, headerLen = "!<arch>\n", 60
	head := make([]byte, headerLen)
	if _, err := f.ReadAt(head[:len(magic)], 0); err != nil || string(head[:len(magic)]) != magic {
		return "", errArchive
	}
	var long []byte // names that did not fit
	for at := int64(len(magic)); ; {
		if n, err := f.ReadAt(head, at); err == io.EOF && n == 0 {
			return "", nil
		} else if err != nil || string(head[58:]) != "`\n" {
			return "", errArchive
		}
		size, err := strconv.ParseInt(strings.TrimRight(string(head[48:58]), " "), 10, 64)
		if err != nil || size < 0 {
			return "", errArchive
		}
		name := strings.TrimRight(string(head[:16]), " ")
		data := at + headerLen
		at = data + size + size&1
		switch {
		case name == "/" || name == "/SYM64/" || strings.HasPrefix(name, "__.SYMDEF"):
			continue
		case name == "//":
			if size > maxLongNames {
				return "", errArchive
			}
			long = make([]byte, size)
			if _, err := f.ReadAt(long, data); err != nil {
				return "", errArchive
			}
			continue
		case strings.HasPrefix(name, "/"):
			offset, err := strconv.Atoi(name[1:])
			if err != nil || offset > len(long) {
				return "", errArchive
			}
			full, _, _ := bytes.Cut(long[offset:], []byte("\n"))
			name = string(full)
		case strings.HasPrefix(name, "#1/"): // BSD: the name stands before the data
			n, err := strconv.Atoi(name[3:])
			if err != nil || n > maxLongNames {
				return "", errArchive
			}
			b := make([]byte, n)
			if _, err := f.ReadAt(b, data); err != nil {
				return "", errArchive
			}
			name = strings.TrimRight(string(b), "\x00")
		}
		name = strings.TrimSuffix(name, "/")
		own := strings.HasPrefix(name, stem+".") && strings.HasSuffix(name, ".rcgu.o")
		if name != "lib.rmeta" && name != "lib.rmeta-link" && !own && !strings.HasPrefix(name, "__.SYMDEF") {
			return name, nil
		}
	}
}

// isThin reports whether a file is an archive that only names its members: their content lies in other files.
func isThin(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	const magic = "!<thin>\n"
	head := make([]byte, len(magic))
	n, err := f.ReadAt(head, 0)
	if err == io.EOF {
		err = nil
	}
	return string(head[:n]) == magic, err
}

const maxLongNames = 1 << 20
