package toolchain

import (
	"os"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// Key names a question: which compiler, asked what, under which circumstances. A compiler finds its parts relative to where it lies, so a
// link that leads to an equal program elsewhere is another compiler; and of copies of a toolchain that share the files that are equal in
// them, a link may name one or another, so the directory and what the program is a link to count too.
type Key struct {
	program digest.Digest
	file    identity
	dir     identity
	link    string
	rest    string
}

type identity struct{ dev, ino uint64 }

// KeyOf returns the key of what is asked of a compilation's program. rest is all else that decides the answer: the program's path, arguments,
// variables.
func KeyOf(c *compile.Compilation, files frontend.Files, rest string) (Key, error) {
	fi, err := files.Stat(c.Program)
	if err != nil {
		return Key{}, compile.Refuse(compile.ReasonCompiler, c.Program)
	}
	program, err := files.ToolDigest(c.Program)
	if err != nil {
		return Key{}, compile.Refuse(compile.ReasonCompiler, c.Program)
	}
	k := Key{program: program, file: identity{fi.Dev, fi.Ino}, rest: rest}
	dir, _ := frontend.Split(c.Program)
	if in, err := files.Stat(dir); err == nil {
		k.dir = identity{in.Dev, in.Ino}
	}
	if to, err := os.Readlink(c.Program); err == nil {
		k.link = to
	}
	return k, nil
}

// With returns the key of what is asked besides.
func (k Key) With(more string) Key {
	k.rest += more
	return k
}

// Instead returns the key of another question about the same program.
func (k Key) Instead(rest string) Key {
	k.rest = rest
	return k
}

// HasRelative reports whether the value of a variable that lists paths depends on the working directory: the key must have that then.
func HasRelative(variable, value string) bool {
	separators := ":"
	switch variable {
	case "LD_LIBRARY_PATH":
		separators = ":;"
	case "LD_PRELOAD", "LD_AUDIT":
		separators = ": "
	}
	if value == "" && strings.HasPrefix(variable, "LD_") {
		return false // as if it were not set
	}
	for {
		if !strings.HasPrefix(value, "/") {
			return true
		}
		i := strings.IndexAny(value, separators)
		if i < 0 {
			return false
		}
		value = value[i+1:]
	}
}
