package cc

import (
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// absentSet collects names that must not exist. Most names are absent from the same leading part of the search list, so
// names with equal lists of directories make one group: a file of 400 headers and 20 directories needs some dozen groups
// instead of 16,000 pairs.
type absentSet struct {
	dirs  []string // by number
	dirNo map[string]int32
	names map[string][]int32 // directories by number, unsorted
}

func (a *absentSet) init() {
	a.dirNo = make(map[string]int32)
	a.names = make(map[string][]int32)
}

func (a *absentSet) add(p place) {
	no, ok := a.dirNo[p.dir]
	if !ok {
		no = int32(len(a.dirs))
		a.dirNo[p.dir] = no
		a.dirs = append(a.dirs, p.dir)
	}
	if list := a.names[p.name]; !slices.Contains(list, no) {
		a.names[p.name] = append(list, no)
	}
}

// groups returns the set in a form that depends on nothing but its members.
func (a *absentSet) groups() []compile.AbsentNames {
	sorted := slices.Clone(a.dirs)
	slices.Sort(sorted)
	rank := make([]int32, len(a.dirs))
	for i, dir := range sorted {
		rank[a.dirNo[dir]] = int32(i)
	}
	byDirs := make(map[string]*compile.AbsentNames)
	var key []byte
	for name, list := range a.names {
		for i := range list {
			list[i] = rank[list[i]]
		}
		slices.Sort(list)
		key = key[:0]
		for _, no := range list {
			key = append(key, byte(no), byte(no>>8), byte(no>>16))
		}
		group := byDirs[string(key)]
		if group == nil {
			group = &compile.AbsentNames{}
			for _, no := range list {
				group.Dirs = append(group.Dirs, sorted[no])
			}
			byDirs[string(key)] = group
		}
		group.Names = append(group.Names, name)
	}
	groups := make([]compile.AbsentNames, 0, len(byDirs))
	for _, group := range byDirs {
		slices.Sort(group.Names)
		groups = append(groups, *group)
	}
	slices.SortFunc(groups, func(x, y compile.AbsentNames) int {
		if c := slices.Compare(x.Dirs, y.Dirs); c != 0 {
			return c
		}
		return strings.Compare(x.Names[0], y.Names[0])
	})
	return groups
}
