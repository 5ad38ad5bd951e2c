package cc

// timeWords records which of the macros __DATE__, __TIME__ and __TIMESTAMP__ a text names, and from which pieces it could
// paste one together with ##.
type timeWords struct {
	named  uint8     // bit i: timeMacros[i] is a token
	word   uint8     // bit i: the bare word (DATE) is a token
	prefix [3]uint16 // bit n: the first n characters of timeMacros[i] are a token
	suffix [3]uint16 // bit n: its last n characters are a token
}

var timeMacros = [3]string{"__DATE__", "__TIME__", "__TIMESTAMP__"}

const timestampMacro = 2

// see notes a token that starts with an underscore or ends with one, or is a bare word.
func (t *timeWords) see(token []byte) {
	if len(token) > len("__TIMESTAMP__") {
		return
	}
	for i, macro := range timeMacros {
		switch n := len(token); {
		case n > len(macro):
		case n == len(macro):
			if string(token) == macro {
				t.named |= 1 << i
			}
		default:
			if string(token) == macro[:n] {
				t.prefix[i] |= 1 << n
			}
			if string(token) == macro[len(macro)-n:] {
				t.suffix[i] |= 1 << n
			}
			if string(token) == macro[2:len(macro)-2] {
				t.word |= 1 << i
			}
		}
	}
}

func (t *timeWords) merge(other timeWords) {
	t.named |= other.named
	t.word |= other.word
	for i := range timeMacros {
		t.prefix[i] |= other.prefix[i]
		t.suffix[i] |= other.suffix[i]
	}
}

// pasted returns the macro that the pieces could make, "" for none. Two pieces must make the whole macro; three must be
// underscores, the bare word and underscores, or leave a gap between a telling prefix and a telling suffix.
func (t *timeWords) pasted() string {
	for i, macro := range timeMacros {
		for p := 1; p < len(macro); p++ {
			if t.prefix[i]&(1<<p) == 0 {
				continue
			}
			for s := 1; p+s <= len(macro); s++ {
				if t.suffix[i]&(1<<s) == 0 {
					continue
				}
				switch {
				case p+s == len(macro), p > 2 && s > 2:
					return macro
				case p == 2 && s == 2 && t.word&(1<<i) != 0:
					return macro
				}
			}
		}
	}
	return ""
}
