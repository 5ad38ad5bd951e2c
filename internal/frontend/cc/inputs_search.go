package cc

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// search repeats, after a compile, where the compiler looked for each name that its inputs mention, and so finds the names
// whose appearance would change the result. It follows each name through the directories up to the first that has it as an
// input; what exists on the way but was not read is in a branch that was not taken.
type search struct {
	g      *gathering
	start  int64 // of the compile, nanoseconds
	absent absentSet

	directories map[string]*directory
	walked      map[walk]bool
	ids         map[fileID]int // inputs of the compiler's list by identity
	computedOf  []string       // names by which an #include <MACRO> could mean an input; nil until needed
	computedIn  map[*directory]bool

	quote, angle []*directory // where "name" goes on after the includer's directory; where <name> starts
	repeated     bool         // one directory occurs twice in quote
	dirs         []string     // existing search directories

	once        map[int]bool // inputs that count once for reasons outside their own text
	onceSizes   map[int64]bool
	onceDigests map[digest.Digest]bool
}

type fileID struct{ dev, ino uint64 }

// directory is one that was looked into, by its spelling.
type directory struct {
	path    string
	missing *place // why it is not there
	id      fileID
	file    bool // it is none
	renamed bool // it was put in place during the compile
	twice   bool // the search list has it twice
	asked   int
	names   []string // all names, sorted, once enough were asked for
	results map[string]found
}

// found is what a name is in a directory.
type found struct {
	state foundState
	input int    // index where state is foundInput
	path  string // where state is foundFile
}

type foundState uint8

const (
	foundNothing   foundState = iota
	foundInput                // a file that the compiler read
	foundFile                 // a file that it did not read
	foundDirectory            // no file
)

// walk is a name followed through a list of directories.
type walk struct {
	name  string
	angle bool
	how   lookFor
}

// lookFor says what is asked of a name on its way.
type lookFor uint8

const (
	lookExists lookFor = 1 << iota // __has_include: what exists decides, even if it is not read
	lookAll                        // the search may have started anywhere: follow to the end
	lookGCH                        // a precompiled header may stand beside it
)

// newSearch prepares a search; the first of the inputs are those that the compiler itself read.
func newSearch(g *gathering, sources int) (*search, error) {
	s := &search{
		g: g, start: g.run.Start.UnixNano(),
		directories: make(map[string]*directory),
		walked:      make(map[walk]bool),
		computedIn:  make(map[*directory]bool),
		ids:         make(map[fileID]int, len(g.inputs)),
		once:        make(map[int]bool),
		onceSizes:   make(map[int64]bool),
		onceDigests: make(map[digest.Digest]bool),
	}
	s.absent.init()
	for i, input := range g.inputs[:sources] {
		fi, err := g.files.Stat(input.path)
		if err != nil {
			continue // whoever compares the inputs with the start will see it
		}
		id := fileID{fi.Dev, fi.Ino}
		if _, ok := s.ids[id]; !ok {
			s.ids[id] = i
		}
	}
	add := func(list *[]*directory, paths []string) {
		for _, path := range paths {
			*list = append(*list, s.directory(absolute(g.c.Dir, path)))
		}
	}
	d := g.d
	add(&s.quote, d.quoteDirs)
	add(&s.angle, d.includeDirs)
	add(&s.angle, s.variableDirs("CPATH"))
	add(&s.angle, d.systemDirs)
	if g.c.Language == "c++" {
		add(&s.angle, s.variableDirs("CPLUS_INCLUDE_PATH"))
	} else {
		add(&s.angle, s.variableDirs("C_INCLUDE_PATH"))
	}
	add(&s.angle, g.chain.searchDirs)
	add(&s.angle, d.afterDirs)
	s.quote = append(s.quote, s.angle...)
	first := make(map[fileID]*directory)
	for _, dir := range s.quote {
		if dir.missing != nil {
			s.absent.add(*dir.missing)
			continue
		}
		if dir.file && g.chain.clang {
			return nil, compile.Refuse(compile.ReasonInput, dir.path+" is a header map")
		}
		if other, ok := first[dir.id]; ok {
			// The compiler drops one of the two; which, depends on their kinds.
			other.twice, dir.twice = true, true
			continue
		}
		first[dir.id] = dir
		s.dirs = append(s.dirs, dir.path)
	}
	return s, nil
}

// variableDirs splits a list of directories; an empty element is the working directory.
func (s *search) variableDirs(name string) []string {
	list, _ := s.g.c.Getenv(name)
	if list == "" {
		return nil
	}
	dirs := strings.Split(list, ":")
	for i := range dirs {
		if dirs[i] == "" {
			dirs[i] = "."
		}
	}
	return dirs
}

// directory returns the directory of this spelling.
func (s *search) directory(path string) *directory {
	if dir, ok := s.directories[path]; ok {
		return dir
	}
	dir := &directory{path: path}
	s.directories[path] = dir
	fi, err := s.g.files.Stat(path)
	if err != nil {
		if missing, ok := firstMissing(s.g.files, path); ok {
			dir.missing = &missing
		}
		return dir
	}
	dir.id = fileID{fi.Dev, fi.Ino}
	dir.file = isRegular(fi)
	dir.renamed = isDirectory(fi) && fi.Ctime >= s.start && s.start > fi.Mtime
	return dir
}

// has reports whether the directory has a name. After a few names it is listed: a header-heavy file asks for thousands.
func (s *search) has(dir *directory, name string) (bool, error) {
	const listAfter = 8
	if dir.asked++; dir.asked <= listAfter {
		return s.g.files.Exists(dir.path, name), nil
	}
	if dir.names == nil {
		names, err := s.g.files.Names(dir.path)
		if err != nil {
			return s.g.files.Exists(dir.path, name), nil
		}
		dir.names = names
	}
	_, ok := slices.BinarySearch(dir.names, name)
	return ok, nil
}

// look finds a name, which may have several components, in a directory, and records what is absent.
func (s *search) look(dir *directory, name string, gch bool) (found, error) {
	key := name
	if gch {
		key += "\x00"
	}
	if f, ok := dir.results[key]; ok {
		return f, nil
	}
	f, err := s.lookAnew(dir, name, gch)
	if err == nil && f.state != foundNothing { // nothing is found again as fast as it is remembered
		if dir.results == nil {
			dir.results = make(map[string]found)
		}
		dir.results[key] = f
	}
	return f, err
}

func (s *search) lookAnew(dir *directory, name string, gch bool) (found, error) {
	for {
		if dir.missing != nil {
			s.absent.add(*dir.missing)
			return found{}, nil
		}
		part, rest, more := strings.Cut(name, "/")
		for more && (part == "" || part == ".") {
			part, rest, more = strings.Cut(rest, "/")
		}
		if !more {
			if part == "" || part == "." || part == ".." {
				return found{state: foundDirectory}, nil
			}
			return s.lookFile(dir, part, gch)
		}
		if part != ".." {
			there, err := s.has(dir, part)
			if err != nil {
				return found{}, err
			}
			if !there {
				s.absent.add(place{dir.path, part})
				return found{}, nil
			}
		}
		dir, name = s.directory(under(dir.path, part)), rest
	}
}

func (s *search) lookFile(dir *directory, name string, gch bool) (found, error) {
	if gch {
		pch, err := s.has(dir, name+".gch")
		if err != nil {
			return found{}, err
		}
		if pch {
			return found{}, compile.Refuse(compile.ReasonPCH, under(dir.path, name+".gch"))
		}
		s.absent.add(place{dir.path, name + ".gch"})
	}
	there, err := s.has(dir, name)
	if err != nil {
		return found{}, err
	}
	if !there {
		s.absent.add(place{dir.path, name})
		return found{}, nil
	}
	path := under(dir.path, name)
	fi, err := s.g.files.Stat(path)
	if err != nil {
		return found{}, compile.Refuse(compile.ReasonInput, fmt.Sprintf("%s is there and cannot be read", path))
	}
	if !isRegular(fi) {
		return found{state: foundDirectory}, nil
	}
	if i, ok := s.ids[fileID{fi.Dev, fi.Ino}]; ok {
		if other := s.g.inputs[i].path; other != path && filepath.Clean(other) != filepath.Clean(path) {
			// The compiler names the file by another path; the one that was searched may come to lead elsewhere.
			s.g.add(path, false)
		}
		return found{state: foundInput, input: i}, nil
	}
	if s.g.chain.clang && strings.ContainsAny(name, "\\\t") {
		// clang writes such names as others; this one may have been read.
		return found{}, compile.Refuse(compile.ReasonInput, path)
	}
	if fi.Mtime >= s.start || fi.Ctime >= s.start || dir.renamed {
		return found{}, compile.Refuse(compile.ReasonInputChanged, path)
	}
	if s.onceSizes[fi.Size] {
		d, err := s.g.files.Digest(path)
		if err != nil {
			return found{}, compile.Refuse(compile.ReasonInput, err.Error())
		}
		if s.onceDigests[d] {
			// gcc may have taken it for the file of equal content that it had read already.
			s.g.add(path, false)
			s.once[s.g.byPath[path]] = true
		}
	}
	return found{state: foundFile, path: path}, nil
}

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
			s.g.add(f.path, false)
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
			s.g.add(f.path, false)
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
	cwd := s.directory(absolute(g.c.Dir, "."))
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
			if i == 0 && in.kind == kindInclude {
				how |= gch
			}
			if err := s.follow(from, in.name, in.angle, how); err != nil {
				return err
			}
		}
		if said.computed {
			if err := s.computed(from, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// noPCH refuses a precompiled header that clang's driver would take instead of a pre-included file.
func (s *search) noPCH(name string) error {
	for _, suffix := range []string{".pch", ".gch"} {
		path := absolute(s.g.c.Dir, name+suffix)
		missing, ok := firstMissing(s.g.files, path)
		if !ok {
			return compile.Refuse(compile.ReasonPCH, path)
		}
		s.absent.add(missing)
	}
	return nil
}

// computed follows, for an #include whose operand is a macro, every name by which it could have meant one of the inputs.
func (s *search) computed(from *directory, n int) error {
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
	}
	for _, name := range append(s.namesBelow(from, n), s.computedOf...) {
		for _, angle := range []bool{false, true} {
			if err := s.follow(from, name, angle, 0); err != nil {
				return err
			}
		}
	}
	return nil
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
		path := absolute(s.g.c.Dir, name)
		if _, ok := s.g.byPath[path]; ok {
			continue
		}
		if fi, err := s.g.files.Stat(path); err == nil {
			if isRegular(fi) {
				s.g.add(path, false)
			}
			continue
		}
		if missing, ok := firstMissing(s.g.files, path); ok {
			s.absent.add(missing)
		}
	}
	return nil
}

var _ frontend.Frontend = (*Frontend)(nil)
