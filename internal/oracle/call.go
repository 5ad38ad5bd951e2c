//go:build unix

package oracle

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Call is one process of the model compiler. It touches no process-wide state, so many may run at once.
type Call struct {
	Program string // absolute path of the driver, links unresolved
	Args    []string
	Dir     string // physical working directory
	Env     []string
	Umask   uint32
	Columns int                // width of the terminal on stderr; 0 where it is none
	Now     func() time.Time   // for __DATE__ and __TIME__
	Reached func(stage Moment) // called while compiling; nil for nothing to be told
}

// Moment is a point in the middle of a compile.
type Moment string

// The moments of a compile, in order.
const (
	Started Moment = "started" // nothing has been read
	Opened  Moment = "opened"  // the sources have been read, headers, crates and libraries not
	Read    Moment = "read"    // everything has been read, nothing written
	Written Moment = "written" // the outputs are there
)

// Answer is what a call does: what it says and which files it writes.
type Answer struct {
	Status         int
	Stdout, Stderr []byte
	Files          []File
	Removed        []string // outputs that a failed compile takes away
}

// File is one output.
type File struct {
	Path        string // absolute
	Data        []byte
	ByAssembler bool // replaces a file that is not empty, instead of writing into it
}

// Mode returns the permissions that the file will have once written over what is there now.
func (f File) Mode(umask uint32) fs.FileMode {
	if old, err := os.Stat(f.Path); err == nil && !(f.ByAssembler && old.Size() > 0) {
		return old.Mode().Perm()
	}
	return fs.FileMode(0o666 &^ umask)
}

// Write writes the file as gcc does. The umask of this process must be 0.
func (f File) Write(umask uint32) error {
	old, err := os.Stat(f.Path)
	if err == nil && f.ByAssembler && old.Size() > 0 {
		if err := os.Remove(f.Path); err != nil {
			return err
		}
	}
	return os.WriteFile(f.Path, f.Data, fs.FileMode(0o666&^umask))
}

// Getenv returns a variable of env; the first of two equal names counts.
func Getenv(env []string, name string) (string, bool) {
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			return v, true
		}
	}
	return "", false
}

// Abs joins a path to dir, and leaves it as it is spelled.
func Abs(dir, p string) string {
	if strings.HasPrefix(p, "/") {
		return p
	}
	return dir + "/" + p
}

// Run compiles and writes.
func (c *Call) Run() Answer {
	a := c.Answer()
	if a.Status != 0 {
		for _, p := range a.Removed {
			if fi, err := os.Lstat(p); err == nil && fi.Mode().IsRegular() {
				_ = os.Remove(p)
			}
		}
	}
	for _, f := range a.Files {
		if err := f.Write(c.Umask); err != nil {
			return Answer{Status: 1, Stderr: []byte("fatal error: " + err.Error() + "\n")}
		}
	}
	c.reach(Written)
	return a
}

// Answer does everything but write files.
func (c *Call) Answer() Answer {
	c.reach(Started)
	o, err := c.options()
	if err != nil {
		return c.failed(err.Error())
	}
	tools, err := c.tools(o)
	if err != nil {
		return c.failed(err.Error())
	}
	switch {
	case o.printProg != "":
		return Answer{Stdout: []byte(c.printProg(o.printProg) + "\n")}
	case o.printDirs:
		return Answer{Stdout: []byte(c.printSearchDirs())}
	case len(o.inputs) == 0:
		return c.failed("no input files")
	case o.preprocess && o.verbose:
		return Answer{Stderr: []byte(c.verbose(o, tools)), Stdout: []byte("# 0 \"/dev/null\"\n")}
	}
	return c.compile(o, tools)
}

func (c *Call) failed(why string) Answer {
	return Answer{Status: 1, Stderr: []byte(filepath.Base(c.Program) + ": fatal error: " + why + "\ncompilation terminated.\n")}
}

func (c *Call) reach(m Moment) {
	if c.Reached != nil {
		c.Reached(m)
	}
}

func (c *Call) getenv(name string) (string, bool) { return Getenv(c.Env, name) }

// abs joins a path to the working directory.
func (c *Call) abs(p string) string { return Abs(c.Dir, p) }

func (c *Call) read(p string) ([]byte, error) { return os.ReadFile(c.abs(p)) }

// sum stands for content or a value that must not show its text.
func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:12])
}
