package pack

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
)

// Profile is what good runs of a job used, in the order of first use, so that the next one can fetch it ahead.
type Profile struct {
	Provenance Provenance
	Packs      []Ref
	Items      []Item
}

// A profile is "cc-prof" and the version, provenance, packs (refs.go), the uvarint count of items, the items, and the SHA-256 of all bytes
// before. An item is
//
//	kind, name, SHA-256 of the payload (not of a Blob, whose name it is),
//	varint pack, less the item before's,
//	varint offset, less the end of the last item of that pack (of the first one, less 8, where records begin),
//	uvarint length, uvarint size, uvarint age
//
// varint is a signed number in zigzag form. What ran in the order in which it was stored differs by zeroes.

// EncodeProfile returns the bytes of a profile, whose items keep their order. No two of them may overlap in a pack.
func EncodeProfile(p *Profile) ([]byte, error) {
	b, err := encodeProfile(p)
	if err != nil {
		return nil, fmt.Errorf("encode profile: %w", err)
	}
	return b, nil
}

func encodeProfile(p *Profile) ([]byte, error) {
	if err := checkItems(p.Items, p.Packs); err != nil {
		return nil, err
	}
	b, err := appendProvenance([]byte(profileMagic), p.Provenance)
	if err != nil {
		return nil, err
	}
	if b, err = appendRefs(b, p.Packs); err != nil {
		return nil, err
	}
	b = binary.AppendUvarint(b, uint64(len(p.Items)))
	ends, last := firstEnds(p.Packs), 0
	for _, i := range p.Items {
		b = append(b, byte(i.Kind))
		b = appendKey(b, i.Name)
		if i.Kind != Blob {
			b = appendKey(b, i.Sum)
		}
		b = binary.AppendVarint(b, int64(i.Pack-last))
		b = binary.AppendVarint(b, i.Offset-ends[i.Pack])
		b = binary.AppendUvarint(b, uint64(i.Length))
		b = binary.AppendUvarint(b, uint64(i.Size))
		b = binary.AppendUvarint(b, uint64(i.Age))
		ends[i.Pack], last = i.Offset+i.Length, i.Pack
	}
	sum := sha256.Sum256(b)
	if b = append(b, sum[:]...); len(b) > MaxProfile {
		return nil, fmt.Errorf("it has %d bytes, at most %d are allowed", len(b), MaxProfile)
	}
	return b, nil
}

// ParseProfile checks and reads a profile; items of unknown kinds are left out. Its errors are ErrVersion or ErrCorrupt.
func ParseProfile(b []byte) (*Profile, error) {
	p, err := parseProfile(b)
	if err != nil {
		return nil, fmt.Errorf("parse profile: %w", err)
	}
	return p, nil
}

func parseProfile(b []byte) (*Profile, error) {
	if err := checkMagic(b, profileMagic); err != nil {
		return nil, err
	}
	if len(b) < magicSize+sha256.Size || len(b) > MaxProfile {
		return nil, corrupt("a profile of %d bytes", len(b))
	}
	body := b[:len(b)-sha256.Size]
	if sha256.Sum256(body) != [sha256.Size]byte(b[len(body):]) {
		return nil, corrupt("checksum of a profile")
	}
	in := parser{b: body[magicSize:]}
	profile := &Profile{}
	var err error
	if profile.Provenance, err = in.provenance(); err != nil {
		return nil, err
	}
	if profile.Packs, err = in.refs(); err != nil {
		return nil, err
	}
	ends, last := firstEnds(profile.Packs), 0
	for range in.number(MaxProfile) {
		i, err := in.item(ends, last)
		if err != nil {
			return nil, err
		}
		ends[i.Pack], last = i.Offset+i.Length, i.Pack
		profile.Items = append(profile.Items, i)
	}
	if in.err != nil {
		return nil, in.err
	}
	if len(in.b) != 0 {
		return nil, corrupt("%d bytes behind the items", len(in.b))
	}
	if err := checkItems(profile.Items, profile.Packs); err != nil {
		return nil, err
	}
	profile.Items = slices.DeleteFunc(profile.Items, func(i Item) bool { return !i.Kind.known() })
	return profile, nil
}

func (p *parser) item(ends []int64, last int) (Item, error) {
	i := Item{}
	i.Kind, i.Name = Kind(p.byte()), p.key()
	i.Sum = i.Name
	if i.Kind != Blob {
		i.Sum = p.key()
	}
	delta := p.varint()
	if delta < -MaxPacks || delta > MaxPacks {
		p.fail("an item's pack")
	}
	i.Pack = last + int(delta)
	if i.Pack < 0 || i.Pack >= len(ends) {
		p.fail("an item's pack")
	} else {
		// An offset that overflows is one outside of its pack, which checkItems finds.
		i.Offset = ends[i.Pack] + p.varint()
	}
	i.Length, i.Size, i.Age = p.number(MaxRecord+headerSize), p.number(MaxRecord), int(p.number(MaxAge))
	return i, p.err
}

// firstEnds returns where the first record of each pack lies.
func firstEnds(packs []Ref) []int64 {
	ends := make([]int64, len(packs))
	for i := range ends {
		ends[i] = magicSize
	}
	return ends
}

// checkItems holds items to the limits and to their packs, and sees that no two overlap: each byte of a pack is fetched once.
func checkItems(items []Item, packs []Ref) error {
	type span struct {
		pack           uint32
		offset, length uint32
	}
	spans := make([]span, 0, len(items))
	claimed := make([]int64, len(packs))
	for _, i := range items {
		if err := checkLocated(i.Located, packs, claimed); err != nil {
			return err
		}
		if i.Age < 0 || i.Age > MaxAge {
			return corrupt("item of age %d", i.Age)
		}
		spans = append(spans, span{uint32(i.Pack), uint32(i.Offset), uint32(i.Length)})
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.pack, b.pack), cmp.Compare(a.offset, b.offset)) })
	for n := 1; n < len(spans); n++ {
		if a, b := spans[n-1], spans[n]; a.pack == b.pack && b.offset-a.offset < a.length {
			return corrupt("items that overlap at %d of pack %s", b.offset, packs[b.pack].Sum.Short())
		}
	}
	return nil
}
