package toolchain

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// image is what a program's file says about its loading.
type image struct {
	interpreter string   // the loader; "" for a static program
	libDirs     []string // DT_RPATH and DT_RUNPATH, $ORIGIN resolved
	real        string   // where the program lies, without links
}

// Interpreter returns the loader that a program names, "" for a static one. It fails for what no loader of Linux starts: scripts, and programs of other
// systems.
func Interpreter(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	program, err := newProgram(file)
	if err != nil {
		return "", err
	}
	return interpreterOf(program)
}

// newProgram reads the headers of an ELF program. They are read from the file itself, because a cc1 has 30 MB of which a few hundred bytes
// matter; the content is watched by digest in any case.
func newProgram(file *os.File) (*elf.File, error) {
	head := make([]byte, 2)
	if _, err := file.ReadAt(head, 0); err == nil && string(head) == "#!" {
		return nil, errors.New("a script")
	}
	program, err := elf.NewFile(file)
	if err != nil {
		return nil, errors.New("not an ELF program")
	}
	return program, nil
}

// readImage reads what a program says about its loading.
func readImage(path string) (image, error) {
	file, err := os.Open(path)
	if err != nil {
		return image{}, err
	}
	defer file.Close()
	program, err := newProgram(file)
	if err != nil {
		return image{}, err
	}
	var im image
	if im.interpreter, err = interpreterOf(program); err != nil {
		return image{}, err
	}
	if im.real, err = filepath.EvalSymlinks(path); err != nil {
		return image{}, err
	}
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		lists, err := program.DynString(tag)
		if err != nil {
			continue // no dynamic section
		}
		for _, list := range lists {
			for dir := range strings.SplitSeq(list, ":") {
				if dir = fromOrigin(dir, filepath.Dir(im.real)); filepath.IsAbs(dir) {
					im.libDirs = append(im.libDirs, dir)
				}
			}
		}
	}
	return im, nil
}

// interpreterOf returns the loader that a program names, and fails where it is none that lists libraries as those of glibc and musl do.
func interpreterOf(program *elf.File) (string, error) {
	for _, segment := range program.Progs {
		if segment.Type != elf.PT_INTERP || segment.Filesz > 4096 {
			continue
		}
		text := make([]byte, segment.Filesz)
		if _, err := segment.ReadAt(text, 0); err != nil {
			return "", fmt.Errorf("read interpreter: %w", err)
		}
		name := strings.TrimRight(string(text), "\x00")
		base := filepath.Base(name)
		if !strings.HasPrefix(base, "ld-linux") && !strings.HasPrefix(base, "ld-musl") && !strings.HasPrefix(base, "ld64.so") {
			return "", fmt.Errorf("loaded by %s", name)
		}
		return name, nil
	}
	return "", nil
}

// fromOrigin fills in where a program lies. That has no links, so what goes up from there can be taken off: the directory is then called as others call it.
func fromOrigin(dir, origin string) string {
	rest, ok := strings.CutPrefix(dir, "$ORIGIN")
	if !ok {
		rest, ok = strings.CutPrefix(dir, "${ORIGIN}")
	}
	if !ok || rest != "" && rest[0] != '/' {
		return dir
	}
	for rest == "/.." || strings.HasPrefix(rest, "/../") {
		origin, rest = filepath.Dir(origin), rest[len("/.."):]
	}
	if rest == "" {
		return origin
	}
	return strings.TrimSuffix(origin, "/") + rest
}

// loadedLibrary reads a line of a loader's --list: "name => path (address)", or "path (address)" for the loader itself. A path may be relative to
// the working directory, where LD_LIBRARY_PATH is. The kernel's own library has none; ok is false for one that was not found.
func loadedLibrary(line string) (name, path string, ok bool) {
	line = strings.TrimSpace(line)
	name, path, arrow := strings.Cut(line, " => ")
	if !arrow {
		path = line
	}
	at := strings.LastIndex(path, " (0x")
	if at >= 0 {
		path = path[:at]
	} else if line != "" {
		return name, "", line == "statically linked"
	}
	if !strings.Contains(path, "/") {
		return name, "", true
	}
	if !arrow || strings.Contains(name, "/") {
		name = filepath.Base(path)
	}
	return name, path, true
}
