package pack

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// Index is the table of all records of some packs: those of one publication, or of a checkpoint, which stands for all indexes
// before it.
type Index struct {
	Provenance Provenance
	Checkpoint bool
	Packs      []Ref
	Records    []Located
}

// An index is
//
//	   0    8  "cc-indx" and the version
//	   8    1  flags: 1 a checkpoint
//	   9    3  zero
//	  12    4  offset of the first shard
//	  16 2048  for each of 256 shards: count of its blobs (4 bytes), count of its other records (4 bytes)
//	2064       provenance, packs (refs.go)
//	           shards
//	  -32  32  SHA-256 of all bytes before
//
// A shard holds the records whose name begins with its number: first the blobs, 48 bytes each, then the others, 80 bytes each.
// Both are sorted by name, kind, pack and offset, no two are equal, and lower packs are newer:
//
//	name 32, [SHA-256 of the payload 32,] kind 1, pack 3, offset 4, length 4, size 4
const (
	shards      = 256
	countsAt    = 16
	indexHeader = countsAt + shards*8

	tailSize  = 16
	blobEntry = keySize + tailSize
	longEntry = 2*keySize + tailSize

	flagCheckpoint = 1
)

// EncodeIndex returns the bytes of an index. The order of x's packs and records does not matter: the bytes are the same for each. A
// pack may be named once; records that are told twice are stored once. x is not changed.
func EncodeIndex(x *Index) ([]byte, error) {
	b, err := encodeIndex(x)
	if err != nil {
		return nil, fmt.Errorf("encode index: %w", err)
	}
	return b, nil
}

func encodeIndex(x *Index) ([]byte, error) {
	packs, place := sortRefs(x.Packs)
	all := make([]Located, len(x.Records))
	for i, l := range x.Records {
		if l.Pack < 0 || l.Pack >= len(place) {
			return nil, fmt.Errorf("record %s in pack %d of %d", l.Name.Short(), l.Pack, len(place))
		}
		all[i] = l
		all[i].Pack = place[l.Pack]
	}
	slices.SortFunc(all, compareLocated)
	all = slices.Compact(all)

	b := make([]byte, indexHeader, indexHeader+len(x.Packs)*80+len(all)*longEntry)
	copy(b, indexMagic)
	if x.Checkpoint {
		b[8] = flagCheckpoint
	}
	b, err := appendProvenance(b, x.Provenance)
	if err != nil {
		return nil, err
	}
	if b, err = appendRefs(b, packs); err != nil {
		return nil, err
	}
	binary.BigEndian.PutUint32(b[12:], uint32(len(b)))

	claimed := make([]int64, len(packs))
	for rest := all; len(rest) > 0; {
		shard := shardOf(rest[0])
		n := 0
		for n < len(rest) && shardOf(rest[n]) == shard {
			if err := checkLocated(rest[n], packs, claimed); err != nil {
				return nil, err
			}
			n++
		}
		var blobs uint32
		for _, l := range rest[:n] {
			if l.Kind == Blob {
				b = appendEntry(b, l)
				blobs++
			}
		}
		for _, l := range rest[:n] {
			if l.Kind != Blob {
				b = appendEntry(b, l)
			}
		}
		counts := b[countsAt+8*int(shard):]
		binary.BigEndian.PutUint32(counts, blobs)
		binary.BigEndian.PutUint32(counts[4:], uint32(n)-blobs)
		rest = rest[n:]
	}
	sum := sha256.Sum256(b)
	if b = append(b, sum[:]...); len(b) > MaxIndex {
		return nil, fmt.Errorf("it has %d bytes, at most %d are allowed", len(b), MaxIndex)
	}
	return b, nil
}

func appendEntry(b []byte, l Located) []byte {
	b = appendKey(b, l.Name)
	if l.Kind != Blob {
		b = appendKey(b, l.Sum)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(l.Kind)<<24|uint32(l.Pack))
	b = binary.BigEndian.AppendUint32(b, uint32(l.Offset))
	b = binary.BigEndian.AppendUint32(b, uint32(l.Length))
	return binary.BigEndian.AppendUint32(b, uint32(l.Size))
}

func shardOf(l Located) byte {
	name := l.Name.Sum()
	return name[0]
}

// sortRefs returns refs newest first, and for each of them its place there.
func sortRefs(refs []Ref) (sorted []Ref, place []int) {
	order := make([]int, len(refs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return compareRefs(refs[i], refs[j]) })
	sorted, place = make([]Ref, len(refs)), make([]int, len(refs))
	for to, from := range order {
		sorted[to], place[from] = refs[from], to
	}
	return sorted, place
}

func compareRefs(a, b Ref) int {
	aSum, bSum := a.Sum.Sum(), b.Sum.Sum()
	return cmp.Or(cmp.Compare(seconds(b.Time), seconds(a.Time)), strings.Compare(a.Scope, b.Scope), bytes.Compare(aSum[:], bSum[:]))
}

func compareLocated(a, b Located) int {
	aName, bName := a.Name.Sum(), b.Name.Sum()
	return cmp.Or(bytes.Compare(aName[:], bName[:]), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Pack, b.Pack), cmp.Compare(a.Offset, b.Offset))
}
