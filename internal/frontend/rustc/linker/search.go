package linker

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// GNU's linker searches directories of its own behind those that it is given, such as /usr/local/lib. It tells them with the linker
// script that it has built in, one for each machine that it links for.

// gnuLinker is what it is called; others of that name tell nothing.
var gnuLinker = regexp.MustCompile(`^(.+-)?ld(\.bfd)?$`)

var searchDir = regexp.MustCompile(`SEARCH_DIR\("(=?)([^"]+)"\)`)

// ownSearch adds the directories that the started linkers search by themselves.
func (p *probe) ownSearch(s started) error {
	for _, program := range s.programs {
		if !gnuLinker.MatchString(filepath.Base(program)) {
			continue
		}
		said, err := p.Put(append(append([]string{program}, s.machine...), "--verbose"), "LC_ALL=C")
		if err != nil {
			return err
		}
		root, from := "", s.sysroot
		if said.Status == 0 && from == "" {
			asked, err := p.Put([]string{program, "--print-sysroot"}, "LC_ALL=C")
			if err != nil {
				return err
			}
			if asked.Status == 0 {
				from = strings.TrimSpace(string(asked.Stdout))
			}
		}
		if from != "" && from != "/" {
			root = frontend.Absolute(p.C.Dir, from)
		}
		for _, m := range searchDir.FindAllStringSubmatch(string(said.Stdout), -1) {
			dir := m[2]
			if m[1] != "" {
				dir = root + dir
			}
			if dir = frontend.Absolute(p.C.Dir, dir); !slices.Contains(p.tools.LibDirs, dir) {
				p.tools.LibDirs = append(p.tools.LibDirs, dir)
			}
		}
	}
	return nil
}
