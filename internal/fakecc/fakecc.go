// Package fakecc is a compiler for tests: it is taken for a gcc, and does with -c what variables of its environment say (fail,
// wait, die, talk). source/fakecc.c lists them. It is written in C so that thousands can run at once.
package fakecc

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// Name is the name of the program: that of a cross compiler, so that ccwrap knows it by its name.
const Name = "x86_64-fake-gcc"

//go:embed source/fakecc.c
var source []byte

// Build compiles the fake into dir under Name, with the gcc at the absolute path gcc, to which it passes on questions.
func Build(gcc, dir string) error {
	file := filepath.Join(dir, "fakecc.c")
	if err := os.WriteFile(file, source, 0o600); err != nil {
		return fmt.Errorf("write fake compiler: %w", err)
	}
	define := "-DREAL=" + strconv.Quote(gcc)
	args := []string{"-O1", "-w", define, "-o", filepath.Join(dir, Name), file}
	// A static program starts faster; not every machine has the libraries for one.
	out, err := exec.Command(gcc, append([]string{"-static"}, args...)...).CombinedOutput()
	if err != nil {
		out, err = exec.Command(gcc, args...).CombinedOutput()
	}
	if err != nil {
		return fmt.Errorf("build fake compiler: %w: %s", err, out)
	}
	return nil
}
