//go:build unix

package wrapper

// An unmapper replaces texts in a stream: the names that a compiler was told to give to paths, by the paths. What it is given is
// kept back only as far as it may be the beginning of such a text, so never beyond the end of a line.
type unmapper struct {
	pairs []string // text, replacement, text, replacement..
	held  []byte   // the beginning of a text, perhaps; shorter than the longest
}

// newUnmapper returns an unmapper for pairs as protocol.Run has them, nil where there is nothing to replace.
func newUnmapper(pairs []string) *unmapper {
	var kept []string
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] != "" {
			kept = append(kept, pairs[i], pairs[i+1])
		}
	}
	if kept == nil {
		return nil
	}
	return &unmapper{pairs: kept}
}

// next takes what was read and returns what may go on. It is valid until the next call.
func (u *unmapper) next(b []byte) []byte {
	if u == nil {
		return b
	}
	return u.replace(b, false)
}

// rest returns what was kept back, at the end of the stream.
func (u *unmapper) rest() []byte {
	if u == nil {
		return nil
	}
	return u.replace(nil, true)
}

func (u *unmapper) replace(b []byte, end bool) []byte {
	in := b
	if len(u.held) > 0 {
		in = append(u.held, b...)
		u.held = nil
	}
	var out []byte
	done := 0 // of in, what is in out
	for i := range in {
		if i < done || !u.begins(in[i]) {
			continue
		}
		at, more := u.longest(in[i:])
		if more && !end {
			u.held = append([]byte(nil), in[i:]...)
			return append(out, in[done:i]...)
		}
		if at >= 0 {
			out = append(append(out, in[done:i]...), u.pairs[at+1]...)
			done = i + len(u.pairs[at])
		}
	}
	if out == nil && done == 0 {
		return in
	}
	return append(out, in[done:]...)
}

// begins reports whether a text begins with a byte: nearly all are passed over by this.
func (u *unmapper) begins(c byte) bool {
	for i := 0; i < len(u.pairs); i += 2 {
		if u.pairs[i][0] == c {
			return true
		}
	}
	return false
}

// longest returns the index of the longest text that b begins with, -1 for none, and whether b ends within one that is longer.
func (u *unmapper) longest(b []byte) (at int, more bool) {
	at = -1
	for i := 0; i < len(u.pairs); i += 2 {
		switch text := u.pairs[i]; {
		case len(b) < len(text):
			more = more || string(b) == text[:len(b)]
		case string(b[:len(text)]) == text && (at < 0 || len(text) > len(u.pairs[at])):
			at = i
		}
	}
	return at, more
}
