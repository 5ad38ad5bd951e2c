//go:build unix

package oracle

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// searchDir is one element of the search list.
type searchDir struct {
	path     string
	system   bool
	dev, ino uint64
}

// searchList builds the list as gcc's merge_include_chains does: system directories and those after them lose their own
// duplicates, -I directories those that are system ones too, and quote directories a last one that starts the -I list.
func (p *preprocessor) searchList() {
	c, o := p.call, p.opts
	quote := p.existing(o.quote, false)
	angle := p.existing(append(append([]string(nil), o.angle...), c.list("CPATH")...), false)
	system := append([]string(nil), o.system...)
	if c.languageOf(o) == "c++" {
		system = append(system, c.list("CPLUS_INCLUDE_PATH")...)
	} else {
		system = append(system, c.list("C_INCLUDE_PATH")...)
	}
	if !o.noStandard {
		system = append(system, c.standardDirs()...)
	}
	sys := unique(p.existing(append(system, o.after...), true), nil, nil)
	angle = unique(angle, sys, sys)
	angle = append(angle, sys...)
	quote = unique(quote, nil, angle)
	p.chain = append(quote, angle...)
	p.bracket = len(quote)
}

func (p *preprocessor) existing(paths []string, system bool) []searchDir {
	var dirs []searchDir
	for _, path := range paths {
		var st syscall.Stat_t
		if syscall.Stat(p.call.abs(path), &st) != nil || st.Mode&syscall.S_IFMT != syscall.S_IFDIR {
			p.missing = append(p.missing, path)
			continue
		}
		dirs = append(dirs, searchDir{path: path, system: system, dev: uint64(st.Dev), ino: st.Ino})
	}
	return dirs
}

func (d searchDir) same(e searchDir) bool { return d.dev == e.dev && d.ino == e.ino }

// unique drops what occurs in other, or earlier in dirs, or is the last of dirs and the first of what follows it.
func unique(dirs, other, follows []searchDir) []searchDir {
	var out []searchDir
	for i, d := range dirs {
		drop := i == len(dirs)-1 && len(follows) > 0 && d.same(follows[0])
		for _, e := range other {
			drop = drop || d.same(e)
		}
		for _, e := range out {
			drop = drop || d.same(e)
		}
		if !drop {
			out = append(out, d)
		}
	}
	return out
}

// opened is a file as the preprocessor found it.
type opened struct {
	path     string // as gcc spells it
	id       string // one per place that it was looked for
	at       int    // its index in the search list; -1 for the includer's directory
	system   bool
	content  []byte
	info     os.FileInfo
	compiled bool // content is that of a precompiled header
	once     bool
}

// lookup is what is looked for.
type lookup struct {
	name        string
	angle       bool
	from        *opened // the includer; nil for the command line
	next        bool    // start behind where the includer was found
	precompiled bool    // a precompiled header beside it counts
}

// find looks for a file along the search list.
func (p *preprocessor) find(l lookup) (*opened, bool) {
	if strings.HasPrefix(l.name, "/") {
		return p.open(l, "", l.name, -1, false)
	}
	start := 0
	switch {
	case l.next && l.from != nil && l.from != p.main:
		start = l.from.at + 1
	case l.angle:
		start = p.bracket
	default:
		dir, system := "", false
		if l.from != nil {
			dir, system = l.from.path[:strings.LastIndexByte(l.from.path, '/')+1], l.from.system
		} else {
			dir = "./"
		}
		if f, ok := p.open(l, dir, dir+l.name, -1, system); ok {
			return f, true
		}
	}
	for i := start; i < len(p.chain); i++ {
		d := p.chain[i]
		if f, ok := p.open(l, d.path, strings.TrimSuffix(d.path, "/")+"/"+l.name, i, d.system); ok {
			return f, true
		}
	}
	return nil, false
}

// nowhere reports whether a search has no directory left at all, which gcc takes for an error even in a condition.
func (p *preprocessor) nowhere(l lookup) bool {
	return l.next && l.from != nil && l.from != p.main && l.from.at+1 >= len(p.chain)
}

// open opens one candidate.
func (p *preprocessor) open(l lookup, dir, path string, at int, system bool) (*opened, bool) {
	f := &opened{path: path, id: string(rune('a'+at)) + dir + "\x00" + l.name, at: at, system: system}
	full := p.call.abs(path)
	if l.precompiled {
		if fi, err := os.Stat(full + ".gch"); err == nil && fi.Mode().IsRegular() {
			if f.content, err = os.ReadFile(full + ".gch"); err == nil {
				f.info, f.compiled, f.path = fi, true, path+".gch"
				return f, true
			}
		}
	}
	file, err := os.Open(full)
	if err != nil {
		return nil, false
	}
	defer file.Close()
	if f.info, err = file.Stat(); err != nil || f.info.IsDir() {
		return nil, false
	}
	f.content = make([]byte, f.info.Size())
	if _, err := io.ReadFull(file, f.content); err != nil {
		return nil, false
	}
	if system && at >= 0 {
		// gcc spells a system header by its real path where that is shorter.
		if real, err := filepath.EvalSymlinks(full); err == nil && len(real) < len(path) {
			f.path = real
		}
	}
	return f, true
}

// twin returns a file that gcc takes for f: same size, content and second of modification, and read once only.
func (p *preprocessor) twin(f *opened, importing bool) bool {
	for _, g := range p.files {
		if g != f && (importing || g.once) && g.info.Size() == f.info.Size() && g.info.ModTime().Unix() == f.info.ModTime().Unix() &&
			string(g.content) == string(f.content) {
			return true
		}
	}
	return false
}
