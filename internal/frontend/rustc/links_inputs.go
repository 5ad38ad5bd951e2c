package rustc

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/rustc/linker"
)

// maxLinkList bounds what a linker lists.
const maxLinkList = 16 << 20

// linked adds what the linker read, and the names that it looked for in vain: a library that appears in a directory searched earlier, or
// a shared one beside a static one, would be taken.
func (g *gathering) linked(tc *compile.Toolchain) error {
	copies := g.d.archives
	if g.d.link != nil {
		tools, ok := tc.Detail.(*linker.Tools)
		if !ok || len(g.run.Plan.Hidden) == 0 {
			return compile.Refuse(compile.ReasonLink, "the linker's list has no place")
		}
		read, err := g.linkerRead(tools)
		if err != nil {
			return compile.Refuse(compile.ReasonLink, err.Error())
		}
		s := newLinkSearch(g, tools, g.dylibDirs(read))
		if s.scripts, err = g.scriptDirs(read, tools.Own); err != nil {
			return err
		}
		for _, spelled := range read {
			path := frontend.Absolute(g.c.Dir, spelled)
			switch info, err := g.files.Stat(path); {
			case slices.Contains(tools.Own, filepath.Dir(path)):
				if strings.HasSuffix(path, ".a") || isShared(path) {
					s.found(path) // one of the same name elsewhere would have been taken
				}
			case err != nil && filepath.Dir(path) == g.tempDir() && driverFile.MatchString(filepath.Base(path)):
				// gcc's link-time optimisation: an assembler, which is no part of the toolchain here, made it.
				return compile.Refuse(compile.ReasonLink, "objects of gcc's link-time optimisation")
			case err != nil && g.temporary(path):
				copies = copies || isArchive(path)
			case err != nil || !info.IsRegular():
				return compile.Refuse(compile.ReasonInput, path)
			default:
				// A library may be an input already, as one that might have been bundled or that a macro might have read; it was
				// searched for all the same. Crates are named by their paths.
				if !g.known[path] || !strings.HasSuffix(path, ".rlib") {
					s.found(path)
				}
				g.add(path)
			}
		}
		if err := s.absences(); err != nil {
			return err
		}
	}
	if !copies {
		return nil
	}
	// The code of crates came by way of rustc: those whose names tell nothing may be among them.
	plain, err := g.plainCrates()
	if err != nil {
		return compile.Refuse(compile.ReasonInput, err.Error())
	}
	for _, path := range plain {
		g.add(path)
	}
	return nil
}

// linkerRead returns what the linker read, spelled as it was.
func (g *gathering) linkerRead(tools *linker.Tools) ([]string, error) {
	if direct := g.d.link.Direct; direct != "" {
		read, err := g.linkerCalled(tools)
		if err != nil || direct == linker.Wasm {
			return read, err
		}
	}
	text, _, err := g.files.Read(linkList(g.run.Plan.Scratch), maxLinkList)
	if err != nil {
		return nil, fmt.Errorf("the linker lists no files: %w", err)
	}
	return linker.ParseList(text)
}

var (
	rustcDir   = regexp.MustCompile(`/rustc[A-Za-z0-9]{6}/`)
	driverFile = regexp.MustCompile(`^(cc|lto)[A-Za-z0-9-]{6,}(\.[a-z0-9]+)*\.o$`)
)

// temporary reports whether a file that is gone was one of the compile's own: an object of its crate, or what rustc made for the linker.
func (g *gathering) temporary(path string) bool {
	base := filepath.Base(path)
	if filepath.Dir(path) == filepath.Dir(g.d.depInfo) && strings.HasPrefix(base, g.d.crate+g.d.extra+".") && strings.HasSuffix(base, ".o") {
		return true
	}
	return rustcDir.MatchString(path)
}

func (g *gathering) tempDir() string {
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		if dir, ok := g.c.Getenv(name); ok && dir != "" {
			return frontend.Absolute(g.c.Dir, dir)
		}
	}
	return "/tmp"
}

func isArchive(path string) bool {
	return strings.HasSuffix(path, ".rlib") || strings.HasSuffix(path, ".a")
}

// linkSearch works out which names a link looked for in vain.
type linkSearch struct {
	g     *gathering
	dirs  []string            // searched, in order, each directory once
	infos []frontend.FileInfo // of dirs; zero for one that is missing
	names []map[string]bool   // that would have been found in each of dirs; nil of those that are the toolchain's

	scripts []string                   // directories in which scripts lie that name files
	aside   map[string]map[string]bool // names that would have been found in other directories
}

// dylibDirs are the directories of crates in which the linker found shared libraries: rustc may have had it search them, before all others.
func (g *gathering) dylibDirs(read []string) (dirs []string) {
	for _, spelled := range read {
		path := frontend.Absolute(g.c.Dir, spelled)
		if dir := filepath.Dir(path); isShared(path) && slices.Contains(g.d.crateDirs, dir) && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

func newLinkSearch(g *gathering, tools *linker.Tools, dylibs []string) *linkSearch {
	s := &linkSearch{g: g, aside: map[string]map[string]bool{}}
	dirs := []string{g.c.Dir} // linker scripts name files relative to it
	dirs = slices.Concat(dirs, dylibs, g.d.nativeDirs, g.d.link.libDirs, loaderDirs(g.c.Invocation), tools.Own, tools.LibDirs)
	for _, dir := range dirs {
		info, err := g.files.Stat(dir)
		if slices.Contains(s.dirs, dir) || err == nil && slices.ContainsFunc(s.infos, func(i frontend.FileInfo) bool { return i.Dev == info.Dev && i.Ino == info.Ino }) {
			continue
		}
		s.dirs = append(s.dirs, dir)
		s.infos = append(s.infos, info)
		names := map[string]bool{}
		if slices.Contains(tools.Own, dir) {
			names = nil
		}
		s.names = append(s.names, names)
	}
	return s
}

// loaderDirs are the directories of the loader in which GNU's linker looks for what shared libraries need.
func loaderDirs(inv *compile.Invocation) []string {
	var dirs []string
	for _, name := range []string{"LD_RUN_PATH", "LD_LIBRARY_PATH"} {
		list, _ := inv.Getenv(name)
		for dir := range strings.SplitSeq(list, ":") {
			if dir != "" {
				dirs = append(dirs, frontend.Absolute(inv.Dir, dir))
			}
		}
	}
	return dirs
}

// found notes where a file was found. One in none of the directories was named by its path, perhaps after a search; or by a path below
// one of them, as -l:sub/liba.a and INCLUDE do, which was looked for below those before.
func (s *linkSearch) found(path string) {
	base := filepath.Base(path)
	names := []string{base}
	if stem, ok := strings.CutSuffix(base, ".a"); ok && strings.HasPrefix(base, "lib") {
		names = append(names, stem+".so")
	} else if stem, ok := strings.CutSuffix(base, ".so"); ok && strings.HasPrefix(base, "lib") {
		names = append(names, stem+".a")
	}
	for _, dir := range s.scripts {
		s.beside(path, dir+"/"+base)
	}
	in, err := s.g.files.Stat(filepath.Dir(path))
	for i := range s.dirs {
		if s.names[i] != nil {
			for _, name := range names {
				s.names[i][name] = true
			}
		}
		if err == nil && s.infos[i].Dev == in.Dev && s.infos[i].Ino == in.Ino {
			return
		}
	}
	for i, dir := range s.dirs {
		below, ok := strings.CutPrefix(path, dir+"/")
		for _, earlier := range slices.Concat(s.dirs[:i], s.scripts) {
			if ok {
				s.beside(path, earlier+"/"+below)
			}
		}
	}
}

// beside notes where else a file would have been found.
func (s *linkSearch) beside(path, other string) {
	dir, name := filepath.Split(other)
	dir = strings.TrimSuffix(dir, "/")
	if other == path || dir == "" {
		return
	}
	if s.aside[dir] == nil {
		s.aside[dir] = map[string]bool{}
	}
	s.aside[dir][name] = true
}

// absences notes the names that are absent. Those that are there were passed over, or chosen: both may change with their content.
func (s *linkSearch) absences() error {
	for i, dir := range s.dirs {
		if err := s.lacks(dir, s.names[i]); err != nil {
			return err
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(s.aside)) {
		if err := s.lacks(dir, s.aside[dir]); err != nil {
			return err
		}
	}
	return nil
}

func (s *linkSearch) lacks(dir string, names map[string]bool) error {
	var absent []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !s.g.files.Exists(dir, name) {
			absent = append(absent, name)
			continue
		}
		path := dir + "/" + name
		if info, err := s.g.files.Stat(path); err != nil || !info.IsRegular() {
			return compile.Refuse(compile.ReasonInput, path)
		}
		s.g.add(path)
	}
	if len(absent) > 0 {
		s.g.in.Absent = append(s.g.in.Absent, compile.AbsentNames{Dirs: []string{dir}, Names: absent})
	}
	return nil
}
