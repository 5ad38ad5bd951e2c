package pack

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"sort"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// Table answers from an index's bytes, which it keeps and never copies: one of a million records costs no more memory than they do.
// It may be used from many goroutines.
type Table struct {
	b          []byte
	provenance Provenance
	packs      []Ref
	blobs      [shards]entries
	others     [shards]entries
	records    int
}

// entries are sorted records of one width.
type entries struct {
	b     []byte
	width int
}

// MaxFound bounds how many places of one name Find returns, the newest.
const MaxFound = 256

// OpenIndex checks an index, all of it, and keeps b, which must not change any more. Its errors are ErrVersion or ErrCorrupt.
func OpenIndex(b []byte) (*Table, error) {
	t, err := openIndex(b)
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	return t, nil
}

func openIndex(b []byte) (*Table, error) {
	if err := checkMagic(b, indexMagic); err != nil {
		return nil, err
	}
	if len(b) < indexHeader+sha256.Size || len(b) > MaxIndex {
		return nil, corrupt("an index of %d bytes", len(b))
	}
	body := b[:len(b)-sha256.Size]
	if sha256.Sum256(body) != [sha256.Size]byte(b[len(body):]) {
		return nil, corrupt("checksum of an index")
	}
	if body[8] > flagCheckpoint || body[9]|body[10]|body[11] != 0 {
		return nil, corrupt("flags of an index")
	}
	t := &Table{b: body}
	p := parser{b: body[indexHeader:]}
	var err error
	if t.provenance, err = p.provenance(); err != nil {
		return nil, err
	}
	if t.packs, err = p.refs(); err != nil {
		return nil, err
	}
	if !slices.IsSortedFunc(t.packs, compareRefs) {
		return nil, corrupt("packs out of order")
	}
	if start := len(body) - len(p.b); binary.BigEndian.Uint32(body[12:]) != uint32(start) {
		return nil, corrupt("shards do not begin at %d", start)
	}
	for i := range shards {
		counts := body[countsAt+8*i:]
		t.blobs[i] = p.entries(binary.BigEndian.Uint32(counts), blobEntry)
		t.others[i] = p.entries(binary.BigEndian.Uint32(counts[4:]), longEntry)
	}
	if p.err != nil {
		return nil, p.err
	}
	if len(p.b) != 0 {
		return nil, corrupt("%d bytes behind the shards", len(p.b))
	}
	claimed := make([]int64, len(t.packs))
	for i := range shards {
		for _, list := range []entries{t.blobs[i], t.others[i]} {
			if err := t.check(list, byte(i), claimed); err != nil {
				return nil, err
			}
		}
	}
	return t, nil
}

func (p *parser) entries(count uint32, width int) entries {
	return entries{p.take(uint64(count) * uint64(width)), width}
}

// check says whether a list's records belong into the shard, are sorted, and are what records may be.
func (t *Table) check(list entries, shard byte, claimed []int64) error {
	var before Located
	for i := range list.len() {
		l := list.at(i)
		switch {
		case list.name(i)[0] != shard:
			return corrupt("record %s in shard %#x", l.Name.Short(), shard)
		case (l.Kind == Blob) != (list.width == blobEntry):
			return corrupt("record %s of kind %d among others", l.Name.Short(), l.Kind)
		case i > 0 && compareLocated(before, l) >= 0:
			return corrupt("records out of order at %s", l.Name.Short())
		}
		if err := checkLocated(l, t.packs, claimed); err != nil {
			return err
		}
		if l.Kind.known() {
			t.records++
		}
		before = l
	}
	return nil
}

// Provenance says who made the index.
func (t *Table) Provenance() Provenance { return t.provenance }

// Checkpoint reports whether the index stands for all that were published before it.
func (t *Table) Checkpoint() bool { return t.b[8] == flagCheckpoint }

// Packs returns the packs, newest first. The caller must not change them.
func (t *Table) Packs() []Ref { return t.packs }

// Len returns how many records All yields.
func (t *Table) Len() int { return t.records }

// Find returns the places of what has a name, those in the newest packs first, at most MaxFound.
func (t *Table) Find(kind Kind, name digest.Key) []Located {
	sum := name.Sum()
	list := t.others[sum[0]]
	if kind == Blob {
		list = t.blobs[sum[0]]
	}
	n := list.len()
	first := sort.Search(n, func(i int) bool {
		order := bytes.Compare(list.name(i), sum[:])
		return order > 0 || order == 0 && list.kind(i) >= kind
	})
	var found []Located
	for i := first; i < n && len(found) < MaxFound && list.kind(i) == kind && bytes.Equal(list.name(i), sum[:]); i++ {
		found = append(found, list.at(i))
	}
	return found
}

// All yields the records of the known kinds, ordered by name, kind and pack.
func (t *Table) All() iter.Seq[Located] {
	return func(yield func(Located) bool) {
		for i := range shards {
			blobs, others := t.blobs[i], t.others[i]
			for b, o := 0, 0; b < blobs.len() || o < others.len(); {
				// Blob is the least of all kinds.
				var l Located
				if o == others.len() || b < blobs.len() && bytes.Compare(blobs.name(b), others.name(o)) <= 0 {
					l = blobs.at(b)
					b++
				} else {
					l = others.at(o)
					o++
				}
				if l.Kind.known() && !yield(l) {
					return
				}
			}
		}
	}
}

func (e entries) len() int {
	if e.width == 0 {
		return 0
	}
	return len(e.b) / e.width
}

func (e entries) name(i int) []byte { return e.b[i*e.width:][:keySize] }

func (e entries) tail(i int) []byte { return e.b[(i+1)*e.width-tailSize:][:tailSize] }

func (e entries) kind(i int) Kind { return Kind(e.tail(i)[0]) }

func (e entries) at(i int) Located {
	b := e.b[i*e.width:][:e.width]
	tail := b[e.width-tailSize:]
	l := Located{
		Record: Record{
			Kind:   Kind(tail[0]),
			Name:   keyAt(b),
			Offset: int64(binary.BigEndian.Uint32(tail[4:])),
			Length: int64(binary.BigEndian.Uint32(tail[8:])),
			Size:   int64(binary.BigEndian.Uint32(tail[12:])),
		},
		Pack: int(tail[1])<<16 | int(tail[2])<<8 | int(tail[3]),
	}
	l.Sum = l.Name
	if e.width == longEntry {
		l.Sum = keyAt(b[keySize:])
	}
	return l
}
