package rustc

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// errNoELF says that a program is none that a loader of Linux starts.
var errNoELF = errors.New("not an ELF program")

// interpreterOf returns the dynamic loader that a program names, "" for a static one.
func interpreterOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	program, err := elf.NewFile(f)
	if err != nil {
		return "", errNoELF
	}
	for _, segment := range program.Progs {
		if segment.Type != elf.PT_INTERP || segment.Filesz > 4096 {
			continue
		}
		name := make([]byte, segment.Filesz)
		if _, err := segment.ReadAt(name, 0); err != nil {
			return "", fmt.Errorf("read interpreter: %w", err)
		}
		interpreter := strings.TrimRight(string(name), "\x00")
		base := filepath.Base(interpreter)
		if !strings.HasPrefix(base, "ld-linux") && !strings.HasPrefix(base, "ld-musl") && !strings.HasPrefix(base, "ld64.so") {
			return "", fmt.Errorf("loaded by %s", interpreter)
		}
		return interpreter, nil
	}
	return "", nil
}

// loadedLibrary reads a line of a loader's --list: "name => path (address)", or "path (address)" for the loader itself. The kernel's own
// library has no path; ok is false for one that was not found.
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
	if !strings.HasPrefix(path, "/") {
		return name, "", true
	}
	if !arrow || strings.Contains(name, "/") {
		name = filepath.Base(path)
	}
	return name, path, true
}
