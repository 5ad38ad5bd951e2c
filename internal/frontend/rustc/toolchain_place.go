package rustc

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// Programs find their parts from where they really lie, whatever their content: rustc its sysroot, drivers of linkers start files and libraries. Copies of
// a toolchain, of which a link names one, may share the very files that are equal in them.

// whereLies stands for the place of a compiler in the key of what is remembered of it: its directory, and what it is a link to.
func whereLies(program string, files frontend.Files) string {
	text := ""
	if in, err := files.Stat(filepath.Dir(program)); err == nil {
		text = fmt.Sprintf("\x00%d %d", in.Dev, in.Ino)
	}
	if to, err := os.Readlink(program); err == nil {
		text += "\x00" + to
	}
	return text
}

// lead is where a program's path really leads.
type lead struct{ path, real string }

// leadsAsBefore reports whether the paths of programs lead where they led when they were asked.
func (k *knownChain) leadsAsBefore() bool {
	return !slices.ContainsFunc(k.leads, func(l lead) bool {
		real, err := filepath.EvalSymlinks(l.path)
		return err != nil || real != l.real
	})
}

const withSource = "with the source of the standard library"

// placed returns the toolchain for a call. Where it lies counts if messages can name its source, or programs the way to its libraries. What a driver
// has libraries searched in counts for links: two drivers may be equal, and all that they start, and each have start files of its own.
func (k *knownChain) placed(c *compile.Compilation) *compile.Toolchain {
	var places []string
	if c.Detail.(*detail).rpath || slices.Contains(k.toolchain.Facts, withSource) {
		places = append(places, "sysroot at "+k.sysroot)
	}
	if tools, ok := k.toolchain.Detail.(*linkTools); ok && tools != nil {
		places = append(places, "libraries in "+strings.Join(tools.libDirs, ":"))
	}
	if places == nil {
		return k.toolchain
	}
	if home, _ := c.Getenv("HOME"); len(home) > 1 && home[0] == '/' {
		for i, place := range places {
			places[i] = strings.ReplaceAll(place, home+"/", "~/")
		}
	}
	tc := *k.toolchain
	tc.Facts = slices.Concat(tc.Facts, places)
	return &tc
}
