package rustc

import (
	"io"
	"os"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/ar"
)

// foreignMember returns the name of a member of a library that is neither the crate's metadata nor its own code, "" where there
// is none: then a native library was bundled. The crate's objects are called CRATE-HASH.*.rcgu.o. Since 1.97 there is a second member of
// metadata, for links.
func foreignMember(path, stem string) (foreign string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	err = ar.Walk(f, func(name string, _ *io.SectionReader) error {
		own := strings.HasPrefix(name, stem+".") && strings.HasSuffix(name, ".rcgu.o")
		if name == "lib.rmeta" || name == "lib.rmeta-link" || own {
			return nil
		}
		foreign = name
		return io.EOF
	})
	if err == io.EOF {
		err = nil
	}
	return foreign, err
}

// holdsMembers reports whether a file is an archive by its content, whatever its name.
func holdsMembers(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var head [8]byte
	_, _ = f.ReadAt(head[:], 0)
	thin, _ := ar.IsThin(f)
	return thin || ar.IsArchive(head[:])
}

// isThin reports whether a file is an archive that only names its members.
func isThin(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	return ar.IsThin(f)
}
