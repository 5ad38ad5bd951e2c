//go:build unix

package rustoracle

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/oracle"
)

// Call is one process of the model compiler, or of the linker's driver beside it. It touches no process-wide state.
type Call struct {
	Program string // absolute path: BIN/rustc, or a driver called cc
	Args    []string
	Dir     string // physical working directory
	Env     []string
	Umask   uint32
	Reached func(stage oracle.Moment) // called while compiling; nil for nothing to be told
}

// Answer is what a call does: what it says and which files it writes.
type Answer struct {
	Status         int
	Stdout, Stderr []byte
	Files          []File
	Hidden         []File // what nobody compares: the linker's list of what it read
}

// File is one output.
type File struct {
	Path     string // absolute
	Data     []byte
	Program  bool // may be executed
	Replaced bool // put in place as a new file, instead of written into the one that is there
}

// Mode returns the permissions that the file will have once written over what is there now.
func (f File) Mode(umask uint32) fs.FileMode {
	if old, err := os.Stat(f.Path); err == nil && !f.Replaced {
		return old.Mode().Perm()
	}
	if f.Program {
		return fs.FileMode(0o777 &^ umask)
	}
	return fs.FileMode(0o666 &^ umask)
}

// Write writes the file as rustc does. The umask of this process must be 0.
func (f File) Write(umask uint32) error {
	mode := f.Mode(umask)
	if f.Replaced {
		if err := os.Remove(f.Path); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return os.WriteFile(f.Path, f.Data, mode)
}

// Run compiles and writes.
func (c *Call) Run() Answer {
	a := c.Answer()
	for _, f := range append(a.Files, a.Hidden...) {
		if err := f.Write(c.Umask); err != nil {
			return Answer{Status: 1, Stderr: []byte("error: " + err.Error() + "\n")}
		}
	}
	c.reach(oracle.Written)
	return a
}

// Answer does everything but write files.
func (c *Call) Answer() Answer {
	if filepath.Base(c.Program) == driverName {
		return c.drive()
	}
	c.reach(oracle.Started)
	o, err := c.options()
	switch {
	case err != nil:
		return Answer{Status: 1, Stderr: []byte("error: " + err.Error() + "\n")}
	case o.print == "sysroot":
		return Answer{Stdout: []byte(c.sysroot() + "\n")}
	case o.version:
		return Answer{Stdout: []byte("rustc 1.95.0 (model)\nbinary: rustc\nhost: " + Host + "\nrelease: 1.95.0\n")}
	}
	return c.compile(o)
}

func (c *Call) reach(m oracle.Moment) {
	if c.Reached != nil {
		c.Reached(m)
	}
}

func (c *Call) getenv(name string) (string, bool) { return oracle.Getenv(c.Env, name) }

// abs joins a path to the working directory.
func (c *Call) abs(p string) string { return oracle.Abs(c.Dir, p) }

// list returns the elements of a variable that holds directories.
func (c *Call) list(name string) []string {
	v, ok := c.getenv(name)
	if !ok || v == "" {
		return nil
	}
	dirs := strings.Split(v, ":")
	for i := range dirs {
		dirs[i] = c.abs(dirs[i])
	}
	return dirs
}

// sum stands for content or a value that must not show its text.
func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:12])
}

func isFile(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.Mode().IsRegular()
}
