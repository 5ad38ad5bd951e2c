package pack

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum continues the CRC-32C of what came before b.
func checksum(before uint32, b []byte) uint32 { return crc32.Update(before, castagnoli, b) }

// parser takes values from the front of bytes. After a failure it returns zeroes, and err says what was missing first.
type parser struct {
	b   []byte
	err error
}

func (p *parser) fail(what string) {
	if p.err == nil {
		p.err = corrupt("%s", what)
	}
	p.b = nil
}

// take returns the next n bytes, which alias the input.
func (p *parser) take(n uint64) []byte {
	if p.err != nil || n > uint64(len(p.b)) {
		p.fail("it ends early")
		return nil
	}
	b := p.b[:n]
	p.b = p.b[n:]
	return b
}

func (p *parser) byte() byte {
	if b := p.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (p *parser) key() digest.Key {
	if b := p.take(keySize); b != nil {
		return keyAt(b)
	}
	return digest.Key{}
}

// uvarint reads a number in its shortest form: there is one encoding of each value.
func (p *parser) uvarint() uint64 {
	v, n := binary.Uvarint(p.b)
	if p.err != nil || n <= 0 || n > 1 && p.b[n-1] == 0 {
		p.fail("a number is cut, too large or not in its shortest form")
		return 0
	}
	p.b = p.b[n:]
	return v
}

// number reads a uvarint of at most limit.
func (p *parser) number(limit int64) int64 {
	v := p.uvarint()
	if v > uint64(limit) {
		p.fail("a number is too large")
		return 0
	}
	return int64(v)
}

// varint reads a signed number in zigzag form.
func (p *parser) varint() int64 {
	u := p.uvarint()
	v := int64(u >> 1)
	if u&1 != 0 {
		v = ^v
	}
	return v
}
