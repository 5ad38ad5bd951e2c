package key

import (
	"bytes"
	"sync"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// Checks remembers expanded input sets, so that a hit neither builds paths nor asks for absent names again while the
// directories that lack them are unchanged. It may be used from many goroutines.
type Checks struct {
	mu    sync.Mutex
	sets  map[checkID]*expanded
	paths int
}

// maxPaths bounds the paths and names held by Checks: some 2,000 C++ files of 450 headers.
const maxPaths = 1_500_000

type checkID struct {
	set   *compile.InputSet
	roots string
}

// NewChecks returns an empty memory.
func NewChecks() *Checks { return &Checks{sets: map[checkID]*expanded{}} }

// expanded is an input set with the roots of an invocation.
type expanded struct {
	id    digest.Key
	files []*file

	mu     sync.Mutex
	absent []absentDir // guarded by mu; each directory once
}

type absentDir struct {
	path  string
	names []string
	ok    fileID // the directory's state in which names were found absent; zero for none
}

func (c *Checks) expand(state *State, set *compile.InputSet, roots Roots) (*expanded, *Mismatch) {
	id := checkID{set, rootsID(roots)}
	c.mu.Lock()
	x := c.sets[id]
	c.mu.Unlock()
	if x != nil {
		return x, nil
	}
	for _, name := range set.Bound {
		if _, ok := roots.path(name); !ok {
			return nil, &Mismatch{Root: name}
		}
	}
	name, err := SetID(set)
	if err != nil {
		return nil, &Mismatch{Root: err.Error()}
	}
	x = &expanded{id: name, files: make([]*file, len(set.Paths))}
	cost := len(set.Paths)
	for i, p := range set.Paths {
		full, ok := roots.ExpandPath(p)
		if !ok {
			return nil, &Mismatch{Root: p}
		}
		x.files[i] = state.file(full)
	}
	at := map[string]int{}
	for _, g := range set.Absent {
		for _, d := range g.Dirs {
			full, ok := roots.ExpandPath(d)
			if !ok {
				return nil, &Mismatch{Root: d}
			}
			i, ok := at[full]
			if !ok {
				i = len(x.absent)
				at[full] = i
				x.absent = append(x.absent, absentDir{path: full})
			}
			x.absent[i].names = append(x.absent[i].names, g.Names...)
		}
		cost += len(g.Dirs) * (1 + len(g.Names))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paths+cost > maxPaths {
		clear(c.sets)
		c.paths = 0
	}
	c.sets[id] = x
	c.paths += cost
	return x, nil
}

func rootsID(roots Roots) string {
	var b bytes.Buffer
	for _, r := range roots {
		b.WriteString(r.Name)
		b.WriteByte(0)
		b.WriteString(r.Path)
		b.WriteByte(0)
	}
	return b.String()
}

// appeared returns a name that should be absent and is not, "" for none.
func (x *expanded) appeared(s *View) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := range x.absent {
		d := &x.absent[i]
		fi, err := s.Stat(d.path)
		if err != nil {
			if missing(err) {
				continue
			}
			return d.path
		}
		if d.ok != (fileID{}) && d.ok == identity(fi) {
			continue
		}
		if name := s.firstPresent(d.path, d.names, fi); name != "" {
			return join(d.path, name)
		}
		if s.usable(fi, d.path, false) && s.old(fi, s.Now()) {
			d.ok = identity(fi)
		}
	}
	return ""
}

// fewNames is up to where names are asked for one by one: an lstat costs about 3.7 µs, a listing 0.5 µs per name in the
// directory, and directories that change between compiles (objects appear) are as large as the project.
const fewNames = 48

// firstPresent returns the first of names that dir has, "" for none.
func (s *State) firstPresent(dir string, names []string, fi frontend.FileInfo) string {
	l := s.listed(dir, fi)
	if l == nil && (len(names) > fewNames || s.worthListing(dir, fi)) {
		var err error
		if l, err = s.listIn(dir, fi); err != nil {
			return names[0]
		}
		if l == nil {
			return ""
		}
	}
	for _, n := range names {
		present := false
		if l != nil {
			_, present = l.set[n]
		} else {
			present = s.present(dir, n)
		}
		if present {
			return n
		}
	}
	return ""
}
