// Package digest names content: a Digest is the SHA-256 and the size of some bytes, a Key is the SHA-256 of prose.
//
// Both are opaque and comparable, are checked once where text comes in (Parse, ParseKey), and never travel
// between packages as hex strings. SHA-256 is the Remote Execution API's default digest function, so a blob
// has one name in every tier.
package digest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"
)

// Digest names a blob by content. The zero Digest names nothing.
type Digest struct {
	sum  [sha256.Size]byte
	size int64
}

// Of returns the digest of b.
func Of(b []byte) Digest {
	return Digest{sum: sha256.Sum256(b), size: int64(len(b))}
}

// Parse reads the form that String writes: 64 lower-case hex digits, a slash, a decimal size.
func Parse(s string) (Digest, error) {
	name, sizeText, ok := strings.Cut(s, "/")
	if !ok {
		return Digest{}, fmt.Errorf("digest %q: want <sha256>/<size>", s)
	}
	sum, err := parseSum(name)
	if err != nil {
		return Digest{}, fmt.Errorf("digest %q: %w", s, err)
	}
	size, err := strconv.ParseInt(sizeText, 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != sizeText {
		return Digest{}, fmt.Errorf("digest %q: size %q is no size", s, sizeText)
	}
	return Digest{sum: sum, size: size}, nil
}

// String returns "<64 hex digits>/<size>".
func (d Digest) String() string { return d.Hex() + "/" + strconv.FormatInt(d.size, 10) }

// Hex returns the SHA-256 alone, as 64 lower-case hex digits.
func (d Digest) Hex() string { return hex.EncodeToString(d.sum[:]) }

// Size returns the length of the named content in bytes.
func (d Digest) Size() int64 { return d.size }

// Sum returns the SHA-256.
func (d Digest) Sum() [sha256.Size]byte { return d.sum }

// IsZero reports whether d names nothing.
func (d Digest) IsZero() bool { return d == Digest{} }

// FromSum returns the digest of size bytes whose SHA-256 is sum.
func FromSum(sum [sha256.Size]byte, size int64) Digest { return Digest{sum: sum, size: size} }

// Hasher computes the Digest of what is written to it.
type Hasher struct {
	h    hash.Hash
	size int64
}

// NewHasher returns a Hasher to which nothing has been written.
func NewHasher() *Hasher { return &Hasher{h: sha256.New()} }

// Write adds p to the content; it never fails.
func (h *Hasher) Write(p []byte) (int, error) {
	h.size += int64(len(p))
	return h.h.Write(p)
}

// Digest returns the digest of everything written so far.
func (h *Hasher) Digest() Digest {
	d := Digest{size: h.size}
	h.h.Sum(d.sum[:0])
	return d
}

// Content is bytes that lie in memory, with their digest. Only NewContent pairs the two, so who is given a Content need not hash again.
type Content struct {
	b []byte
	d Digest
}

// NewContent hashes b, which must not change while the Content or what Open returned is in use.
func NewContent(b []byte) *Content { return &Content{b: b, d: Of(b)} }

// Digest returns the digest of the bytes.
func (c *Content) Digest() Digest { return c.d }

// Bytes returns the bytes, which are for reading only.
func (c *Content) Bytes() []byte { return c.b }

// Open returns a reader of the bytes, in the form in which stores take what is put. It tells their digest (cache.Hashed), and has
// a WriteTo that writes all with one call.
func (c *Content) Open() (io.ReadCloser, error) {
	return &contentReader{Reader: bytes.NewReader(c.b), d: c.d}, nil
}

type contentReader struct {
	*bytes.Reader
	d Digest
}

// Digest implements cache.Hashed.
func (r *contentReader) Digest() (d Digest, ok bool) { return r.d, true }

func (*contentReader) Close() error { return nil }

// Key names what prose describes: a compilation (the SHA-256 of its recipe) or a result (recipe and inputs).
// The zero Key names nothing.
type Key struct{ sum [sha256.Size]byte }

// KeyOf returns the key of prose.
func KeyOf(prose []byte) Key { return Key{sum: sha256.Sum256(prose)} }

// KeyFromSum returns the key whose bytes are sum.
func KeyFromSum(sum [sha256.Size]byte) Key { return Key{sum: sum} }

// ParseKey reads 64 lower-case hex digits.
func ParseKey(s string) (Key, error) {
	sum, err := parseSum(s)
	if err != nil {
		return Key{}, fmt.Errorf("key %q: %w", s, err)
	}
	return Key{sum: sum}, nil
}

// String returns 64 lower-case hex digits.
func (k Key) String() string { return hex.EncodeToString(k.sum[:]) }

// Short returns the first 12 hex digits, for people.
func (k Key) Short() string { return hex.EncodeToString(k.sum[:6]) }

// Sum returns the SHA-256.
func (k Key) Sum() [sha256.Size]byte { return k.sum }

// IsZero reports whether k names nothing.
func (k Key) IsZero() bool { return k == Key{} }

var errNotHex = errors.New("want 64 lower-case hex digits")

func parseSum(s string) (sum [sha256.Size]byte, err error) {
	if len(s) != hex.EncodedLen(len(sum)) || strings.ToLower(s) != s {
		return sum, errNotHex
	}
	if _, err := hex.Decode(sum[:], []byte(s)); err != nil {
		return sum, errNotHex
	}
	return sum, nil
}
