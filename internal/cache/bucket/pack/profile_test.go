package pack

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sampleOfProfile() *Profile {
	p := &Profile{Provenance: someone, Packs: []Ref{ref("trusted/main", 1, 1000), ref("pr/17", 2, 3000)}}
	for i, at := range []int64{8, 158, 1000, 308, 500_000, 700} {
		item := Item{Located: located(Result, fmt.Sprint("key ", i), "payload", i%2, at), Age: i * i}
		if i%3 == 0 {
			item.Located = located(Blob, fmt.Sprint("key ", i), "", i%2, at)
		}
		p.Items = append(p.Items, item)
	}
	return p
}

func sampleProfile(t testing.TB) []byte {
	t.Helper()
	b, err := EncodeProfile(sampleOfProfile())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestProfileRoundTrip(t *testing.T) {
	for _, want := range []*Profile{{}, {Packs: []Ref{ref("local", 1, 0)}}, sampleOfProfile()} {
		b, err := EncodeProfile(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseProfile(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, want, comparable); diff != "" {
			t.Errorf("ParseProfile (-got +want):\n%s", diff)
		}
		if again, err := EncodeProfile(got); err != nil || !bytes.Equal(again, b) {
			t.Errorf("encoded again: %v, want the same %d bytes", err, len(b))
		}
	}
}

// TestProfileOfOnePackIsShort: what was used in the order in which it was stored costs little more than its names.
func TestProfileOfOnePackIsShort(t *testing.T) {
	p := &Profile{Packs: []Ref{{Scope: "local", Size: 64 << 20}}}
	at := int64(magicSize)
	for i := range 1000 {
		l := located(Blob, fmt.Sprint(i), "", 0, at)
		l.Length, l.Size = 5000, 20000
		at += l.Length
		p.Items = append(p.Items, Item{Located: l})
	}
	b, err := EncodeProfile(p)
	if err != nil {
		t.Fatal(err)
	}
	if perItem := len(b) / 1000; perItem > 42 {
		t.Errorf("%d bytes for each item, want at most 42", perItem)
	}
}

func TestForgedProfiles(t *testing.T) {
	packs := []Ref{ref("local", 1, 9), ref("local", 2, 8)}
	record := located(Result, "a", "b", 0, 8)
	item := func(kind Kind, pack, offset int64, length, size, age uint64) []byte {
		b := appendKey([]byte{byte(kind)}, record.Name)
		if kind != Blob {
			b = appendKey(b, record.Sum)
		}
		b = binary.AppendVarint(binary.AppendVarint(b, pack), offset)
		return binary.AppendUvarint(binary.AppendUvarint(binary.AppendUvarint(b, length), size), age)
	}
	for _, c := range []struct {
		name  string
		count uint64
		items []byte
		want  string
		n     int
	}{
		{"honest", 1, item(Result, 0, 0, 150, 100, 0), "", 1},
		{"of an unknown kind", 1, item(200, 0, 0, 150, 100, 0), "", 0},
		{"more counted than there", 2, item(Result, 0, 0, 150, 100, 0), "ends early", 0},
		{"2^63 counted", 1 << 63, item(Result, 0, 0, 150, 100, 0), "too large", 0},
		{"millions counted", MaxProfile, item(Result, 0, 0, 150, 100, 0), "ends early", 0},
		{"less counted than there", 0, item(Result, 0, 0, 150, 100, 0), "behind the items", 0},
		{"pack -1", 1, item(Result, -1, 0, 150, 100, 0), "pack", 0},
		{"pack 2", 1, item(Result, 2, 0, 150, 100, 0), "pack", 0},
		{"pack 2^62", 1, item(Result, 1<<62, 0, 150, 100, 0), "pack", 0},
		{"pack -2^63", 1, item(Result, -1<<63, 0, 150, 100, 0), "pack", 0},
		{"before the pack", 1, item(Result, 0, -1, 150, 100, 0), "record at 7", 0},
		{"offset 2^63-1", 1, item(Result, 0, 1<<63-1, 150, 100, 0), "record at", 0},
		{"beyond the pack", 1, item(Result, 0, 1<<20, 150, 100, 0), "record at", 0},
		{"length of 2^63", 1, item(Result, 0, 0, 1<<63, 100, 0), "too large", 0},
		{"size of 2^63", 1, item(Result, 0, 0, 150, 1<<63, 0), "too large", 0},
		{"age of 2^63", 1, item(Result, 0, 0, 150, 100, 1<<63), "too large", 0},
		{"a bomb", 1, item(Result, 0, 0, 150, 1<<30, 0), "200-fold", 0},
		{"the same place twice", 2, append(item(Result, 0, 0, 150, 100, 0), item(Result, 0, -150, 150, 100, 0)...), "overlap", 0},
		{"overlapping by one byte", 2, append(item(Result, 0, 0, 150, 100, 0), item(Note, 0, -1, 150, 100, 0)...), "overlap", 0},
		{"side by side, backwards", 2, append(item(Result, 0, 150, 150, 100, 0), item(Note, 0, -300, 150, 100, 0)...), "", 2},
		{"a number not in its shortest form", 1, append(item(Result, 0, 0, 150, 100, 0)[:70], 0x80, 0), "shortest", 0},
	} {
		b, err := appendProvenance([]byte(profileMagic), someone)
		if err != nil {
			t.Fatal(err)
		}
		if b, err = appendRefs(b, packs); err != nil {
			t.Fatal(err)
		}
		b = append(binary.AppendUvarint(b, c.count), c.items...)
		p, err := ParseProfile(sealed(append(b, make([]byte, sha256.Size)...)))
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want an error with %q", c.name, err, c.want)
		}
		if err == nil && len(p.Items) != c.n {
			t.Errorf("%s: %d items, want %d", c.name, len(p.Items), c.n)
		}
	}
	over := sampleOfProfile()
	over.Items = append(over.Items, over.Items[0])
	if _, err := EncodeProfile(over); err == nil {
		t.Error("EncodeProfile with an item twice is no error")
	}
	over.Items = over.Items[:1]
	over.Items[0].Age = -1
	if _, err := EncodeProfile(over); err == nil {
		t.Error("EncodeProfile with an item of age -1 is no error")
	}
}
