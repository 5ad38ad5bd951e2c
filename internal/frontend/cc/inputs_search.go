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
			*list = append(*list, s.directory(frontend.Absolute(g.c.Dir, path)))
		}
	}
	add(&s.quote, g.d.quoteDirs)
	add(&s.angle, angleDirs(g.c, g.chain))
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
			s.dirs = append(s.dirs, dir.path) // it may have led elsewhere meanwhile
			continue
		}
		first[dir.id] = dir
		s.dirs = append(s.dirs, dir.path)
	}
	return s, nil
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
	dir.file = fi.IsRegular()
	dir.renamed = fi.IsDirectory() && fi.Ctime >= s.start && s.start > fi.Mtime
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
		dir, name = s.directory(frontend.Under(dir.path, part)), rest
	}
}

func (s *search) lookFile(dir *directory, name string, gch bool) (found, error) {
	if gch {
		pch, err := s.has(dir, name+".gch")
		if err != nil {
			return found{}, err
		}
		if pch {
			return found{}, compile.Refuse(compile.ReasonPCH, frontend.Under(dir.path, name+".gch"))
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
	path := frontend.Under(dir.path, name)
	fi, err := s.g.files.Stat(path)
	if err != nil {
		return found{}, compile.Refuse(compile.ReasonInput, fmt.Sprintf("%s is there and cannot be read", path))
	}
	if !fi.IsRegular() {
		return found{state: foundDirectory}, nil
	}
	if i, ok := s.ids[fileID{fi.Dev, fi.Ino}]; ok {
		if other := s.g.inputs[i].path; other != path && filepath.Clean(other) != filepath.Clean(path) {
			// The compiler names the file by another path; the one that was searched may come to lead elsewhere.
			s.g.add(path)
			if s.once[i] {
				// Two names of one file are one; a copy in the place of a link need not be.
				s.once[s.g.byPath[path]] = true
			}
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
			s.g.add(path)
			s.once[s.g.byPath[path]] = true
		}
	}
	return found{state: foundFile, path: path}, nil
}
