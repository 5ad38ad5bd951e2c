package bucket

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/pack"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// nameOf is what is looked for.
type nameOf struct {
	kind pack.Kind
	name digest.Key
}

// location is where a record lies.
type location struct {
	rec pack.Record
	in  *packFile
}

// packFile is a pack of the bucket, or one that is on its way there.
type packFile struct {
	scope Scope
	gone  atomic.Bool // the bucket has it no more

	mu    sync.Mutex
	ref   pack.Ref // zero Sum: not sealed yet
	local string   // path of its bytes in the outbox; "" once they are uploaded
	held  bool     // the bucket has it
}

// object returns the name of its object.
func (p *packFile) object() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return pack.PackName(p.scope.Root, p.scope.Name, p.ref.Sum)
}

func (p *packFile) state() (ref pack.Ref, local string, held bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ref, p.local, p.held
}

// catalogue is what is known of the bucket: in this order, what this process put or named, what the profile names, and what
// indexes name, newest first.
type catalogue struct {
	mu      sync.RWMutex
	packs   map[packID]*packFile // guarded by mu, as the rest
	own     map[nameOf][]location
	profile map[nameOf][]location
	tables  []table
	bad     map[badID]bool
}

type packID struct {
	scope Scope
	sum   digest.Key
}

type badID struct {
	in     *packFile
	offset int64
}

// table is an index, and for each of its packs the one of the catalogue; nil where it may not be read.
type table struct {
	*pack.Table
	packs []*packFile
}

func newCatalogue() *catalogue {
	return &catalogue{
		packs: map[packID]*packFile{}, own: map[nameOf][]location{}, profile: map[nameOf][]location{}, bad: map[badID]bool{},
	}
}

// find returns all places of a name, those to be preferred first.
func (c *catalogue) find(n nameOf) []location {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var all []location
	add := func(at location) {
		if !at.in.gone.Load() && !c.bad[badID{at.in, at.rec.Offset}] {
			all = append(all, at)
		}
	}
	for _, at := range c.own[n] {
		add(at)
	}
	for _, at := range c.profile[n] {
		add(at)
	}
	for _, t := range c.tables {
		for _, l := range t.Find(n.kind, n.name) {
			if in := t.packs[l.Pack]; in != nil {
				add(location{l.Record, in})
			}
		}
	}
	return all
}

// has reports whether a name has a place.
func (c *catalogue) has(n nameOf) bool { return len(c.find(n)) > 0 }

// inRoot returns the first place of a name below a root. Only there may our own indexes and profiles point.
func (c *catalogue) inRoot(n nameOf, root string) (location, bool) {
	for _, at := range c.find(n) {
		if at.in.scope.Root == root {
			return at, true
		}
	}
	return location{}, false
}

// prefer makes a place the first of its name.
func (c *catalogue) prefer(at location) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := nameOf{at.rec.Kind, at.rec.Name}
	others := slices.DeleteFunc(slices.Clone(c.own[n]), func(o location) bool { return o.rec.Sum == at.rec.Sum && o.in == at.in })
	c.own[n] = append([]location{at}, others...)
}

// reject takes a place out for good.
func (c *catalogue) reject(at location) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bad[badID{at.in, at.rec.Offset}] = true
}

// forgetOwn takes out the places of a pack that is lost before it was uploaded.
func (c *catalogue) forgetOwn(in *packFile) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n, all := range c.own {
		if all = slices.DeleteFunc(all, func(at location) bool { return at.in == in }); len(all) == 0 {
			delete(c.own, n)
		} else {
			c.own[n] = all
		}
	}
}

// resolve returns the packs that a foreign table names: those in readable scopes, nil for others. Ref.Scope is relative to root.
func (c *catalogue) resolve(root string, refs []pack.Ref, readable []Scope) []*packFile {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]*packFile, len(refs))
	for i, ref := range refs {
		scope := Scope{root, ref.Scope}
		if slices.Contains(readable, scope) {
			all[i] = c.packLocked(scope, ref)
		}
	}
	return all
}

func (c *catalogue) packLocked(scope Scope, ref pack.Ref) *packFile {
	id := packID{scope, ref.Sum}
	p := c.packs[id]
	if p == nil {
		p = &packFile{scope: scope, ref: ref, held: true}
		c.packs[id] = p
	}
	return p
}

// addProfile takes over the items of a profile and returns their places, in order; the zero location for one that may not be read.
func (c *catalogue) addProfile(packs []*packFile, items []pack.Item) []location {
	c.mu.Lock()
	defer c.mu.Unlock()
	places := make([]location, len(items))
	for i, item := range items {
		in := packs[item.Pack]
		if in == nil {
			continue
		}
		places[i] = location{item.Record, in}
		n := nameOf{item.Kind, item.Name}
		c.profile[n] = append(c.profile[n], places[i])
	}
	return places
}

// setTables replaces the indexes.
func (c *catalogue) setTables(tables []table) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tables = tables
}
