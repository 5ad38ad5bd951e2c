package toolchain

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/recent"
)

// Library is one that the loader gave a program.
type Library struct {
	Name string // as it is looked for
	Path string

	digest digest.Digest
	dir    string // where it lies, without links; the loader goes on from there
	listed bool   // a directory of LD_LIBRARY_PATH had one of this name
}

// Loads remembers what the loader gave programs, for all values of LD_LIBRARY_PATH that lead to the same libraries. It may be
// used by many goroutines at once.
type Loads struct {
	known    *recent.Map[loadKey, *load]
	settings [2]string // files by which the loader is configured
}

// NewLoads returns a Loads that knows nothing.
func NewLoads() *Loads {
	return &Loads{known: recent.New[loadKey, *load](MaxAnswers), settings: [2]string{"/etc/ld.so.cache", "/etc/ld.so.preload"}}
}

// loadKey names a program that is loaded. It has libraries looked for beside where it really lies.
type loadKey struct {
	program, real, interpreter string
	digest                     digest.Digest
}

// load is what the loader gave a program, and what that rests on beside LD_LIBRARY_PATH.
type load struct {
	libraries []Library
	settings  [2]digest.Digest // of what the loader is configured by; zero where there is none
	absent    []place          // names that the program's own directories lacked
}

// hardwareDirs are the directories below others that loaders of glibc look into first.
var hardwareDirs = []string{"glibc-hwcaps", "tls", "haswell", "xeon_phi", "avx512_1", "x86_64", "aarch64", "atomics"}

// Libraries returns the shared libraries that the loader gives a program, and makes the answer rest on where it looked for them before. The caller
// makes them part of the toolchain. A static program has none.
func (a *Asking) Libraries(program string) ([]Library, error) {
	im, err := readImage(program)
	if err != nil {
		return nil, a.Refuse("%s: %v", program, err)
	}
	if im.interpreter == "" {
		return nil, nil
	}
	content, err := a.content(program)
	if err != nil {
		return nil, a.Refuse("%v", err)
	}
	for _, path := range a.Loads.settings {
		if err := a.Watch(path); err != nil {
			return nil, err
		}
	}
	s := search{a: a, variable: loaderDirs(a.C, filepath.Dir(im.real)), own: im.libDirs}
	key := loadKey{program, im.real, im.interpreter, content}
	libraries := s.remembered(key)
	if libraries == nil {
		if libraries, err = a.listed(im.interpreter, program); err != nil {
			return nil, err
		}
		s.remember(key, libraries)
	}
	for _, lib := range libraries {
		for _, dir := range slices.Concat(s.variable, s.own) {
			a.Absent(dir, lib.Name)
			a.Absent(dir, hardwareDirs[0])
		}
	}
	return libraries, nil
}

// Loaded makes the libraries that the loader gives a program part of the toolchain, each as "loaded NAME".
func (a *Asking) Loaded(program string) error {
	libraries, err := a.Libraries(program)
	if err != nil {
		return err
	}
	for _, lib := range libraries {
		if err := a.File("loaded "+lib.Name, lib.Path); err != nil {
			return err
		}
	}
	return nil
}

// listed asks a loader.
func (a *Asking) listed(interpreter, program string) ([]Library, error) {
	said, err := a.Say([]string{interpreter, "--list", program})
	if err != nil {
		return nil, err
	}
	libraries := []Library{}
	for line := range strings.SplitSeq(string(said.Stdout), "\n") {
		name, path, ok := loadedLibrary(line)
		if !ok {
			return nil, a.Refuse("%s: library %s", program, strings.TrimSpace(line))
		}
		if path != "" {
			libraries = append(libraries, Library{Name: name, Path: frontend.Absolute(a.C.Dir, path)})
		}
	}
	return libraries, nil
}

// loaderDirs returns the directories of LD_LIBRARY_PATH for a program in origin. An empty element is the working directory.
func loaderDirs(c *compile.Compilation, origin string) []string {
	var dirs []string
	if list, _ := c.Getenv("LD_LIBRARY_PATH"); list != "" {
		for dir := range strings.SplitSeq(strings.ReplaceAll(list, ";", ":"), ":") {
			dirs = append(dirs, frontend.Absolute(c.Dir, fromOrigin(dir, origin)))
		}
	}
	return dirs
}

// search is where the loader looks for a program's libraries before its own places.
type search struct {
	a             *Asking
	variable, own []string
}

// remembered returns the libraries that the loader would give a program that it has given some before: the files are what they were, and
// LD_LIBRARY_PATH leads to the same ones or to none. Which names are looked for follows from the files.
func (s *search) remembered(k loadKey) []Library {
	l, _ := s.a.Loads.known.Get(k)
	if l == nil || LoadedOtherwise(s.a.C) || l.settings != s.settings() || s.depends() {
		return nil
	}
	if slices.ContainsFunc(l.absent, func(p place) bool { return s.a.Files.Exists(p.dir, p.name) }) {
		return nil
	}
	for _, lib := range l.libraries {
		if d, err := s.a.Files.ToolDigest(lib.Path); err != nil || d != lib.digest {
			return nil
		}
		dir := filepath.Dir(lib.Path)
		if first := s.firstWith(s.variable, lib.Name); first != "" {
			dir = first
		} else if lib.listed {
			return nil
		}
		if real, err := filepath.EvalSymlinks(dir); err != nil || real != lib.dir {
			return nil
		}
	}
	return l.libraries
}

// remember keeps what the loader said, where it is all that decides.
func (s *search) remember(k loadKey, libraries []Library) {
	if LoadedOtherwise(s.a.C) || s.depends() {
		return
	}
	l := &load{libraries: libraries, settings: s.settings()}
	for i := range libraries {
		lib := &libraries[i]
		var err error
		if lib.dir, err = filepath.EvalSymlinks(filepath.Dir(lib.Path)); err != nil || filepath.Base(lib.Path) != lib.Name {
			return
		}
		if lib.digest, err = s.a.Files.ToolDigest(lib.Path); err != nil {
			return
		}
		lib.listed = s.firstWith(s.variable, lib.Name) != ""
		for _, dir := range s.own {
			if !s.a.Files.Exists(dir, lib.Name) {
				l.absent = append(l.absent, place{dir, lib.Name})
			}
		}
	}
	s.a.Loads.known.Set(k, l)
}

// settings are the contents of what the loader is configured by.
func (s *search) settings() (d [2]digest.Digest) {
	for i, path := range s.a.Loads.settings {
		d[i], _ = s.a.Files.ToolDigest(path) // zero where it is missing
	}
	return d
}

// depends reports whether where the loader looks depends on what only the loader knows: its words for systems ($LIB, $PLATFORM), and directories that
// are chosen by the processor.
func (s *search) depends() bool {
	dirs := slices.Concat(s.variable, s.own)
	return slices.ContainsFunc(dirs, func(dir string) bool { return strings.Contains(dir, "$") }) || s.firstWith(dirs, hardwareDirs...) != ""
}

// firstWith returns the first of dirs that holds one of these names, "" where none does.
func (s *search) firstWith(dirs []string, names ...string) string {
	for _, dir := range dirs {
		if slices.ContainsFunc(names, func(name string) bool { return s.a.Files.Exists(dir, name) }) {
			return dir
		}
	}
	return ""
}

// LoadedOtherwise reports whether variables other than LD_LIBRARY_PATH tell the loader what to load.
func LoadedOtherwise(c *compile.Compilation) bool {
	return slices.ContainsFunc([]string{"LD_PRELOAD", "LD_AUDIT", "GLIBC_TUNABLES"}, func(name string) bool {
		_, set := c.Getenv(name)
		return set
	})
}
