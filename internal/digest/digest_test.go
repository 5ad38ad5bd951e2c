package digest

import (
	"io"
	"testing"
)

func TestParseRoundTrip(t *testing.T) {
	d := Of([]byte("hello"))
	got, err := Parse(d.String())
	if err != nil || got != d {
		t.Fatalf("Parse(%q) = %v, %v; want %v", d.String(), got, err, d)
	}
	h := NewHasher()
	h.Write([]byte("hel"))
	h.Write([]byte("lo"))
	if h.Digest() != d {
		t.Errorf("Hasher gives %v, Of gives %v", h.Digest(), d)
	}
	k := KeyOf([]byte("prose"))
	if got, err := ParseKey(k.String()); err != nil || got != k {
		t.Errorf("ParseKey(%q) = %v, %v; want %v", k.String(), got, err, k)
	}
}

func TestParseRefuses(t *testing.T) {
	hex := Of(nil).Hex()
	for _, s := range []string{
		"", "/", hex, hex + "/", hex + "/-1", hex + "/01", hex + "/+1", hex + "/9223372036854775808",
		hex[1:] + "/0", "G" + hex[1:] + "/0", "../" + hex[3:] + "/0",
		"E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855/0",
	} {
		if d, err := Parse(s); err == nil {
			t.Errorf("Parse(%q) = %v, want an error", s, d)
		}
	}
	if k, err := ParseKey(hex[:63] + "/"); err == nil {
		t.Errorf("ParseKey = %v, want an error", k)
	}
}

// A reader of Content tells the digest from the start, wherever it stands, and Open returns one of all the bytes each time.
func TestContent(t *testing.T) {
	c := NewContent([]byte("hello"))
	for range 2 {
		r, err := c.Open()
		if err != nil {
			t.Fatal(err)
		}
		hashed := r.(interface{ Digest() (Digest, bool) })
		before, known := hashed.Digest()
		got, err := io.ReadAll(r)
		after, still := hashed.Digest()
		if want := Of([]byte("hello")); string(got) != "hello" || err != nil || !known || !still || before != want || after != want {
			t.Errorf("read %q, %v of %v, %t, then %v, %t; want hello of %v", got, err, before, known, after, still, want)
		}
	}
}
