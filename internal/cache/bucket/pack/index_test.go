package pack

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

var someone = Provenance{Version: "1.2.3", Repository: "acme/app", Run: "4711", Job: "build <linux>"}

func ref(scope string, n int, at int64) Ref {
	return Ref{Scope: scope, Sum: keyOf(fmt.Sprint("pack ", n)), Size: 1 << 20, Time: moment(at)}
}

func located(kind Kind, name, payload string, pack int, offset int64) Located {
	l := Located{Record{Kind: kind, Name: keyOf(name), Sum: keyOf(payload), Size: 100, Offset: offset, Length: 150}, pack}
	if kind == Blob {
		l.Sum = l.Name
	}
	return l
}

// sample has one name in several packs, several sets of one name, and names of equal first bytes.
func sample() *Index {
	x := &Index{
		Provenance: someone,
		Packs:      []Ref{ref("trusted/main", 1, 1000), ref("pr/17", 2, 3000), ref("trusted/main", 3, 2000), ref("local", 4, 0)},
	}
	for i := range 4 {
		at := int64(magicSize)
		add := func(l Located) {
			l.Pack, l.Offset = i, at
			at += l.Length
			x.Records = append(x.Records, l)
		}
		add(located(Blob, "shared", "", 0, 0))
		add(located(InputSet, "compilation", "set", 0, 0))
		add(located(InputSet, "compilation", fmt.Sprint("set ", i), 0, 0))
		add(located(Result, "shared", "result", 0, 0))
		for n := range 20 {
			add(located(Blob, fmt.Sprint("blob ", i, n), "", 0, 0))
			add(located(Result, fmt.Sprint("key ", i, n), fmt.Sprint("payload ", n), 0, 0))
		}
	}
	return x
}

func sampleIndex(t testing.TB) []byte {
	t.Helper()
	b, err := EncodeIndex(sample())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// indexOf is the reverse of OpenIndex.
func indexOf(t *Table) *Index {
	return &Index{Provenance: t.Provenance(), Checkpoint: t.Checkpoint(), Packs: t.Packs(), Records: slices.Collect(t.All())}
}

func TestIndexRoundTrip(t *testing.T) {
	for _, x := range []*Index{{}, {Checkpoint: true, Packs: []Ref{ref("local", 1, 5)}}, sample()} {
		b, err := EncodeIndex(x)
		if err != nil {
			t.Fatal(err)
		}
		table, err := OpenIndex(b)
		if err != nil {
			t.Fatal(err)
		}
		if table.Len() != len(x.Records) || table.Checkpoint() != x.Checkpoint || table.Provenance() != x.Provenance {
			t.Errorf("table of %d records, checkpoint %v, by %v; want %d, %v, %v",
				table.Len(), table.Checkpoint(), table.Provenance(), len(x.Records), x.Checkpoint, x.Provenance)
		}
		again, err := EncodeIndex(indexOf(table))
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("encoded again: %v, want the same %d bytes", err, len(b))
		}
		// In another order it is the same index.
		shuffled := &Index{Provenance: x.Provenance, Checkpoint: x.Checkpoint, Packs: slices.Clone(x.Packs)}
		slices.Reverse(shuffled.Packs)
		for _, l := range x.Records {
			l.Pack = len(x.Packs) - 1 - l.Pack
			shuffled.Records = append(shuffled.Records, l, l)
		}
		rand.Shuffle(len(shuffled.Records), func(i, j int) {
			shuffled.Records[i], shuffled.Records[j] = shuffled.Records[j], shuffled.Records[i]
		})
		if again, err := EncodeIndex(shuffled); err != nil || !bytes.Equal(again, b) {
			t.Errorf("shuffled and with each record twice: %v, want the same %d bytes", err, len(b))
		}
	}
}

func TestFind(t *testing.T) {
	x := sample()
	table, err := OpenIndex(sampleIndex(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kind Kind
		name string
		want []string // scope and number of the packs
	}{
		{Blob, "shared", []string{"pr/17 3000", "trusted/main 2000", "trusted/main 1000", "local 0"}},
		{Result, "shared", []string{"pr/17 3000", "trusted/main 2000", "trusted/main 1000", "local 0"}},
		{InputSet, "shared", nil},
		{Note, "shared", nil},
		{0, "shared", nil},
		{200, "shared", nil},
		{InputSet, "compilation", []string{
			"pr/17 3000", "pr/17 3000", "trusted/main 2000", "trusted/main 2000", "trusted/main 1000", "trusted/main 1000", "local 0", "local 0",
		}},
		{Result, "key 2 5", []string{"trusted/main 2000"}},
		{Blob, "key 2 5", nil},
		{Blob, "unheard of", nil},
	} {
		var got []string
		for _, l := range table.Find(c.kind, keyOf(c.name)) {
			pack := table.Packs()[l.Pack]
			got = append(got, fmt.Sprint(pack.Scope, " ", seconds(pack.Time)))
		}
		if !cmp.Equal(got, c.want) {
			t.Errorf("Find(%d, %q) = %v, want %v", c.kind, c.name, got, c.want)
		}
	}
	for _, want := range x.Records {
		found := slices.ContainsFunc(table.Find(want.Kind, want.Name), func(l Located) bool {
			return l.Record == want.Record && table.Packs()[l.Pack] == x.Packs[want.Pack]
		})
		if !found {
			t.Errorf("Find does not find %+v", want)
		}
	}
	for range table.All() {
		break
	}
}

// TestFindIsBounded makes an index of one name.
func TestFindIsBounded(t *testing.T) {
	x := &Index{Packs: []Ref{ref("local", 1, 1)}}
	for i := range 1000 {
		l := located(InputSet, "one", fmt.Sprint(i), 0, magicSize+150*int64(i))
		x.Records = append(x.Records, l)
	}
	b, err := EncodeIndex(x)
	if err != nil {
		t.Fatal(err)
	}
	table, err := OpenIndex(b)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(table.Find(InputSet, keyOf("one"))); got != MaxFound {
		t.Errorf("Find returns %d records, want %d", got, MaxFound)
	}
}

func TestGoldenIndexAndProfile(t *testing.T) {
	for name, b := range map[string][]byte{"index.hex": sampleIndex(t), "profile.hex": sampleProfile(t)} {
		file := filepath.Join("testdata", name)
		if *update {
			writeHex(t, file, b)
		}
		if want := readHex(t, file); !bytes.Equal(b, want) {
			t.Errorf("%s is not what is encoded today", file)
		}
	}
}

func TestEveryFlipAndLength(t *testing.T) {
	for name, c := range map[string]struct {
		b     []byte
		parse func([]byte) error
	}{
		"index":   {sampleIndex(t), func(b []byte) error { _, err := OpenIndex(b); return err }},
		"profile": {sampleProfile(t), func(b []byte) error { _, err := ParseProfile(b); return err }},
	} {
		t.Run(name, func(t *testing.T) {
			for i := range c.b {
				c.b[i] ^= 1 << (i % 8)
				if err := c.parse(c.b); !isOurs(err) {
					t.Errorf("with byte %d flipped: %v, want an error", i, err)
				}
				// A forger puts the checksum right: then it may parse, and must not panic.
				c.parse(sealed(c.b))
				c.b[i] ^= 1 << (i % 8)
				if err := c.parse(c.b[:i]); !isOurs(err) {
					t.Errorf("cut to %d bytes: %v, want an error", i, err)
				}
				if i > magicSize && i < len(c.b)-sha256.Size {
					if err := c.parse(sealed(append(bytes.Clone(c.b[:i]), make([]byte, sha256.Size)...))); !isOurs(err) {
						t.Errorf("cut to %d bytes and sealed: %v, want an error", i, err)
					}
				}
			}
			if err := c.parse(append(bytes.Clone(c.b), 0)); !isOurs(err) {
				t.Errorf("with a byte behind it: %v, want an error", err)
			}
			if err := c.parse(c.b); err != nil {
				t.Errorf("unchanged: %v", err)
			}
		})
	}
}

// sealed returns a copy of b with the checksum at its end put right.
func sealed(b []byte) []byte {
	b = bytes.Clone(b)
	if len(b) < sha256.Size {
		return b
	}
	sum := sha256.Sum256(b[:len(b)-sha256.Size])
	copy(b[len(b)-sha256.Size:], sum[:])
	return b
}

// shardsOf lays out an index by hand, so that its order and its counts may be wrong.
func shardsOf(t *testing.T, packs []Ref, records []Located, counts map[byte][2]uint32) []byte {
	t.Helper()
	b := make([]byte, indexHeader)
	copy(b, indexMagic)
	b, err := appendProvenance(b, someone)
	if err != nil {
		t.Fatal(err)
	}
	if b, err = appendRefs(b, packs); err != nil {
		t.Fatal(err)
	}
	binary.BigEndian.PutUint32(b[12:], uint32(len(b)))
	for _, l := range records {
		b = appendEntry(b, l)
	}
	for shard, c := range counts {
		binary.BigEndian.PutUint32(b[countsAt+8*int(shard):], c[0])
		binary.BigEndian.PutUint32(b[countsAt+8*int(shard)+4:], c[1])
	}
	return sealed(append(b, make([]byte, sha256.Size)...))
}

func TestForgedIndexes(t *testing.T) {
	named := func(first byte, n byte, kind Kind, offset, length, size int64, pack int) Located {
		name := digest.KeyFromSum([32]byte{first, n})
		return Located{Record{kind, name, name, size, offset, length}, pack}
	}
	packs := []Ref{ref("local", 1, 9), ref("local", 2, 8)}
	one := func(l Located) []Located { return []Located{l} }
	good := named(3, 1, Result, 8, 150, 100, 0)
	for _, c := range []struct {
		name    string
		packs   []Ref
		records []Located
		counts  map[byte][2]uint32
		want    string
	}{
		{"honest", packs, one(good), map[byte][2]uint32{3: {0, 1}}, ""},
		{"of an unknown kind", packs, one(named(3, 1, 200, 8, 150, 100, 0)), map[byte][2]uint32{3: {0, 1}}, ""},
		{"in the wrong shard", packs, one(good), map[byte][2]uint32{4: {0, 1}}, "in shard"},
		{"too few counted", packs, one(good), nil, "behind the shards"},
		{"too many counted", packs, one(good), map[byte][2]uint32{3: {0, 2}}, "ends early"},
		{"2^32-1 counted", packs, one(good), map[byte][2]uint32{3: {1<<32 - 1, 1<<32 - 1}}, "ends early"},
		{"unsorted", packs, []Located{named(3, 2, Result, 8, 150, 100, 0), named(3, 1, Result, 158, 150, 100, 0)}, map[byte][2]uint32{3: {0, 2}}, "out of order"},
		{"twice", packs, []Located{good, good}, map[byte][2]uint32{3: {0, 2}}, "out of order"},
		{"older pack first", packs, []Located{named(3, 1, Result, 8, 150, 100, 1), good}, map[byte][2]uint32{3: {0, 2}}, "out of order"},
		{"older kind first", packs, []Located{named(3, 1, InputSet, 8, 150, 100, 0), named(3, 1, Result, 200, 150, 100, 0)}, map[byte][2]uint32{3: {0, 2}}, "out of order"},
		{"a blob among others", packs, nil, nil, ""},
		{"kind 0", packs, one(named(3, 1, 0, 8, 150, 100, 0)), map[byte][2]uint32{3: {0, 1}}, "kind 0"},
		{"in no pack", packs, one(named(3, 1, Result, 8, 150, 100, 2)), map[byte][2]uint32{3: {0, 1}}, "in pack 2 of 2"},
		{"before the pack's header", packs, one(named(3, 1, Result, 7, 150, 100, 0)), map[byte][2]uint32{3: {0, 1}}, "record at 7"},
		{"beyond the pack", packs, one(named(3, 1, Result, 1<<20-200, 150, 100, 0)), map[byte][2]uint32{3: {0, 1}}, "in a pack of"},
		{"a bomb", packs, one(named(3, 1, Result, 8, 150, 1<<30, 0)), map[byte][2]uint32{3: {0, 1}}, "200-fold"},
		{"too long", packs, one(named(3, 1, Result, 8, 1<<32-1, 1<<30, 0)), map[byte][2]uint32{3: {0, 1}}, "in a record of"},
		{"too large", packs, one(named(3, 1, Result, 8, 150, 1<<32-1, 0)), map[byte][2]uint32{3: {0, 1}}, "at most"},
		{"packs out of order", []Ref{packs[1], packs[0]}, nil, nil, "packs out of order"},
		{"overlapping", packs, []Located{
			named(3, 1, Result, 8, 600<<10, 600<<10, 0), named(3, 2, Result, 9, 600<<10, 600<<10, 0),
		}, map[byte][2]uint32{3: {0, 2}}, "overlap"},
	} {
		table, err := OpenIndex(shardsOf(t, c.packs, c.records, c.counts))
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want an error with %q", c.name, err, c.want)
		}
		if c.name == "of an unknown kind" && (table.Len() != 0 || len(slices.Collect(table.All())) != 0) {
			t.Errorf("%s: %d records, want none", c.name, table.Len())
		}
	}
	// A blob where the others are has a sum of its own, which would not be its name.
	b := shardsOf(t, packs, one(good), map[byte][2]uint32{3: {0, 1}})
	b[len(b)-sha256.Size-tailSize] = byte(Blob)
	if _, err := OpenIndex(sealed(b)); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "among others") {
		t.Errorf("a blob among others: %v, want an error", err)
	}
}

func TestEncodeRefuses(t *testing.T) {
	many := make([]Ref, MaxPacks+1)
	for i := range many {
		many[i] = ref("local", i, 1)
	}
	record := located(Result, "a", "b", 0, 8)
	for _, c := range []struct {
		name    string
		packs   []Ref
		records []Located
	}{
		{"too many packs", many, nil},
		{"a pack twice", []Ref{ref("local", 1, 1), ref("local", 1, 2)}, nil},
		{"a scope of dots", []Ref{ref("trusted/..", 1, 1)}, nil},
		{"a scope of nothing", []Ref{ref("", 1, 1)}, nil},
		{"a scope that begins with a slash", []Ref{ref("/local", 1, 1)}, nil},
		{"a scope of four segments", []Ref{ref("a/b/c/d", 1, 1)}, nil},
		{"a scope of a wrong byte", []Ref{ref("trusted/mä", 1, 1)}, nil},
		{"a scope too long", []Ref{ref(strings.Repeat("a", MaxScope+1), 1, 1)}, nil},
		{"a pack too small", []Ref{{Scope: "local", Size: 63}}, nil},
		{"a pack too large", []Ref{{Scope: "local", Size: MaxPack + 1}}, nil},
		{"a time before 1970", []Ref{{Scope: "local", Size: 64, Time: time.Unix(-1, 0)}}, nil},
		{"a time after 9999", []Ref{{Scope: "local", Size: 64, Time: time.Unix(1<<40, 0)}}, nil},
		{"a record of no pack", nil, []Located{record}},
		{"a record of a negative pack", []Ref{ref("local", 1, 1)}, []Located{{record.Record, -1}}},
		{"a record beyond its pack", []Ref{{Scope: "local", Size: 150}}, []Located{record}},
	} {
		if _, err := EncodeIndex(&Index{Packs: c.packs, Records: c.records}); err == nil {
			t.Errorf("EncodeIndex with %s is no error", c.name)
		}
		p := &Profile{Packs: c.packs}
		for _, l := range c.records {
			p.Items = append(p.Items, Item{Located: l})
		}
		if _, err := EncodeProfile(p); err == nil {
			t.Errorf("EncodeProfile with %s is no error", c.name)
		}
	}
}

func TestProvenanceIsCut(t *testing.T) {
	long := strings.Repeat("<ä>", 1000)
	b, err := EncodeIndex(&Index{Provenance: Provenance{long, long, long, long, long, long, long, long, long, long, "\xff" + long}})
	if err != nil {
		t.Fatal(err)
	}
	table, err := OpenIndex(b)
	if err != nil {
		t.Fatal(err)
	}
	if got := table.Provenance(); got.Version != strings.Repeat("<ä>", 50) || !strings.HasPrefix(got.Runner, "<ä>") {
		t.Errorf("Provenance() = %+v, want each text cut at %d bytes", got, maxField)
	}
}
