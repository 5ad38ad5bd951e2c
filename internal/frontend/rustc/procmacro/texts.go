package procmacro

import (
	"bytes"
	"debug/elf"
	"regexp"
	"strings"
)

// texts are the words in a library that may name variables, each with a space behind it.
type texts struct {
	data []byte // runs of letters that names are made of, in data; literals stand one behind the other without a mark
	code []byte // the same in code: short literals become parts of instructions
}

// head is how many bytes of a text an instruction surely holds in one piece where it holds the text.
const head = 4

// shortest is the length from which a run of such letters counts.
const shortest = 3

func isWordByte(c byte) bool { return c == '_' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' }

// words calls visit for each run of the letters that names are made of.
func words(data []byte, visit func(word []byte)) {
	for i := 0; i < len(data); i++ {
		if !isWordByte(data[i]) {
			continue
		}
		start := i
		for i < len(data) && isWordByte(data[i]) {
			i++
		}
		if i-start >= shortest {
			visit(data[start:i])
		}
	}
}

// readTexts collects the words of a library.
func readTexts(f *elf.File) texts {
	var t texts
	seen := map[string]bool{}
	for _, s := range f.Sections {
		if s.Type != elf.SHT_PROGBITS || s.Flags&elf.SHF_ALLOC == 0 || s.Name == ".eh_frame" || s.Name == ".eh_frame_hdr" || s.Name == ".gcc_except_table" {
			continue
		}
		data, err := s.Data()
		if err != nil {
			continue
		}
		code := s.Flags&elf.SHF_EXECINSTR != 0
		words(data, func(w []byte) {
			if code && len(w) < head || seen[string(w)] {
				return
			}
			seen[string(w)] = true
			if code {
				t.code = append(append(t.code, w...), ' ')
			} else {
				t.data = append(append(t.data, w...), ' ')
			}
		})
	}
	return t
}

// Mentions reports whether a text of capital letters, digits and underscores, the name of a variable or the beginning of
// some, is in the library, or may be.
func (t *Traits) Mentions(name string) bool {
	return bytes.Contains(t.texts.data, []byte(name)) || len(name) >= head && bytes.Contains(t.texts.code, []byte(name[:head])) || strings.ToUpper(name) != name
}

// Spells is Mentions for a whole name, of which instructions of x86-64 hold the first eight letters in one piece.
func (t *Traits) Spells(name string) bool {
	return bytes.Contains(t.texts.data, []byte(name)) || len(name) >= head && bytes.Contains(t.texts.code, []byte(name[:min(len(name), 2*head)]))
}

// Holds reports whether a text of at least eight such letters is surely in the library's data, where other literals may stand beside it.
func (t *Traits) Holds(name string) bool {
	return len(name) >= 2*head && bytes.Contains(t.texts.data, []byte(name))
}

// repository is git's directory, which holds what was committed when, but not files such as .gitignore.
var repository = regexp.MustCompile(`\.git(?:$|[^ahiklm]|h[^u])`)

// namesRepository reports whether the data of a library names git's directory.
func namesRepository(f *elf.File) bool {
	for _, s := range f.Sections {
		if s.Type != elf.SHT_PROGBITS || s.Flags&elf.SHF_ALLOC == 0 || s.Flags&elf.SHF_EXECINSTR != 0 {
			continue
		}
		if data, err := s.Data(); err == nil && repository.Match(data) {
			return true
		}
	}
	return false
}
