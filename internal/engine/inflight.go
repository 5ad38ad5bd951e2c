package engine

import (
	"path/filepath"
	"sync"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// inFlight keeps the output files of the compiles and restores under way. Where two overlap, the bytes read after one's
// success may be the other's, so neither is stored. (Measured in 13 of 30 races of two sub-makes that build one file.)
type inFlight struct {
	mu    sync.Mutex
	files map[outputFile]*writers // guarded by mu
}

// outputFile names a file that may not exist yet: all spellings of its directory are one.
type outputFile struct {
	dev, ino uint64 // of the directory
	name     string
}

type writers struct {
	n      int
	shared bool // ever two at once since n was last 0
}

// flight is one writer's stay among those under way.
type flight struct {
	all   *inFlight
	files []outputFile
}

// enter announces that these files are about to be written, until leave.
func (f *inFlight) enter(files frontend.Files, outputs []compile.Output) *flight {
	fl := &flight{all: f, files: make([]outputFile, len(outputs))}
	for i, o := range outputs {
		fl.files[i].name = filepath.Base(o.Path)
		if fi, err := files.Stat(filepath.Dir(o.Path)); err == nil {
			fl.files[i].dev, fl.files[i].ino = fi.Dev, fi.Ino
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.files == nil {
		f.files = map[outputFile]*writers{}
	}
	for _, file := range fl.files {
		w := f.files[file]
		if w == nil {
			w = &writers{}
			f.files[file] = w
		}
		w.n++
		w.shared = w.shared || w.n > 1
	}
	return fl
}

func (fl *flight) leave() {
	fl.all.mu.Lock()
	defer fl.all.mu.Unlock()
	for _, file := range fl.files {
		w := fl.all.files[file]
		if w.n--; w.n == 0 {
			delete(fl.all.files, file)
		}
	}
}

// shared returns the name of a file that somebody else wrote meanwhile, "" for none.
func (fl *flight) shared() string {
	fl.all.mu.Lock()
	defer fl.all.mu.Unlock()
	for _, file := range fl.files {
		if fl.all.files[file].shared {
			return file.name
		}
	}
	return ""
}
