package key

import (
	"slices"
	"strconv"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// Listed names the directories of a list of further roots: root1, root2 and so on.
func Listed(dirs []string) []compile.Root {
	var roots []compile.Root
	for i, dir := range dirs {
		roots = append(roots, compile.Root{Name: "root" + strconv.Itoa(i+1), Path: dir})
	}
	return roots
}

// Mappable returns the roots for which prefix maps can be given: all, or only those at the given directories. A
// path with bytes that compilers escape is none of them: outputs depend on it in any case.
func (rs Roots) Mappable(dirs []string) Roots {
	awkward := rs.Awkward()
	var out Roots
	for _, r := range rs {
		if (dirs == nil || slices.Contains(dirs, r.Path)) && !slices.Contains(awkward, r.Name) {
			out = append(out, r)
		}
	}
	return out
}

// boundByMaps returns the roots on which outputs depend since a prefix map among the arguments ends before the root's path
// does: it leaves the rest of that path in outputs, where no scan knows it. -fdebug-prefix-map=/home/u=. makes of
// /home/u/proj/a.c ./proj/a.c. A later map of the root itself takes precedence.
func (rs Roots) boundByMaps(args []string) []string {
	var bound []string
	for _, r := range rs {
		var shorter map[string]bool // kinds of maps that end before the root
		for _, arg := range args {
			kind, value, ok := strings.Cut(arg, "-prefix-map=")
			if !ok || !strings.HasPrefix(arg, "-f") {
				if value, ok = strings.CutPrefix(arg, "--remap-path-prefix="); !ok {
					continue
				}
				kind = "-ffile" // rustc's, in everything
			}
			from, _, _ := strings.Cut(value, "=")
			switch {
			case from == r.Path && kind == "-ffile":
				clear(shorter)
			case from == r.Path:
				delete(shorter, kind)
			case strings.HasPrefix(r.Path, from):
				if shorter == nil {
					shorter = map[string]bool{}
				}
				shorter[kind] = true
			}
		}
		if len(shorter) > 0 {
			bound = append(bound, r.Name)
		}
	}
	return bound
}

// insideMapped returns the roots that are not mapped and lie below one that is: the rest of their path is left in outputs.
func (rs Roots) insideMapped(mapped []string) []string {
	var bound []string
	for _, r := range rs {
		if slices.Contains(mapped, r.Name) {
			continue
		}
		if slices.ContainsFunc(rs, func(o Root) bool { return slices.Contains(mapped, o.Name) && within(r.Path, o.Path) }) {
			bound = append(bound, r.Name)
		}
	}
	return bound
}
