package cc

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// through follows a name through a list of directories.
func (s *search) through(list []*directory, name string, how lookFor) error {
	for _, dir := range list {
		f, err := s.look(dir, name, how&lookGCH != 0)
		if err != nil {
			return err
		}
		ends := how&lookAll == 0 && !dir.twice
		switch {
		case f.state == foundInput && ends:
			return nil
		case f.state == foundFile && how&lookExists != 0:
			s.g.add(f.path)
			if ends {
				return nil
			}
		}
	}
	return nil
}

// follow follows a name from where an #include of its kind starts; from is the includer's directory.
func (s *search) follow(from *directory, name string, angle bool, how lookFor) error {
	if strings.HasPrefix(name, "/") {
		return s.through([]*directory{s.directory("/")}, name[1:], how)
	}
	if !angle {
		f, err := s.look(from, name, how&lookGCH != 0)
		if err != nil {
			return err
		}
		if f.state == foundFile && how&lookExists != 0 {
			s.g.add(f.path)
		}
		if how&lookAll == 0 && (f.state == foundInput || f.state == foundFile && how&lookExists != 0) {
			return nil
		}
	}
	w := walk{name: name, angle: angle, how: how}
	if s.walked[w] {
		return nil
	}
	s.walked[w] = true
	if angle {
		return s.through(s.angle, name, how)
	}
	return s.through(s.quote, name, how)
}

// includes follows every name that the first n inputs mention.
func (s *search) includes(n int) error {
	g := s.g
	s.findOnce(n)
	cwd := s.directory(frontend.Absolute(g.c.Dir, "."))
	gch := lookGCH
	if g.chain.clang {
		gch = 0
	}
	for _, name := range g.d.preIncludes {
		if err := s.follow(cwd, name, false, gch); err != nil {
			return err
		}
		if err := s.noPCH(name); err != nil {
			return err
		}
	}
	if !g.chain.clang {
		// gcc includes it before anything else.
		if err := s.follow(cwd, "stdc-predef.h", true, 0); err != nil {
			return err
		}
	}
	for i := range n {
		said := g.inputs[i].facts
		if said == nil || len(said.includes) == 0 && !said.computed {
			continue
		}
		from := s.directory(directoryOf(g.inputs[i].path))
		for _, in := range said.includes {
			var how lookFor
			switch in.kind {
			case kindIncludeNext, kindImport:
				how = lookAll
			case kindHas, kindHasEmbed:
				how = lookExists
			case kindHasNext:
				how = lookExists | lookAll
			}
			if i == 0 && (in.kind == kindInclude || in.kind == kindIncludeNext || in.kind == kindImport) {
				how |= gch
			}
			// After a file beside its includer comes the whole list, also for <name>.
			angle := in.angle && in.kind != kindIncludeNext && in.kind != kindHasNext
			if err := s.follow(from, in.name, angle, how); err != nil {
				return err
			}
		}
		if said.computed {
			how := lookFor(0)
			if i == 0 {
				how = gch
			}
			if err := s.computed(from, n, how); err != nil {
				return err
			}
		}
	}
	return nil
}

// noPCH refuses a precompiled header that clang's driver would take instead of a pre-included file.
func (s *search) noPCH(name string) error {
	for _, suffix := range []string{".pch", ".gch"} {
		path := frontend.Absolute(s.g.c.Dir, name+suffix)
		missing, ok := firstMissing(s.g.files, path)
		if !ok {
			return compile.Refuse(compile.ReasonPCH, path)
		}
		s.absent.add(missing)
	}
	return nil
}

// computed follows, for an #include whose operand is a macro, every name by which it could have meant one of the inputs, and
// every name that is a macro's value: what gcc skipped as a twin is no input.
func (s *search) computed(from *directory, n int, how lookFor) error {
	if s.computedIn[from] {
		return nil
	}
	s.computedIn[from] = true
	if s.computedOf == nil {
		s.computedOf = []string{}
		seen := make(map[*directory]bool)
		for _, dir := range s.quote {
			if !seen[dir] {
				seen[dir] = true
				s.computedOf = append(s.computedOf, s.namesBelow(dir, n)...)
			}
		}
		s.computedOf = append(s.computedOf, s.definedNames(n)...)
	}
	for _, name := range append(s.namesBelow(from, n), s.computedOf...) {
		for _, angle := range []bool{false, true} {
			if err := s.follow(from, name, angle, how); err != nil {
				return err
			}
		}
	}
	return nil
}

// definedNames returns the file names that are values of macros, of the first n inputs and of arguments.
func (s *search) definedNames(n int) []string {
	var names []string
	for i := range n {
		if said := s.g.inputs[i].facts; said != nil {
			for _, name := range said.defines {
				// Programs name these for themselves; no header lies there, and their times are always now.
				if !strings.HasPrefix(name, "/proc/") && !strings.HasPrefix(name, "/sys/") && !strings.HasPrefix(name, "/dev/") {
					names = append(names, name)
				}
			}
		}
	}
	for _, arg := range s.g.c.Args {
		for word := range strings.SplitSeq(arg, ",") {
			if _, value, ok := strings.Cut(word, "="); ok {
				if name, ok := fileOperand([]byte(value)); ok {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

// namesBelow returns the paths of the first n inputs relative to a directory that they lie below.
func (s *search) namesBelow(dir *directory, n int) []string {
	var names []string
	spelled, clean := dir.path+"/", filepath.Clean(dir.path)+"/"
	for i := range n {
		path := s.g.inputs[i].path
		if name, ok := strings.CutPrefix(path, spelled); ok {
			names = append(names, name)
		} else if name, ok := strings.CutPrefix(path, clean); ok {
			names = append(names, name)
		}
	}
	return names
}

// findOnce notes which inputs a compiler reads once only: those with #pragma once, and those that #import names.
func (s *search) findOnce(n int) {
	g := s.g
	imported := make(map[string]bool)
	for i := range n {
		if said := g.inputs[i].facts; said != nil {
			for _, in := range said.includes {
				if in.kind == kindImport {
					imported[baseOf(in.name)] = true
				}
			}
		}
	}
	for i := range n {
		input := &g.inputs[i]
		if input.facts == nil || !input.facts.once && !imported[baseOf(input.path)] {
			continue
		}
		s.once[i] = true
		s.onceDigests[input.digest] = true
		s.onceSizes[input.digest.Size()] = true
	}
}

// quoted makes files that diagnostics quote inputs, or rests on their absence.
func (s *search) quoted(stderr []byte) error {
	for _, name := range quotedFiles(stderr) {
		path := frontend.Absolute(s.g.c.Dir, name)
		if _, ok := s.g.byPath[path]; ok {
			continue
		}
		if fi, err := s.g.files.Stat(path); err == nil {
			if fi.IsRegular() {
				s.g.add(path)
			}
			continue
		}
		if missing, ok := firstMissing(s.g.files, path); ok {
			s.absent.add(missing)
		}
	}
	return nil
}

// assembled rests on the absence of what gcc's assembler would have read instead of the files that it says it read: it looks
// in the working directory first, then in the -I directories.
func (s *search) assembled(listed []string) error {
	dirs := []*directory{s.directory(frontend.Absolute(s.g.c.Dir, "."))}
	for _, path := range slices.Concat(s.g.d.includeDirs, s.g.d.assemblerDirs) {
		dirs = append(dirs, s.directory(path))
	}
	for _, dir := range dirs[1+len(s.g.d.includeDirs):] {
		if dir.missing == nil {
			s.dirs = append(s.dirs, dir.path)
		}
	}
	for _, spelled := range listed {
		path := frontend.Absolute(s.g.c.Dir, spelled)
		if path == s.g.c.Source {
			continue
		}
		if name, ok := strings.CutPrefix(spelled, "/"); ok {
			// .include looks for an absolute name below each directory before it takes it as it is.
			if err := s.through(dirs, name, 0); err != nil {
				return err
			}
		}
		for i, dir := range dirs {
			name, ok := strings.CutPrefix(path, dir.path+"/")
			if !ok {
				continue
			}
			for _, earlier := range dirs[:i] {
				if _, err := s.look(earlier, name, false); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
