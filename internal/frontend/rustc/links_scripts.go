package rustc

import (
	"bytes"
	"debug/elf"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// What a linker reads may be a script that names further files: libgcc_s.so is one, GROUP ( libgcc_s.so.1 -lgcc ). What it names by no
// whole path is looked for beside the script too, by lld first of all.

// maxScript bounds a file that is taken for a script.
const maxScript = 1 << 20

var (
	// searching is how a script adds directories in which libraries are searched for.
	searching = regexp.MustCompile(`\bSEARCH_DIR\b`)
	// naming is how it names a file by no whole path.
	naming = regexp.MustCompile(`(?:^|[\s(,"])[^\s(),;"=/-][^\s(),;"]*\.(?:so|a|o|ld|lds|x)\b`)
)

// scriptDirs returns the directories of the scripts among the files that a linker read, of those that name files beside them. A script that says
// where libraries lie is refused: the order of such directories is not known.
func (g *gathering) scriptDirs(read, own []string) (dirs []string, err error) {
	for _, spelled := range read {
		path := frontend.Absolute(g.c.Dir, spelled)
		if slices.Contains(own, filepath.Dir(path)) || !isScript(path) {
			continue
		}
		text, _, err := g.files.Read(path, maxScript)
		if err != nil || searching.Match(text) {
			return nil, compile.Refuse(compile.ReasonLink, path+" tells where libraries are searched for")
		}
		if naming.Match(text) {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	return dirs, nil
}

// isScript reports whether a file that is there is neither an object nor an archive.
func isScript(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var head [8]byte
	n, err := f.ReadAt(head[:], 0)
	if err != nil && err != io.EOF {
		return false
	}
	return !slices.ContainsFunc([]string{elf.ELFMAG, "!<arch>\n", "!<thin>\n", "BC\xc0\xde"}, func(magic string) bool {
		return bytes.HasPrefix(head[:n], []byte(magic))
	})
}
