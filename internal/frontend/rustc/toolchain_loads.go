package rustc

import (
	"path/filepath"
	"slices"
	"sync"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// loads is what the loader gave a program, and what that rests on beside LD_LIBRARY_PATH.
type loads struct {
	libraries []library
	cache     digest.Digest // of the loader's cache; zero where there is none
}

// library is one that was given.
type library struct {
	name   string // as it is looked for; the kernel's own has no path
	path   string
	digest digest.Digest
	dir    string // where it lies, without links; the loader goes on from there
	listed bool   // a directory of LD_LIBRARY_PATH had one of this name
}

// loadKey names a program that is loaded. It has libraries looked for beside where it really lies.
type loadKey struct {
	program, real, interpreter string
	digest                     digest.Digest
}

// loadMemory remembers loads. cargo calls the compiler with several values of LD_LIBRARY_PATH, which mostly lead to the same libraries.
// Beyond maxChains all are forgotten.
type loadMemory struct {
	mu    sync.Mutex // guards known
	known map[loadKey]*loads
}

func (m *loadMemory) get(k loadKey) *loads {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.known[k]
}

func (m *loadMemory) put(k loadKey, l *loads) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) >= maxChains {
		m.known = make(map[loadKey]*loads)
	}
	m.known[k] = l
}

// hardwareDirs are the directories below those of LD_LIBRARY_PATH that loaders of glibc look into first.
var hardwareDirs = []string{"glibc-hwcaps", "tls", "haswell", "xeon_phi", "avx512_1", "x86_64", "aarch64", "atomics"}

// loaderCache is what the loader finds libraries by.
const loaderCache = "/etc/ld.so.cache"

// remembered returns the libraries that the loader would give a program that it has given some before: the files are what they were, and
// LD_LIBRARY_PATH, whose directories are dirs, leads to the same ones or to none. Which names are looked for follows from the files.
func (p *probe) remembered(k loadKey, dirs []string) []library {
	l := p.f.loaded.get(k)
	if l == nil || p.loadedOtherwise() {
		return nil
	}
	if d, _ := p.files.ToolDigest(loaderCache); d != l.cache {
		return nil
	}
	if p.firstWith(dirs, hardwareDirs...) != "" {
		return nil
	}
	for _, lib := range l.libraries {
		if lib.path == "" {
			continue
		}
		if d, err := p.files.ToolDigest(lib.path); err != nil || d != lib.digest {
			return nil
		}
		dir := filepath.Dir(lib.path)
		if first := p.firstWith(dirs, lib.name); first != "" {
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

// remember keeps what the loader said.
func (p *probe) remember(k loadKey, libraries []library, dirs []string) {
	if p.loadedOtherwise() {
		return
	}
	l := &loads{libraries: libraries}
	l.cache, _ = p.files.ToolDigest(loaderCache)
	for i := range libraries {
		lib := &libraries[i]
		if lib.path == "" {
			continue
		}
		var err error
		if lib.dir, err = filepath.EvalSymlinks(filepath.Dir(lib.path)); err != nil || filepath.Base(lib.path) != lib.name {
			return
		}
		if lib.digest, err = p.files.ToolDigest(lib.path); err != nil {
			return
		}
		lib.listed = p.firstWith(dirs, lib.name) != ""
	}
	if p.firstWith(dirs, hardwareDirs...) == "" {
		p.f.loaded.put(k, l)
	}
}

// firstWith returns the first of dirs that holds one of these names, "" where none does.
func (p *probe) firstWith(dirs []string, names ...string) string {
	for _, dir := range dirs {
		if slices.ContainsFunc(names, func(name string) bool { return p.files.Exists(dir, name) }) {
			return dir
		}
	}
	return ""
}

// loadedOtherwise reports whether variables other than LD_LIBRARY_PATH tell the loader what to load.
func (p *probe) loadedOtherwise() bool {
	return slices.ContainsFunc([]string{"LD_PRELOAD", "LD_AUDIT", "GLIBC_TUNABLES"}, func(name string) bool {
		_, set := p.c.Getenv(name)
		return set
	})
}
