package search

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/engine"
)

// Plain is what the compiler alone does.
type Plain struct {
	Status         int
	Stdout, Stderr []byte
	Files          []Output
}

// Output is a file that a compile leaves.
type Output struct {
	Path string // absolute
	Data []byte
	Mode fs.FileMode // its permissions
}

// Wrong is a difference between the plain compiler and the engine.
type Wrong struct {
	What       string
	Got, Want  string
	Event      compile.Event
	Invocation *compile.Invocation
	Sets       []*compile.InputSet // of the compilation
}

// Compare tells what is wrong with what the engine's last answer came to, nil where nothing is. got is nil where the engine neither
// replayed nor ran the compiler.
func (s *Served) Compare(inv *compile.Invocation, got *engine.Replay, want Plain) *Wrong {
	differs := func(what, got, want string) *Wrong {
		w := &Wrong{What: what, Got: got, Want: want, Event: *s.Event, Invocation: inv}
		if id, err := digest.ParseKey(s.Event.Compilation); err == nil {
			w.Sets, _ = s.Store.InputSets(context.Background(), id)
		}
		return w
	}
	switch {
	case got == nil:
		return differs("neither replayed nor run", "", "")
	case got.Status != want.Status:
		return differs("status", fmt.Sprint(got.Status, " ", string(got.Stderr)), fmt.Sprint(want.Status, " ", string(want.Stderr)))
	case !bytes.Equal(got.Stderr, want.Stderr):
		return differs("stderr", string(got.Stderr), string(want.Stderr))
	case !bytes.Equal(got.Stdout, want.Stdout):
		return differs("stdout", string(got.Stdout), string(want.Stdout))
	}
	for _, f := range want.Files {
		data, err := os.ReadFile(f.Path)
		if err != nil {
			return differs(f.Path, err.Error(), "a file")
		}
		if !bytes.Equal(data, f.Data) {
			return differs(f.Path, string(data), string(f.Data))
		}
		fi, err := os.Stat(f.Path)
		if err != nil {
			return differs("mode of "+f.Path, err.Error(), f.Mode.String())
		}
		if got := fi.Mode().Perm(); got != f.Mode {
			return differs("mode of "+f.Path, got.String(), f.Mode.String())
		}
	}
	return nil
}

// FirstDifference shows where two texts part.
func FirstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := 0; i < len(g) || i < len(w); i++ {
		a, b := "(end)", "(end)"
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			return fmt.Sprintf("line %d:\n got: %.600q\nwant: %.600q\n", i+1, a, b)
		}
	}
	return "(equal)\n"
}
