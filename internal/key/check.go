package key

import (
	"slices"
	"sort"
	"strconv"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// Current is the state of an input set now.
type Current struct {
	Key     digest.Key
	Digests []digest.Digest // of the set's paths, in order
}

// Mismatch is why an input set does not apply now. It is never an error: the next set is tried.
type Mismatch struct {
	Missing string // an input that cannot be read
	Present string // a name that should be absent
	Root    string // a root that this invocation has not
}

// Lookup checks the input sets of one compilation for one invocation. Each path is asked for once.
type Lookup struct {
	view   *View
	known  map[*file]answer // nil where there is one set
	recipe Recipe
	roots  Roots
	inv    *compile.Invocation
	checks *Checks
}

// NewLookup returns a lookup of n sets in a view. checks may be shared by all lookups of a daemon.
func NewLookup(view *View, checks *Checks, rec Recipe, roots Roots, inv *compile.Invocation, n int) *Lookup {
	l := &Lookup{view: view, recipe: rec, roots: roots, inv: inv, checks: checks}
	if n > 1 {
		l.known = make(map[*file]answer, 256)
	}
	return l
}

// answer is what a file turned out to hold.
type answer struct {
	digest digest.Digest
	info   frontend.FileInfo
	err    error
}

// ask returns what a file holds, the same for all sets.
func (l *Lookup) ask(f *file) (digest.Digest, frontend.FileInfo, error) {
	if l.known == nil {
		return l.view.currentFile(f)
	}
	a, ok := l.known[f]
	if !ok {
		a.digest, a.info, a.err = l.view.currentFile(f)
		l.known[f] = a
	}
	return a.digest, a.info, a.err
}

// Check computes the key of one set in its current state, or tells why the set does not apply.
func (l *Lookup) Check(set *compile.InputSet) (Current, *Mismatch) {
	x, m := l.checks.expand(l.view.State, set, l.roots)
	if m != nil {
		return Current{}, m
	}
	cur := Current{Digests: make([]digest.Digest, len(x.files))}
	var infos []frontend.FileInfo
	if len(set.Once) > 1 {
		infos = make([]frontend.FileInfo, len(x.files))
	}
	for i, f := range x.files {
		d, fi, err := l.ask(f)
		if err != nil {
			return Current{}, &Mismatch{Missing: f.path}
		}
		cur.Digests[i] = d
		if infos != nil {
			infos[i] = fi
		}
	}
	if name := x.appeared(l.view); name != "" {
		return Current{}, &Mismatch{Present: name}
	}
	cur.Key = keyOf(l.recipe, set, x.id, cur.Digests, infos, l.roots, l.inv)
	return cur, nil
}

func seenFile(fi frontend.FileInfo, d digest.Digest) lastSeen {
	return lastSeen{digest: d, dev: fi.Dev, ino: fi.Ino, nlink: fi.Nlink, mode: fi.Mode}
}

// keyOf writes what a key is behind its recipe: the set, then its state.
func keyOf(recipe Recipe, set *compile.InputSet, id digest.Key, digests []digest.Digest, infos []frontend.FileInfo, roots Roots, inv *compile.Invocation) digest.Key {
	b := make([]byte, 0, 256+len(digests)*40)
	b = append(b, "compile-cache key\n"...)
	sum := recipe.Key.Sum()
	b = append(b, sum[:]...)
	// The set's own name stands for its paths in order, absent names and variable names.
	sum = id.Sum()
	b = append(b, sum[:]...)
	for _, d := range digests {
		sum := d.Sum()
		b = append(b, sum[:]...)
	}
	for _, name := range set.Env {
		v, ok := inv.Getenv(name)
		switch {
		case !ok:
			b = append(b, "\nunset"...)
		case recipe.Mapped != nil && slices.Contains(recipe.Mapped, roots.Of(v)):
			b = append(b, "\nbelow a root "...)
			b = strconv.AppendQuote(b, roots.SpellPath(v))
		default:
			b = append(b, "\nset "...)
			b = strconv.AppendQuote(b, v)
		}
	}
	if infos != nil {
		b = appendOnce(b, set.Once, digests, infos)
	}
	for _, name := range set.Bound {
		p, _ := roots.path(name)
		b = append(b, "\nroot "...)
		b = strconv.AppendQuote(b, p)
	}
	return digest.KeyOf(b)
}

// appendOnce writes which files that hold #pragma once, of equal content, a compiler takes for one: gcc those of equal mtime, in
// whole seconds; clang those that are one inode by two names. Both divisions are written, since a set does not say whose
// it is; only sets with twins pay for it.
func appendOnce(b []byte, once []int, digests []digest.Digest, infos []frontend.FileInfo) []byte {
	first := make(map[digest.Digest]int, len(once))
	twins := false
	for _, i := range once {
		if _, ok := first[digests[i]]; ok {
			twins = true
		} else {
			first[digests[i]] = i
		}
	}
	if !twins {
		return b
	}
	// Each file is written with the first of its class.
	type bySecond struct {
		digest digest.Digest
		second int64
	}
	type byInode struct{ dev, ino uint64 }
	seconds, inodes := map[bySecond]int{}, map[byInode]int{}
	for _, i := range once {
		second := bySecond{digests[i], time.Unix(0, infos[i].Mtime).Unix()}
		if _, ok := seconds[second]; !ok {
			seconds[second] = i
		}
		inode := byInode{infos[i].Dev, infos[i].Ino}
		if _, ok := inodes[inode]; !ok {
			inodes[inode] = i
		}
		b = append(b, "\nonce "...)
		b = strconv.AppendInt(b, int64(seconds[second]), 10)
		b = append(b, ' ')
		b = strconv.AppendInt(b, int64(inodes[inode]), 10)
	}
	return b
}

// SetID returns the name of an input set: the SHA-256 of its stored form.
func SetID(set *compile.InputSet) (digest.Key, error) {
	b, err := compile.AppendInputSet(nil, set)
	return digest.KeyOf(b), err
}

// Spell turns what a front-end found into an input set bound to the given roots. Paths keep their order.
func Spell(in *frontend.Inputs, roots Roots, bound []string) *compile.InputSet {
	set := &compile.InputSet{Bound: bound, Once: in.Once, Env: slices.Clone(in.Env)}
	sort.Strings(set.Env)
	set.Env = slices.Compact(set.Env)
	set.Paths = make([]string, len(in.Paths))
	for i, p := range in.Paths {
		set.Paths[i] = roots.SpellPath(p)
	}
	for _, g := range in.Absent {
		ag := compile.AbsentNames{Names: g.Names, Dirs: make([]string, len(g.Dirs))}
		for i, d := range g.Dirs {
			ag.Dirs[i] = roots.SpellPath(d)
		}
		set.Absent = append(set.Absent, ag)
	}
	return set
}
