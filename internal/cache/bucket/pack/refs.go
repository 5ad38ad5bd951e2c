package pack

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// A provenance is the uvarint length of its JSON and the JSON. A list of packs is its uvarint count and for each
//
//	uvarint length of the scope, scope, SHA-256 of the pack, uvarint size, uvarint time
//
// The time is in seconds since 1970, 0 where it is not known.

const maxTime = 253402300799 // the end of the year 9999, in seconds

// maxField bounds each text of a provenance, so that even with every byte escaped all of them stay below maxProvenance.
const maxField = 200

func appendProvenance(b []byte, p Provenance) ([]byte, error) {
	for _, field := range []*string{
		&p.Version, &p.Repository, &p.Ref, &p.Commit, &p.Run, &p.Attempt, &p.Job, &p.Actor, &p.Event, &p.Workflow, &p.Runner,
	} {
		*field = cut(*field)
	}
	text, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("provenance: %w", err)
	}
	b = binary.AppendUvarint(b, uint64(len(text)))
	return append(b, text...), nil
}

// cut returns at most maxField bytes of s, of whole characters.
func cut(s string) string {
	if len(s) > maxField {
		s = s[:maxField]
	}
	return strings.ToValidUTF8(s, "")
}

// provenance reads one. Fields that it does not know are no error: they may come without a new version.
func (p *parser) provenance() (Provenance, error) {
	var made Provenance
	text := p.take(uint64(p.number(maxProvenance)))
	if p.err != nil {
		return made, p.err
	}
	if err := json.Unmarshal(text, &made); err != nil {
		return made, corrupt("provenance: %w", err)
	}
	return made, nil
}

func appendRefs(b []byte, refs []Ref) ([]byte, error) {
	if len(refs) > MaxPacks {
		return nil, fmt.Errorf("%d packs, at most %d are allowed", len(refs), MaxPacks)
	}
	b = binary.AppendUvarint(b, uint64(len(refs)))
	known := make(map[refID]bool, len(refs))
	for _, r := range refs {
		if err := checkRef(r, known); err != nil {
			return nil, err
		}
		b = binary.AppendUvarint(b, uint64(len(r.Scope)))
		b = append(b, r.Scope...)
		b = appendKey(b, r.Sum)
		b = binary.AppendUvarint(b, uint64(r.Size))
		b = binary.AppendUvarint(b, uint64(seconds(r.Time)))
	}
	return b, nil
}

func (p *parser) refs() ([]Ref, error) {
	count := p.number(MaxPacks)
	var refs []Ref
	known := map[refID]bool{}
	for range count {
		r := Ref{Scope: string(p.take(uint64(p.number(MaxScope)))), Sum: p.key(), Size: p.number(MaxPack), Time: moment(p.number(maxTime))}
		if p.err != nil {
			return nil, p.err
		}
		if err := checkRef(r, known); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		refs = append(refs, r)
	}
	return refs, p.err
}

// refID is what may be in a list once.
type refID struct {
	scope string
	sum   digest.Key
}

func checkRef(r Ref, known map[refID]bool) error {
	if err := checkScope(r.Scope); err != nil {
		return err
	}
	if r.Size < magicSize+footerSize || r.Size > MaxPack {
		return fmt.Errorf("pack %s of %d bytes", r.Sum.Short(), r.Size)
	}
	if s := seconds(r.Time); s < 0 || s > maxTime {
		return fmt.Errorf("pack %s of the time %d", r.Sum.Short(), s)
	}
	id := refID{r.Scope, r.Sum}
	if known[id] {
		return fmt.Errorf("pack %s is named twice", r.Sum.Short())
	}
	known[id] = true
	return nil
}

// seconds returns t's seconds since 1970; 0 of the zero Time.
func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// moment is the reverse of seconds.
func moment(s int64) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}

// checkLocated holds a record of an index or a profile to the limits and to its pack. claimed counts the bytes of each pack that
// records lie in: records of one pack do not overlap, so a table whose records claim more than the pack has is a forgery that would
// make readers fetch the same bytes again and again.
func checkLocated(l Located, packs []Ref, claimed []int64) error {
	if err := checkSizes(l.Kind, l.Name, l.Sum, l.Size, l.Length); err != nil {
		return err
	}
	if l.Pack < 0 || l.Pack >= len(packs) {
		return corrupt("record in pack %d of %d", l.Pack, len(packs))
	}
	if err := checkPlace(l.Record, packs[l.Pack].Size); err != nil {
		return err
	}
	if claimed[l.Pack] += l.Length; claimed[l.Pack] > packs[l.Pack].Size {
		return corrupt("records that overlap in pack %s", packs[l.Pack].Sum.Short())
	}
	return nil
}
